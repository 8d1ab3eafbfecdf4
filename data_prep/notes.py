"""MIMIC-III's NOTEEVENTS table: the reports on chest films, one case a note, without images (Johnson et al. 2016)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from data_prep.files import Row, header_of, read_table
from data_prep.kinds import Options
from radrag.corpus.collection import Collection, Item, ItemRejected, Rejection, RejectionCode
from radrag.dicom.deidentify import patient_key
from radrag.domain import Case
from radrag.errors import CorpusError
from radrag.reports.sections import parse_sections
from radrag.store.values import CorpusInfo

CORPUS = "mimic-iii"
LICENCE = "PhysioNet Credentialed Health Data License 1.5.0"
_COLUMNS = ("ROW_ID", "SUBJECT_ID", "CHARTDATE", "CHARTTIME", "CATEGORY", "DESCRIPTION", "ISERROR", "TEXT")
_FILES = ("noteevents.csv", "noteevents.csv.gz")

_FILM = frozenset(["CHEST", "CXR"])
# All other words that the DESCRIPTION of a chest film has in MIMIC: "CHEST (PRE-OP PA & LAT)", "P BABYGRAM (CHEST
# ONLY) PORT", "L CHEST (LAT DECUB ONLY) LEFT", "DX CHEST PORT LINE/TUBE PLCMT 1 EXAM", "TRAUMA #2 (AP CXR & PELVIS
# PORT)", "RIB BILAT, W/AP CHEST", "AP/PA SINGLE VIEW EXPIRATORY CHEST", "CHEST (SINGLE VIEW) IN O.R.".
_ABOUT_FILMS = _FILM | frozenset([
    "AP", "PA", "LAT", "LATERAL", "VIEW", "VIEWS", "SINGLE", "SGL", "ONLY", "PORT", "PORTABLE", "PRE", "OP", "AND", "W",
    "WITH", "IN", "O", "R", "L", "B", "P", "LEFT", "RIGHT", "BILAT", "UNILAT", "BOTH", "OBL", "OBLIQUE", "OBLIQUES",
    "APICAL", "LORDOTIC", "DECUB", "DECUBITUS", "EXPIRATORY", "INSPIRATORY", "SUPINE", "ERECT", "UPRIGHT", "FRONTAL",
    "RIB", "RIBS", "LINE", "TUBE", "PICC", "PLACEMENT", "PLCMT", "PLCT", "EXAM", "EXAMS", "DX", "BABYGRAM", "TRAUMA",
    "SERIES", "PELVIS", "FILM", "FILMS", "RADIOGRAPH", "XRAY", "X", "RAY",
])  # fmt: skip
# Rows named after a billing modifier; what was imaged stands in the note's second line.
_MODIFIER = re.compile(r"(?:-?\d\d )?(?:BY (?:DIFFERENT|SAME) PHYSICIAN|DISTINCT PROCEDURAL SERVICE)")
_TITLE_END = re.compile(r";|\s{2,}|$")


def mimic_iii_looks_like(path: Path) -> bool:
    """Whether a file, or a folder's NOTEEVENTS.csv or .csv.gz, has that table's columns."""
    table = _table(path)
    return table is not None and {name.upper() for name in header_of(table)}.issuperset(_COLUMNS)


def mimic_iii_open(path: Path, options: Options) -> Collection:
    """Return the collection: cases ``mimic-iii:ROW_ID`` with sections and no images, restricted.

    Raises:
        CorpusError: there is no such table.
    """
    table = _table(path)
    if table is None:
        raise CorpusError(f"{path} holds no NOTEEVENTS.csv or NOTEEVENTS.csv.gz.")
    info = CorpusInfo(
        options.name or CORPUS, "MIMIC-III", options.licence or LICENCE, restricted=True, source=str(path)
    )
    return Collection(info, _items(table, info, options.salt))


def is_chest_film(description: str, text: str = "") -> bool:
    """Whether a radiology note reports on a chest film.

    Its DESCRIPTION must name the chest and have no word but those that descriptions of films have: that leaves out
    CT, MR, ultrasound, fluoroscopy and procedures (``CT CHEST W/CONTRAST``, ``CHEST U.S.``, ``CHEST TUBE PLACEMENT``).
    Where it is empty or only a billing modifier (``BY DIFFERENT PHYSICIAN``), the note's title line decides.

    Args:
        description: the column DESCRIPTION.
        text: the note.
    """
    named = description.strip().upper()
    if not named or _MODIFIER.fullmatch(named):
        lines = [line.strip() for line in text[:1000].split("\n") if line.strip()]
        named = _TITLE_END.split(lines[1], maxsplit=1)[0].upper() if len(lines) > 1 else ""
    words = re.findall(r"[A-Z]+", named)
    return not _FILM.isdisjoint(words) and _ABOUT_FILMS.issuperset(words) and "CHEST TUBE" not in " ".join(words)


def _table(path: Path) -> Path | None:
    if path.is_file():
        return path
    if not path.is_dir():
        return None
    return next((file for file in sorted(path.iterdir()) if file.name.lower() in _FILES and file.is_file()), None)


def _items(table: Path, info: CorpusInfo, salt: str) -> Iterator[Item]:
    seen: set[int] = set()
    for row in read_table(table, _COLUMNS):
        if isinstance(row, Rejection):
            yield row
        elif row.get("CATEGORY").lower() == "radiology" and is_chest_film(row.get("DESCRIPTION"), row.values["TEXT"]):
            try:
                yield _case(row, info, salt, seen)
            except ItemRejected as error:
                yield error.rejection
    if not seen:
        message = "no note of category Radiology reports on a chest film."
        yield Rejection(RejectionCode.NOT_CHEST, table.name, message)


def _case(row: Row, info: CorpusInfo, salt: str, seen: set[int]) -> Case:
    number, subject = row.get("ROW_ID"), row.get("SUBJECT_ID")
    for name, value in (("ROW_ID", number), ("SUBJECT_ID", subject)):
        if not (value.isascii() and value.isdigit()):
            raise ItemRejected(RejectionCode.MISSING_ID, row.item, f"the column {name!r} has no id.")
    if int(number) in seen:
        raise ItemRejected(RejectionCode.DUPLICATE_ID, row.item, "a note with this ROW_ID came before.")
    if row.get("ISERROR") in ("1", "1.0"):
        message = "its author marked the note as an error (ISERROR is 1)."
        raise ItemRejected(RejectionCode.BAD_VALUE, row.item, message)
    sections = parse_sections(row.values["TEXT"].replace("\r\n", "\n").replace("\r", "\n"))
    if not sections:
        raise ItemRejected(RejectionCode.MISSING_REPORT, row.item, "the note has no text.")
    seen.add(int(number))
    return Case(
        case_id=f"{info.name}:{int(number)}",
        corpus=info.name,
        patient_key=patient_key(salt, f"{CORPUS}:{int(subject)}"),
        images=(),
        sections=sections,
        licence=info.licence,
        restricted=True,
        studied_at=_time(row),
    )


def _time(row: Row) -> str:
    """Return the (shifted) time of the note, ISO 8601; empty when the row has none in the table's form."""
    for value in (row.get("CHARTTIME"), row.get("CHARTDATE")):
        if re.fullmatch(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?", value):
            return value.replace(" ", "T")
    return ""
