"""A DICOM SR document (Basic Text, Enhanced, Comprehensive) as a report: its sections in words, and what it is of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from data_prep.report_values import Report, Status, heading
from radrag.corpus.collection import ItemRejected, RejectionCode
from radrag.dicom import people
from radrag.dicom.boundary import refusing
from radrag.dicom.header import first_item, text
from radrag.errors import RefusalCode, StudyRefused
from radrag.reports.sections import parse_sections

# Basic Text, Enhanced, Comprehensive, Comprehensive 3D, Extensible SR (PS3.4 annex B.5). Dose and CAD documents have
# classes of their own and are no reports.
SR_CLASSES = {f"1.2.840.10008.5.1.4.1.1.88.{number}" for number in (11, 22, 33, 34, 35)}
MAX_BYTES = 32 * 2**20
_DOSE_REPORTS = {"113701"}  # X-Ray Radiation Dose Report (TID 10001), which some devices send as Enhanced SR
# PS3.3 table C.17.3-1: items of these relationships say of what and by whom, or on what grounds, not what was seen.
_NOT_NARRATIVE = {"HAS OBS CONTEXT", "HAS CONCEPT MOD", "HAS ACQ CONTEXT", "INFERRED FROM", "SELECTED FROM"}
_PROCEDURE_REPORTED = "121058"
_MAX_DEPTH = 40


def read_sr(path: Path, item: str) -> Report | None:
    """Read one SR document; None for a dose report, which says nothing of the image.

    Raises:
        ItemRejected: ``unreadable_report``: damaged or far too large.
    """
    try:
        with refusing(path, RefusalCode.BAD_HEADER, "the SR document cannot be read"):
            if path.stat().st_size <= MAX_BYTES:
                return _report(dcmread(path, force=True))
    except StudyRefused as refusal:
        raise ItemRejected(RejectionCode.UNREADABLE_REPORT, item, refusal.reason) from None
    raise ItemRejected(RejectionCode.UNREADABLE_REPORT, item, "the file is too large to be a report.")


def _report(dataset: Dataset) -> Report | None:
    if text(first_item(dataset, "ConceptNameCodeSequence"), "CodeValue") in _DOSE_REPORTS:
        return None
    accessions = [text(dataset, "AccessionNumber")]
    accessions += [text(one, "AccessionNumber") for one in _items(dataset, "ReferencedRequestSequence")]
    uids = [text(dataset, "StudyInstanceUID")]
    for keyword in ("ReferencedRequestSequence", "CurrentRequestedProcedureEvidenceSequence"):
        uids += [text(one, "StudyInstanceUID") for one in _items(dataset, keyword)]
    return Report(
        sections=_sections(dataset),
        study_uids=tuple(dict.fromkeys(uid for uid in uids if uid)),
        accessions=tuple(dict.fromkeys(number for number in accessions if number)),
        patients=tuple(filter(None, [text(dataset, "PatientID")])),
        issuer=text(dataset, "IssuerOfPatientID"),
        status=_status(dataset),
        when=_issued(dataset),
        procedure=_procedure(dataset),
        sex=people.sex_of(dataset),
        age=people.age_of(dataset),
        studied_at=people.studied_at(dataset),
    )


def _status(dataset: Dataset) -> Status:
    """Verified or declared final is final (PS3.3 C.17.2); a complete but unverified document is not."""
    verified = text(dataset, "VerificationFlag").upper() == "VERIFIED"
    return Status.FINAL if verified or text(dataset, "PreliminaryFlag").upper() == "FINAL" else Status.PRELIMINARY


def _issued(dataset: Dataset) -> str:
    stamp = text(dataset, "ContentDate").replace(".", "") + text(dataset, "ContentTime").replace(":", "")
    match = re.match(r"\d{8,14}", stamp)
    return match[0].ljust(14, "0") if match else ""


def _procedure(dataset: Dataset) -> str:
    """The examination's name: the header's, else Procedure Reported among the context items."""
    names = [text(dataset, "StudyDescription")]
    names += [text(one, "CodeMeaning") for one in _items(dataset, "ProcedureCodeSequence")]
    for one in _items(dataset, "ReferencedRequestSequence"):
        names.append(text(one, "RequestedProcedureDescription"))
    for one in _items(dataset, "ContentSequence"):
        if text(first_item(one, "ConceptNameCodeSequence"), "CodeValue") == _PROCEDURE_REPORTED:
            names.append(text(first_item(one, "ConceptCodeSequence"), "CodeMeaning"))
    return " ".join(dict.fromkeys(name for name in names if name))


def _sections(dataset: Dataset) -> dict[str, str]:
    parts: dict[str, list[str]] = {}
    for section, words in _narrative(dataset, "", 0):
        parts.setdefault(section, []).append(words)
    sections = parse_sections("\n".join(parts.pop("", [])))  # without headings, the text may have headers of its own
    for section, found in parts.items():
        words = "\n".join(found)
        sections[section] = f"{sections[section]}\n{words}" if section in sections else words
    return sections


def _narrative(item: Dataset, section: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield (section, words) of the content tree below ``item``, in reading order."""
    if depth > _MAX_DEPTH:
        return
    for child in _items(item, "ContentSequence"):
        if text(child, "RelationshipType").upper() in _NOT_NARRATIVE:
            continue
        name = first_item(child, "ConceptNameCodeSequence")
        label = text(name, "CodeMeaning")
        named = heading(text(name, "CodeValue"), label)
        # A paragraph's own name (CID 7002) says less than the heading it stands under: "Finding" in the history.
        container = text(child, "ValueType").upper() == "CONTAINER"
        here = (named or section) if container else (section or named)
        words = _words(child, "" if named else label)
        if words:
            yield here, words
        yield from _narrative(child, here, depth + 1)


def _words(item: Dataset, label: str) -> str:
    """What one content item says; coded and numeric ones as "name: value." where the heading does not name them."""
    kind = text(item, "ValueType").upper()
    if kind == "TEXT":
        return text(item, "TextValue").replace("\r\n", "\n").replace("\r", "\n").strip()
    if kind == "CODE":
        value = text(first_item(item, "ConceptCodeSequence"), "CodeMeaning")
    elif kind == "NUM":
        measured = first_item(item, "MeasuredValueSequence")
        unit = text(first_item(measured, "MeasurementUnitsCodeSequence"), "CodeValue") if measured else ""
        value = f"{text(measured, 'NumericValue')} {unit if unit != '1' else ''}".strip()
    else:
        return ""
    if not value:
        return ""
    return f"{label}: {value}." if label else f"{value}."


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    value = dataset.get(keyword)
    return [one for one in value if isinstance(one, Dataset)] if value else []
