"""ORU^R01 messages as reports: which study, which patient, how final, and the text of the OBX lines."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from data_prep.files import decode
from data_prep.hl7 import Message
from data_prep.report_values import Report, Status, heading
from radrag.dicom.people import MAX_AGE, iso
from radrag.reports.sections import parse_sections

# Suffixes of OBX-3.1 (HL7 v2.5.1, 7.2.4): what a line of a narrative report is. GDT and MDT, the descriptions, often
# hold the whole report and are parted by its own headers.
_SUFFIXES = {"IMP": "impression", "REC": "recommendation", "ADT": "addendum", "TCM": "technician"}
_STUDY_UID_CODES = {"110180", "113014"}  # DCM "Study Instance UID", "DICOM Study"
_TEXT_TYPES = {"TX", "FT", "ST", ""}
# HL7 tables 0123 (OBR-25) and 0085 (OBX-11).
_FINAL = {"F", "C"}
_WITHDRAWN_ORDER = {"X"}
_WITHDRAWN_LINE = {"D", "W", "X"}
# Where accession numbers stand: OBR-18 by IHE's scheduled workflow, IPC-1, else the filler's or placer's order number.
_ORDER_FIELDS = (("OBR", 18), ("IPC", 1), ("OBR", 3), ("ORC", 3), ("OBR", 2), ("ORC", 2), ("OBR", 20))
_UID_FIELDS = (("IPC", 3), ("ZDS", 1))
Segment = tuple[str, ...]


@dataclass(slots=True)
class _Order:
    """One OBR with what belongs to it."""

    patient: Segment
    segments: list[Segment] = field(default_factory=list)

    def all(self, name: str) -> list[Segment]:
        return [segment for segment in self.segments if segment[0] == name]

    def first(self, name: str) -> Segment:
        return next((segment for segment in self.segments if segment[0] == name), ())


def reports_of(message: Message) -> list[Report]:
    """Return the reports of an ORU message, one for each OBR that has text or an attachment; else none."""
    header = message.segments[0]
    if message.part(header, 9).upper() != "ORU":
        return []
    return [report for order in _orders(message) if (report := _report(message, order))]


def _orders(message: Message) -> list[_Order]:
    orders: list[_Order] = []
    patient: Segment = ()
    common: list[Segment] = []
    for segment in message.segments[1:]:
        name = segment[0]
        if name == "PID":
            patient = segment
        elif name == "ORC":
            common = [segment]
        elif name == "OBR":
            orders.append(_Order(patient, [*common, segment]))
            common = []
        elif orders:
            orders[-1].segments.append(segment)
        else:
            common.append(segment)
    return orders


def _report(message: Message, order: _Order) -> Report | None:
    request, header = order.first("OBR"), message.segments[0]
    sections, attached = _sections(message, order)
    status = _status(message, order)
    if not sections and not attached and status is not Status.WITHDRAWN:
        return None
    reason = message.part(request, 31, 2) or message.part(request, 31) or message.part(request, 13)
    if reason and sections and not {"indication", "history", "addendum"} & set(sections):
        sections = {"indication": reason, **sections}
    studied = _digits(message.part(request, 7)) or _digits(message.part(request, 22))
    names = " ".join(message.part(request, 4, place) for place in (2, 5)).strip() or message.part(request, 4)
    sex = message.part(order.patient, 8).upper()[:1]
    return Report(
        sections=sections,
        study_uids=_uids(message, order),
        accessions=_unique(message.part(one, place) for name, place in _ORDER_FIELDS for one in order.all(name)),
        patients=_patients(message, order.patient),
        status=status,
        when=next(
            filter(None, (_digits(message.part(*one)) for one in ((request, 22), (header, 7), (request, 7)))), ""
        ),
        procedure=names if re.search("[A-Za-z]", names) else "",
        service=message.part(request, 24),
        sex=sex if sex in {"M", "F", "O"} else "",
        age=_age(message.part(order.patient, 7), studied),
        studied_at=iso(studied[:8], studied[8:]),
        attached=attached,
    )


def _sections(message: Message, order: _Order) -> tuple[dict[str, str], bool]:
    """Return the text by section, and whether there is an attachment that is not text."""
    lines: dict[str, list[str]] = {}
    attached = False
    for line in order.all("OBX"):
        kind, code = message.part(line, 2).upper(), message.part(line, 3)
        if message.part(line, 11).upper() in _WITHDRAWN_LINE or code in _STUDY_UID_CODES:
            continue
        if kind == "ED":
            value = _embedded(message, line)
            attached = attached or value is None
        elif kind in _TEXT_TYPES:
            value = "\n".join(message.text(part) for part in message.repetitions(line, 5))
        else:
            continue
        suffix = message.part(line, 3, 1, 2).upper() or message.part(line, 3, 2, 2).upper()
        name = _SUFFIXES.get(suffix) or heading(code, message.part(line, 3, 2), message.part(line, 3, 5))
        lines.setdefault("" if name == "findings" else name, []).append((value or "").rstrip())
    lines.pop("technician", None)
    if not lines and not attached:  # some systems send the report as notes
        lines[""] = [message.text(note[3]) for note in order.all("NTE") if len(note) > 3]
    sections = parse_sections(_plain("\n".join(lines.pop("", []))))
    for name, parts in lines.items():
        text = _plain("\n".join(parts)).strip()
        within = parse_sections(text)
        text = within[name] if set(within) == {name} else text  # "IMPRESSION:" again at the text's start
        if text:
            sections[name] = f"{sections[name]}\n{text}" if name in sections else text
    return sections, attached


def _embedded(message: Message, line: Segment) -> str | None:
    """Return the text of an ED value (source^type^subtype^encoding^data); None when it is no text."""
    kind, subtype, encoding = (message.part(line, 5, place).lower() for place in (2, 3, 4))
    if kind not in {"text", "tx", "ft"} and subtype not in {"plain", "text"}:
        return None
    data = message.part(line, 5, 5)
    if encoding != "base64":
        return data
    try:
        return decode(base64.b64decode(data, validate=False))[0]
    except (binascii.Error, ValueError):
        return None


def _status(message: Message, order: _Order) -> Status:
    result = message.part(order.first("OBR"), 25).upper()
    lines = {message.part(line, 11).upper() for line in order.all("OBX")}
    if result in _WITHDRAWN_ORDER or (lines and lines <= _WITHDRAWN_LINE):
        return Status.WITHDRAWN
    if result:
        return Status.FINAL if result in _FINAL else Status.PRELIMINARY
    return Status.FINAL if lines <= _FINAL | {""} else Status.PRELIMINARY


def _uids(message: Message, order: _Order) -> tuple[str, ...]:
    found = [message.part(one, place) for name, place in _UID_FIELDS for one in order.all(name)]
    found += [message.part(line, 5) for line in order.all("OBX") if message.part(line, 3) in _STUDY_UID_CODES]
    return _unique(uid for uid in found if re.fullmatch(r"[0-9.]{1,64}", uid))


def _patients(message: Message, segment: Segment) -> tuple[str, ...]:
    """Return the patient's ids, the medical record number first (PID-3 is id^check digit^scheme^authority^type)."""
    component = message.delimiters.component
    known: list[tuple[bool, str]] = []
    for value in message.repetitions(segment, 3):
        parts = [*(value.split(component) if component else [value]), "", "", "", ""]
        known.append((parts[4].strip().upper() not in {"MR", "PI"}, message.text(parts[0]).strip()))
    known.sort(key=lambda one: one[0])
    return _unique([*(one[1] for one in known), message.part(segment, 2), message.part(segment, 4)])


def _age(born: str, studied: str) -> float | None:
    """Whole years between two dates YYYYMMDD."""
    if not iso(born[:8]) or not iso(studied[:8]):
        return None
    years = int(studied[:4]) - int(born[:4]) - (studied[4:8] < born[4:8])
    return float(years) if 0 <= years <= MAX_AGE else None


def _digits(stamp: str) -> str:
    """A time stamp (YYYYMMDDHHMMSS.SSSS+ZZZZ, any of its ends cut) as 14 digits; empty when there is none."""
    match = re.match(r"\d{8,14}", stamp)
    return match[0].ljust(14, "0") if match else ""


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
