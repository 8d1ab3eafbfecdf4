"""One pass over a hospital's folder: which files are images of which study, and which are reports of what.

Only marks (salted hashes) of UIDs, accession numbers and patient ids are kept, never texts: about 1 KB a study.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset

from data_prep.hl7 import find_messages, parse_message
from data_prep.hl7_reports import reports_of
from data_prep.report_values import Report, Status
from data_prep.sr_text import SR_CLASSES, read_sr
from radrag.corpus.collection import ItemRejected, Rejection, RejectionCode
from radrag.dicom.boundary import refusing
from radrag.dicom.header import Header, looks_like_dicom, read_header, text
from radrag.dicom.quality import RADIOGRAPHY, check_header
from radrag.errors import RefusalCode, StudyRefused

_ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
_DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}
_TEXT_SUFFIXES = {".txt", ".text"}
_HL7_SUFFIXES = {".hl7", ".oru"}
_BYSTANDERS = {"readme", "license", "licence", "copying", "changelog", "notes", "index", "version", "dicomdir"}
_HL7_START = re.compile(rb"(?:\xef\xbb\xbf)?[\s\x0b]*(?:MSH|FHS|BHS)[^A-Za-z0-9\s]")
_CODES = {
    RefusalCode.NOT_CHEST: RejectionCode.NOT_CHEST,
    RefusalCode.WRONG_MODALITY: RejectionCode.NOT_CHEST,
    RefusalCode.TRUNCATED: RejectionCode.TRUNCATED_FILE,
}
_GOOD_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(slots=True)
class StudyEntry:
    """The chest radiographs of one study; ``mixed`` when they are of several patients."""

    files: list[str]
    accession: bytes
    patient: bytes
    mixed: bool = False


@dataclass(slots=True)
class ReportEntry:
    """Where one report is, and what is needed to find its study and its rank among others.

    Of an HL7 report: ``message`` counts its message in the file from 1, ``start`` and ``length`` are that one's bytes,
    ``number`` counts the report in it from 0.
    """

    path: str
    kind: str
    studies: tuple[bytes, ...]
    accessions: tuple[bytes, ...]
    patients: tuple[bytes, ...] = ()
    status: Status = Status.FINAL
    when: str = ""
    addendum: bool = False
    message: int = 0
    start: int = 0
    length: int = 0
    number: int = 0


@dataclass(slots=True)
class Elsewhere:
    """Images of one study that are no chest radiographs: the first one's item name, why, and how many."""

    item: str
    reason: str
    accession: bytes
    count: int = 1


@dataclass(slots=True)
class Table:
    """What the pass found. Studies come in the order of their first file; the keys are marks of study UIDs."""

    salt: str
    roots: tuple[Path, ...]
    studies: dict[bytes, StudyEntry] = field(default_factory=dict)
    reports: list[ReportEntry] = field(default_factory=list)
    elsewhere: dict[bytes, Elsewhere] = field(default_factory=dict)
    issuers: set[str] = field(default_factory=set)

    def item(self, path: str | Path) -> str:
        """Return a file's name in the report: its path from the folder."""
        for root in self.roots:
            if Path(path).is_relative_to(root):
                return Path(path).relative_to(root).as_posix()
        return Path(path).name

    def item_of(self, report: ReportEntry) -> str:
        """Return a report's name: its file's, with the message's number in a file of HL7."""
        item = self.item(report.path)
        return f"{item}:{report.message}" if report.message else item

    def mark(self, kind: str, value: str) -> bytes:
        """Return the salted hash that stands for an identifier; empty for none."""
        if not value:
            return b""
        return hashlib.sha256("\0".join((self.salt, kind, value)).encode("utf-8", "replace")).digest()[:16]

    def study_mark(self, uid: str) -> bytes:
        """Return the mark of a study UID."""
        return self.mark("study", uid)

    def accession_mark(self, number: str) -> bytes:
        """Return the mark of an accession or order number."""
        return self.mark("accession", number.strip().upper())

    def patient_mark(self, number: str) -> bytes:
        """Return the mark of a patient id, without the leading zeros that one system writes and another does not."""
        return self.mark("patient", number.strip().upper().lstrip("0"))


def scan(table: Table) -> Iterator[Rejection]:
    """Fill the table from its folders; yield what cannot be used, images of other regions once a study."""
    for root in table.roots:
        for path in walk(root):
            try:
                yield from _enter(table, path)
            except ItemRejected as rejected:
                yield rejected.rejection
            except OSError as error:
                message = f"the file cannot be read ({error.strerror})."
                yield Rejection(RejectionCode.UNREADABLE_IMAGE, table.item(path), message)
    for one in table.elsewhere.values():
        others = f" So are {one.count - 1} more of the study." if one.count > 1 else ""
        yield Rejection(RejectionCode.NOT_CHEST, one.item, f"{one.reason}{others}")


def walk(root: Path) -> Iterator[Path]:
    """Yield a folder's files, sorted; hidden ones and links to folders are passed over."""
    for here, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(here, name)


def kind_of_file(path: Path) -> str:
    """Return "dicom", "hl7", "text", "empty", "false" (not what its suffix says), or "" for other files.

    Raises:
        OSError: it cannot be read.
    """
    suffix, stem = path.suffix.lower(), path.stem.lower()
    ours = suffix in _DICOM_SUFFIXES | _TEXT_SUFFIXES | _HL7_SUFFIXES
    if not path.is_file() or stem in _BYSTANDERS:
        return ""
    if not path.stat().st_size:
        return "empty" if ours else ""
    if looks_like_dicom(path):
        return "dicom"
    with path.open("rb") as file:
        if _HL7_START.match(file.read(256)):
            return "hl7"
    if suffix in _TEXT_SUFFIXES:
        return "text"
    return "false" if ours else ""


