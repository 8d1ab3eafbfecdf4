"""Who and how a query's patient was imaged: from columns of the manifest, else from a DICOM header."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path

from radrag.dicom import people
from radrag.dicom.boundary import refusing
from radrag.dicom.views import view_in_text, view_of
from radrag.domain import View
from radrag.errors import RefusalCode, StudyRefused
from radrag.evaluation.manifest import QueryManifest, table_lines

ATTRIBUTES = ("sex", "age", "view", "manufacturer", "corpus")
"""What results are grouped by."""

BANDS = ((0, 18), (18, 40), (40, 60), (60, 80), (80, 131))
"""Age bands in years, from and below. Children's chests and habits of reading differ; the rest are about even parts of
adults who are imaged."""

_COLUMNS = {
    "sex": ("sex", "gender", "patient sex", "patient gender"),
    "age": ("age", "patient age"),
    "view": ("view", "view position", "viewposition"),
    "manufacturer": ("manufacturer",),
    "corpus": ("corpus", "collection", "site"),
    "study": ("study id", "study", "case", "case id", "uid"),
    "date": ("date", "study date", "studydate", "acquired"),
}
"""Attribute → names of its column, in any case; also those of NIH's and MIMIC's tables. Of two, the first counts."""

_HEADER = (
    "PatientSex",
    "PatientAge",
    "PatientBirthDate",
    "StudyDate",
    "ViewPosition",
    "ViewCodeSequence",
    "Manufacturer",
)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Of one query; empty where unknown.

    Attributes:
        sex: ``M``, ``F`` or ``O``.
        age: band in years, such as ``40–59``.
        date: ISO 8601 date.
        study: what files of reports call it.
    """

    sex: str = ""
    age: str = ""
    view: str = ""
    manufacturer: str = ""
    corpus: str = ""
    date: str = ""
    study: str = ""


def read_attributes(path: Path, manifest: QueryManifest) -> dict[str, Attributes]:
    """Return query id → attributes of a manifest's rows; what no column states is read from DICOM headers.

    Raises:
        UsageError: the file cannot be read.
    """
    lines = table_lines(path)
    header = [cell.casefold().replace("_", " ") for cell in next(lines, (0, []))[1]]
    places = {
        name: header.index(column)
        for name, columns in _COLUMNS.items()
        for column in reversed(columns)
        if column in header
    }
    stated = {line: {name: cells[place].strip() for name, place in places.items()} for line, cells in lines}
    found = {}
    for row in manifest.rows:
        values = _of_cells(stated.get(row.line, {}))
        if row.image is not None and not all((values.sex, values.age, values.view, values.manufacturer, values.date)):
            values = _filled(values, _of_header(row.image))
        found[row.query_id] = values
    return found


def unused_columns(manifest: QueryManifest) -> list[str]:
    """Return the columns of a manifest that mean nothing, to its own reader nor here."""
    names = {column for columns in _COLUMNS.values() for column in columns}
    return [name for name in manifest.ignored if name.casefold().replace("_", " ") not in names]


def band(age: float | None) -> str:
    """Return the band that an age in years falls into; empty for none, and for what no age can be."""
    if age is None:
        return ""
    found = (f"{low}–{high - 1}" if high < people.MAX_AGE else f"{low}+" for low, high in BANDS if low <= age < high)
    return next(found, "")


def _of_cells(cells: dict[str, str]) -> Attributes:
    sex = cells.get("sex", "").upper()[:1]
    view = view_in_text(cells.get("view", ""))
    day = re.match(r"(\d{4})[-./]?(\d{2})[-./]?(\d{2})?", cells.get("date", ""))
    return Attributes(
        sex if sex in {"M", "F", "O"} else "",
        band(_years(cells.get("age", ""))),
        "" if view is View.UNKNOWN else view.value,
        cells.get("manufacturer", ""),
        cells.get("corpus", ""),
        "-".join(part for part in day.groups() if part) if day else "",
        cells.get("study", ""),
    )


def _years(cell: str) -> float | None:
    """Read an age such as 58, 58.0 or NIH's 058Y."""
    match = re.fullmatch(r"(\d{1,3})(?:\.\d+)?\s*Y?", cell.strip().upper())
    return float(match[1]) if match else None


def _of_header(path: Path) -> Attributes:
    """Return what a DICOM header says; nothing for other files, and for those that cannot be read."""
    import pydicom

    from radrag.dicom.header import looks_like_dicom

    try:
        with refusing(path, RefusalCode.BAD_HEADER, "the header cannot be read"):
            if not looks_like_dicom(path):
                return Attributes()
            dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_HEADER), force=True)
            view = view_of(dataset)
            return Attributes(
                people.sex_of(dataset),
                band(people.age_of(dataset)),
                "" if view is View.UNKNOWN else view.value,
                str(dataset.get("Manufacturer") or "").strip(),
                "",
                people.studied_at(dataset)[:10],
            )
    except StudyRefused:  # it is named when its image is encoded
        return Attributes()


def _filled(values: Attributes, other: Attributes) -> Attributes:
    return Attributes(*(getattr(values, one.name) or getattr(other, one.name) for one in fields(Attributes)))
