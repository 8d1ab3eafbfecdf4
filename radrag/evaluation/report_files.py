"""Files of references and predictions: ReXrank's, R2Gen's, and plain CSV, JSON or JSON lines; all faults are listed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from radrag.errors import UsageError
from radrag.reports.sections import BODY, parse_sections

# The empty name is the index column of R2Gen's res.csv and gts.csv, as pandas writes it; "0" is its column of texts.
_ID = ("study_id", "study", "case_id", "id", "uid", "")
_TEXT = {
    "references": ("report", "reference", "ground_truth", "text", "0"),
    "predictions": ("model_prediction", "prediction", "generated_report", "generated", "report", "text", "0"),
}
_SECTIONS = {"findings": ("findings", "section_findings"), "impression": ("impression", "section_impression")}
_PATIENT = ("patient", "patient_id", "subject_id")
_BLANK = {"", "nan", "none", "null"}
_SHOWN = 10

Record = tuple[str, Mapping[str, Any]]
"""Where a record stands in its file, and its fields by lower-case name."""


class Part(StrEnum):
    """Which part of reports is compared."""

    ALL = "all"
    FINDINGS = "findings"
    IMPRESSION = "impression"


class Side(StrEnum):
    """Which side of the comparison a file is read for: ReXrank's holds both."""

    REFERENCES = "references"
    PREDICTIONS = "predictions"


@dataclass(frozen=True, slots=True)
class ReportTexts:
    """One study's text as a file has it: a whole report, or sections; what is not there is empty."""

    report: str = ""
    findings: str = ""
    impression: str = ""
    patient: str = ""

    def part(self, part: Part) -> str:
        """Return the text of a part; a report without headers is all findings. Headers are no part of the text."""
        own = {"findings": self.findings, "impression": self.impression}
        sections = {name: text for name, text in own.items() if text}
        if not sections and self.report:
            sections = parse_sections(self.report)
        if part is not Part.ALL:
            return sections.get(part.value, "")
        return " ".join(sections[name] for name in BODY if name in sections) or self.report


def read_reports(path: Path, side: Side, *, split: str = "test") -> dict[str, ReportTexts]:
    """Read a file of reports by study.

    Args:
        path: CSV, JSON or JSON lines, by its content. JSON may be study → text, study → fields (ReXrank), a list of
            records, or R2Gen's annotation with a list a split.
        side: decides which field is the text where a file has both.
        split: of R2Gen's annotation.

    Raises:
        UsageError: the file cannot be read, a record has no id or no text field, or a study comes twice. Everything of
            one kind is named at once, by its place in the file, never by its id.
    """
    found: dict[str, ReportTexts] = {}
    nameless, twice, textless = [], [], []
    for place, fields in _records(path, side, split):
        name = _first(fields, _ID)
        texts = _texts(fields, side)
        if not name:
            nameless.append(place)
        elif texts is None:
            textless.append(place)
        elif name in found:
            twice.append(place)
        else:
            found[name] = texts
    ids, columns = ", ".join(_ID[:-1]), ", ".join([*_TEXT[side][:-1], *_SECTIONS])
    for places, wrong, hint in (
        (nameless, "have no study id", f"Name the field one of: {ids}."),
        (textless, f"have no text of {side}", f"Name the field one of: {columns}."),
        (twice, "name a study that came before", "Keep one report a study."),
    ):
        if places:
            more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
            raise UsageError(f"{path.name}: {', '.join(places[:_SHOWN])}{more} {wrong}.", hint=hint)
    if not found:
        raise UsageError(f"{path.name} has no reports.")
    return found


def _texts(fields: Mapping[str, Any], side: Side) -> ReportTexts | None:
    """Return a record's texts; None where it has no field for one. A blank field is a text: an empty report."""
    own = [name for name in _TEXT[side] if name in fields]
    sections = {part: _first(fields, names) for part, names in _SECTIONS.items()}
    # ReXrank's files repeat the reference's sections beside the prediction.
    rexrank = side is Side.PREDICTIONS and "model_prediction" in fields
    if not own and not any(name in fields for names in _SECTIONS.values() for name in names):
        return None
    patient = _first(fields, _PATIENT)
    report = _first(fields, own)
    return ReportTexts(report, patient=patient) if rexrank else ReportTexts(report, patient=patient, **sections)


def _first(fields: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return the first field that is there and not blank."""
    values = (fields[name] for name in names if name in fields)
    texts = (value[0] if isinstance(value, list) and len(value) == 1 else value for value in values)
    return next((str(text).strip() for text in texts if str(text).strip().casefold() not in _BLANK), "")


def _records(path: Path, side: Side, split: str) -> Iterator[Record]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path} cannot be read: {reason}.") from None
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        yield from _csv_records(text, path.name)
        return
    try:
        yield from _json_records(json.loads(text), path.name, side, split)
    except json.JSONDecodeError:
        yield from _line_records(text, path.name)


def _csv_records(text: str, item: str) -> Iterator[Record]:
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise UsageError(f"{item}: line {reader.line_num} has another number of fields than the header.")
            yield f"line {reader.line_num}", {name.strip().casefold(): value for name, value in row.items()}
    except csv.Error as error:
        raise UsageError(f"{item}: line {reader.line_num} is not CSV ({error}).") from None


def _line_records(text: str, item: str) -> Iterator[Record]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", _lowered(json.loads(line))
        except (json.JSONDecodeError, AttributeError):
            raise UsageError(f"{item}: line {number} is no JSON object.") from None


def _json_records(value: Any, item: str, side: Side, split: str) -> Iterator[Record]:
    if isinstance(value, dict) and value and set(value) <= {"train", "val", "test"}:
        if not isinstance(value.get(split), list):
            raise UsageError(f"{item} has no split {split!r}; it has: {', '.join(value)}.")
        value = value[split]
    if isinstance(value, dict) and not any(name in value for name in _ID):
        records: list[Any] = [{"study_id": name} | _fields(of, side) for name, of in value.items()]
    else:
        records = value if isinstance(value, list) else [value]
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise UsageError(f"{item}: record {number} is no JSON object.")
        yield f"record {number}", _lowered(record)


def _fields(value: Any, side: Side) -> dict[str, Any]:
    return value if isinstance(value, dict) else {_TEXT[side][0]: "" if value is None else value}


def _lowered(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name.strip().casefold(): value for name, value in record.items()}
