"""The cells of a table as the values of a case; a cell that means nothing becomes empty and is named."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from data_prep.pair_columns import SECTIONS
from radrag.dicom.people import MAX_AGE, iso
from radrag.dicom.views import view_in_text
from radrag.domain import View
from radrag.reports.sections import parse_sections

_EMPTY = {"nan", "none", "null", "n/a", "<na>"}  # what pandas and others write for nothing
_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
# Frontal says neither PA nor AP; ingest may find out from the file.
_VIEWS = {"L": View.LATERAL, "FRONTAL": View.UNKNOWN, "UNKNOWN": View.UNKNOWN}
_SEXES = {"M": "M", "F": "F", "O": "O", "MALE": "M", "FEMALE": "F", "OTHER": "O", "MAN": "M", "WOMAN": "F"}
_AGE = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*(Y|M|W|D)?(?:EARS?|RS?|R|O)?", re.I)
_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


@dataclass(frozen=True, slots=True)
class Values:
    """A row's values; ``study`` is its study or, without one, its id; ``unread`` names the fields that mean nothing."""

    images: tuple[str, ...]
    views: tuple[View, ...]
    sections: Mapping[str, str]
    study: str = ""
    patient: str = ""
    studied_at: str = ""
    split: str = ""
    licence: str = ""
    sex: str = ""
    age: float | None = None
    labels: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def values_of(row: Mapping[str, Any], columns: Mapping[str, str]) -> Values:
    """Return a row's values; nothing is raised, whatever the cells hold."""

    def cell(field: str) -> str:
        return plain_text(row.get(columns.get(field, "")))

    def cells(field: str) -> list[str]:
        value = row.get(columns.get(field, ""))
        found = [plain_text(one) for one in value] if isinstance(value, list | tuple) else [plain_text(value)]
        return [one for one in found if one]

    images, words = tuple(dict.fromkeys(cells("image"))), cells("view")
    words = words * len(images) if len(words) == 1 else words[: len(images)]
    views = [view_of_word(word) for word in words]
    read = {
        "split": _SPLITS.get(cell("split").lower(), ""),
        "sex": _SEXES.get(cell("sex").upper(), ""),
        "date": iso_date(cell("date")),
    }
    age = age_in_years(cell("age"))
    unread = [field for field, value in read.items() if cell(field) and not value]
    unread += ["age"] if cell("age") and age is None else []
    unread += ["view"] if None in views else []
    labels = [part.strip() for one in cells("labels") for part in re.split(r"[;|,]", one)]
    known_views = [view or View.UNKNOWN for view in views]
    return Values(
        images=images,
        views=(*known_views, *[View.UNKNOWN] * (len(images) - len(views))),
        sections=_sections({field: cell(field) for field in ("text", *SECTIONS)}),
        study=cell("study") or cell("id"),
        patient=cell("patient"),
        studied_at=read["date"],
        split=read["split"],
        licence=cell("licence"),
        sex=read["sex"],
        age=age,
        labels=tuple(dict.fromkeys(label for label in labels if label)),
        unread=tuple(unread),
    )


def plain_text(value: Any) -> str:
    """Return a cell as text: stripped, line feeds as line ends, without characters that no database takes."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or isinstance(value, dict):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)  # pandas makes 45.0 of 45 where a column has gaps
    if isinstance(value, list | tuple):
        return "\n".join(filter(None, map(plain_text, value)))
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = value.isoformat() if isinstance(value, date) else str(value)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if not text.isascii():  # JSON can spell half a character: "\ud800"
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = text.strip()
    return "" if text.lower() in _EMPTY else text


def view_of_word(word: str) -> View | None:
    """Return the projection that a table's word means; None where it means none."""
    known = _VIEWS.get(word.upper())
    if known is None:
        known = view_in_text(word)
        return None if known is View.UNKNOWN else known
    return known


def iso_date(text: str) -> str:
    """Return an ISO or DICOM date or date-time as ISO 8601; empty for others (01/02/03 has six meanings)."""
    if re.fullmatch(r"\d{8}", text):
        return iso(text)
    try:
        return datetime.fromisoformat(text).isoformat() if len(text) > 10 else date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def age_in_years(text: str) -> float | None:
    """Return years from "45", "045Y", "45.0", "10M", "45 years"; None for anything else."""
    match = _AGE.fullmatch(text)
    if not match:
        return None
    years = float(match[1]) * _YEARS[(match[2] or "Y").upper()]
    return round(years, 3) if years <= MAX_AGE else None


def _sections(cells: Mapping[str, str]) -> dict[str, str]:
    """Separate columns where the row has findings or an impression; else the text, parted by its headers."""
    text = "" if cells["findings"] or cells["impression"] else cells["text"]
    separate = {field: cells[field] for field in SECTIONS if cells[field]}
    return separate | parse_sections(text) if text else separate