def _enter(table: Table, path: Path) -> Iterator[Rejection]:
    item = table.item(path)
    if path.is_symlink() and not any(path.resolve().is_relative_to(root.resolve()) for root in table.roots):
        raise ItemRejected(RejectionCode.PATH_OUTSIDE, item, "the file is a link out of the collection's folder.")
    kind = kind_of_file(path)
    if kind == "empty":
        raise ItemRejected(RejectionCode.EMPTY_FILE, item, "the file is empty.")
    if kind == "false" and path.suffix.lower() in _HL7_SUFFIXES:
        raise ItemRejected(RejectionCode.UNREADABLE_REPORT, item, "the file does not start with an HL7 message.")
    if kind == "false":
        raise ItemRejected(RejectionCode.UNREADABLE_IMAGE, item, "this is not a DICOM file.")
    if kind == "text":
        stem = path.stem.strip()
        marks = (table.study_mark(stem),), (table.accession_mark(stem),)
        table.reports.append(ReportEntry(str(path), "text", *marks))
    elif kind == "hl7":
        yield from _enter_messages(table, path, item)
    elif kind == "dicom":
        _enter_dicom(table, path, item)


def _enter_dicom(table: Table, path: Path, item: str) -> None:
    header: Header | None = None
    try:
        with refusing(path, RefusalCode.BAD_HEADER, "the header cannot be read"):
            header = read_header(path)
            dataset = header.dataset
            sop_class = text(dataset, "SOPClassUID")
            modality = text(dataset, "Modality").upper()
            if sop_class in SR_CLASSES:
                _enter_report(table, path, item)
                return
            if sop_class == _ENCAPSULATED_PDF:
                message = "the report is a PDF; its text is not read. Export it as SR, HL7 or text."
                raise ItemRejected(RejectionCode.UNREADABLE_REPORT, item, message)
            if not header.has_pixels and not header.cut_off and modality not in RADIOGRAPHY:
                return  # presentation states, key objects, dose reports: neither image nor report
            uid = text(dataset, "StudyInstanceUID")
            if not _GOOD_UID.fullmatch(uid):
                raise ItemRejected(RejectionCode.MISSING_ID, item, "the header has no study UID.")
            check_header(header, item)
            _add_image(table, path, dataset)
    except StudyRefused as refusal:
        code = _CODES.get(RefusalCode(refusal.code), RejectionCode.UNREADABLE_IMAGE)
        if code is not RejectionCode.NOT_CHEST or header is None:
            raise ItemRejected(code, item, refusal.reason) from None
        mark = table.study_mark(text(header.dataset, "StudyInstanceUID"))
        known = table.elsewhere.get(mark)
        if known:
            known.count += 1
        else:
            accession = table.accession_mark(text(header.dataset, "AccessionNumber"))
            table.elsewhere[mark] = Elsewhere(item, refusal.reason, accession)


def _add_image(table: Table, path: Path, dataset: Dataset) -> None:
    mark = table.study_mark(text(dataset, "StudyInstanceUID"))
    accession = table.accession_mark(text(dataset, "AccessionNumber"))
    patient = table.patient_mark(text(dataset, "PatientID"))
    table.issuers.add(text(dataset, "IssuerOfPatientID"))
    entry = table.studies.get(mark)
    if entry is None:
        table.studies[mark] = StudyEntry([str(path)], accession, patient)
        return
    entry.files.append(str(path))
    entry.accession = entry.accession or accession
    entry.mixed = entry.mixed or bool(patient and entry.patient and patient != entry.patient)
    entry.patient = entry.patient or patient


def _enter_report(table: Table, path: Path, item: str) -> None:
    report = read_sr(path, item)
    if report is None:
        return
    if not report.sections:
        raise ItemRejected(RejectionCode.UNREADABLE_REPORT, item, "the SR document has no text.")
    table.reports.append(_entry(table, report, path))


def _enter_messages(table: Table, path: Path, item: str) -> Iterator[Rejection]:
    found = False
    with path.open("rb") as file:
        for ordinal, (start, data) in enumerate(find_messages(file), 1):
            where = f"{item}:{ordinal}"
            message = parse_message(data) if data is not None else None
            if data is None or message is None:
                found = True
                yield Rejection(RejectionCode.UNREADABLE_REPORT, where, "the HL7 message is cut off or far too long.")
                continue
            for number, report in enumerate(reports_of(message)):
                found = True
                entry = _entry(table, report, path, place=(ordinal, start, len(data), number))
                if not report.sections and report.status is not Status.WITHDRAWN:
                    text_inside = "the report is a file inside the message (PDF); its text is not read."
                    yield Rejection(RejectionCode.UNREADABLE_REPORT, where, text_inside)
                elif not entry.studies and not entry.accessions:
                    yield Rejection(
                        RejectionCode.MISSING_ID, where, "the report has neither order number nor study UID."
                    )
                else:
                    table.reports.append(entry)
    if not found:
        yield Rejection(RejectionCode.UNREADABLE_REPORT, item, "the file holds no ORU message with a report.")


def _entry(table: Table, report: Report, path: Path, *, place: tuple[int, int, int, int] = (0, 0, 0, 0)) -> ReportEntry:
    message, start, length, number = place
    return ReportEntry(
        path=str(path),
        kind="hl7" if message else "sr",
        studies=_marks(map(table.study_mark, report.study_uids)),
        accessions=_marks(map(table.accession_mark, report.accessions)),
        patients=_marks(map(table.patient_mark, report.patients)),
        status=report.status,
        when=report.when,
        addendum=report.is_addendum,
        message=message,
        start=start,
        length=length,
        number=number,
    )


def _marks(found: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(filter(None, found))
