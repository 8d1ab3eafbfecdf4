"""MIMIC-CXR's side tables, held compactly: which images and patient a study has, its split, time and labels.

Tables and columns as PhysioNet has them: ``cxr-record-list`` and ``cxr-study-list`` (MIMIC-CXR 2.0.0 and 2.1.0),
``mimic-cxr-2.0.0-split``, ``-metadata``, ``-chexpert`` and ``-negbio`` (MIMIC-CXR-JPG), as ``.csv.gz`` or ``.csv``.
"""

from __future__ import annotations

import re
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator, Set
from dataclasses import replace
from pathlib import Path

from data_prep.chexpert_labels import LABELS, codes
from data_prep.files import Row, inside, open_bytes, read_table
from radrag.corpus.collection import ItemRejected, Rejection, RejectionCode
from radrag.domain import View

RECORDS, STUDIES = "cxr-record-list", "cxr-study-list"
SPLITS, METADATA = "mimic-cxr-*-split", "mimic-cxr-*-metadata"
_LABEL_TABLES = ("mimic-cxr-*-chexpert", "mimic-cxr-*-negbio")  # the first with rows counts: the newer labeler
_SPLITS = ("", "train", "val", "test")
_SPLIT_CODES = {"train": 1, "validate": 2, "val": 2, "test": 3}
# ViewPosition as the metadata table has it. A decubitus, oblique or swimmer's view is neither frontal nor lateral.
_VIEWS = {"PA": b"P", "AP": b"A", "AP AXIAL": b"A", "LATERAL": b"L", "LL": b"L", "RL": b"L", "XTABLE LATERAL": b"L"}
_VIEW_OF = {b"P": View.PA, b"A": View.AP, b"L": View.LATERAL, b"U": View.UNKNOWN}
_DICOM_ID = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_PATIENT = re.compile(rb"/(p\d{8})/")
_IDS = ("subject_id", "study_id")


class Studies:
    """What the tables say of each study, in columns: no object for a study or an image but one string of bytes."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}  # study id → place in the columns
        self._subjects = array("I")
        self._splits = bytearray()
        self._times = array("Q")  # yyyymmddhhmmss, 0 when unknown
        self._labels: list[tuple[str, ...]] = []
        self._images: list[bytes] = []  # b"\nID V" for each image
        self._same: dict[tuple[str, ...], tuple[str, ...]] = {}  # few combinations of labels occur
        self._by_subject = array("Q")

    def __len__(self) -> int:
        return len(self._places)

    def subject(self, study: int) -> int | None:
        """Return the patient a study is listed under, None when it is not listed."""
        return None if (place := self._places.get(study)) is None else self._subjects[place]

    def split(self, study: int) -> str:
        """Return "train", "val", "test", or empty when no table says."""
        return "" if (place := self._places.get(study)) is None else _SPLITS[self._splits[place]]

    def studied_at(self, study: int) -> str:
        """Return the (shifted) time of the study's first image, ISO 8601; empty when no table says."""
        place = self._places.get(study)
        if place is None or not self._times[place]:
            return ""
        digits = f"{self._times[place]:014d}"
        day = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
        return f"{day}T{digits[8:10]}:{digits[10:12]}:{digits[12:]}"

    def labels(self, study: int) -> tuple[str, ...]:
        """Return the study's label codes, as :func:`data_prep.chexpert_labels.codes` gives them."""
        return () if (place := self._places.get(study)) is None else self._labels[place]

    def images(self, study: int) -> dict[str, View]:
        """Return the study's listed images, DICOM id → view."""
        place = self._places.get(study)
        entries = [] if place is None else self._images[place].split(b"\n")[1:]
        return {entry[:-2].decode(): _VIEW_OF[entry[-1:]] for entry in entries}

    def subjects(self) -> Iterator[int]:
        """Yield each listed patient once, in order."""
        last = -1
        for pair in self._sorted():
            if pair >> 32 != last:
                last = pair >> 32
                yield last

    def studies_of(self, subject: int) -> list[int]:
        """Return a patient's listed studies, in order."""
        pairs = self._sorted()
        start, stop = bisect_left(pairs, subject << 32), bisect_left(pairs, (subject + 1) << 32)
        return [pair & 0xFFFFFFFF for pair in pairs[start:stop]]

    def add_study(self, row: Row) -> int:
        """Note a row's study and patient; return its place.

        Raises:
            ItemRejected: an id is no number, or the study is listed under another patient.
        """
        subject, study = (_number(row, column) for column in _IDS)
        place = self._places.setdefault(study, len(self._subjects))
        if place == len(self._subjects):
            self._subjects.append(subject)
            self._splits.append(0)
            self._times.append(0)
            self._labels.append(())
            self._images.append(b"")
        elif self._subjects[place] != subject:
            raise ItemRejected(RejectionCode.DUPLICATE_ID, row.item, "the study is listed under two patients.")
        return place

    def add_image(self, row: Row, view: bytes = b"U") -> int:
        """Note a row's image; return its study's place."""
        name = row.get("dicom_id").encode()
        if not _DICOM_ID.fullmatch(row.get("dicom_id")):
            raise ItemRejected(RejectionCode.MISSING_ID, row.item, "the column 'dicom_id' has no DICOM id.")
        place = self.add_study(row)
        start = self._images[place].find(b"\n" + name + b" ")
        if start < 0:
            self._images[place] += b"\n" + name + b" " + view
        elif view != b"U":
            end = start + len(name) + 2
            self._images[place] = self._images[place][:end] + view + self._images[place][end + 1 :]
        return place

    def add_split(self, row: Row) -> None:
        """Note a row of the split table."""
        value = row.get("split").lower()
        if value not in _SPLIT_CODES:
            message = "the column 'split' has a value that is none of train, validate and test."
            raise ItemRejected(RejectionCode.BAD_VALUE, row.item, message)
        self._splits[self.add_study(row)] = _SPLIT_CODES[value]

    def add_metadata(self, row: Row) -> None:
        """Note a row of the metadata table: an image with its view and time."""
        place = self.add_image(row, _VIEWS.get(row.get("ViewPosition").upper(), b"U"))
        time = _time(row.get("StudyDate"), row.get("StudyTime"))
        if time and (not self._times[place] or time < self._times[place]):
            self._times[place] = time

    def add_labels(self, row: Row) -> None:
        """Note a row of a label table."""
        found = codes(row.values, row.item)
        self._labels[self.add_study(row)] = self._same.setdefault(found, found)

    def _sorted(self) -> array[int]:
        if len(self._by_subject) != len(self._places):
            pairs = (self._subjects[place] << 32 | study for study, place in self._places.items())
            self._by_subject = array("Q", sorted(pairs))
        return self._by_subject


def table_path(root: Path, pattern: str) -> Path | None:
    """Return the table of that name in a folder, packed or not, of the newest version; None when there is none."""
    found = sorted([*root.glob(f"{pattern}.csv"), *root.glob(f"{pattern}.csv.gz")])
    return found[-1] if found else None


def count_studies(root: Path, patients: Set[str]) -> int | None:
    """Return how many studies the study list has of the patients ``p10000032`` …; None without a list to be read.

    Where there are no patients' folders at all, everything listed counts.
    """
    path = table_path(root, STUDIES)
    if path is None:
        return None
    try:
        with open_bytes(path) as file:
            found = (_PATIENT.search(line) for line in file)
            return sum(1 for patient in found if patient and (not patients or patient[1].decode() in patients))
    except (OSError, EOFError, zlib.error):
        return None


def read_studies(root: Path) -> Generator[Rejection, None, Studies]:
    """Yield what is wrong with the tables in a folder; return what they say."""
    studies = Studies()

    def listed(row: Row) -> None:
        _check_path(row, root)
        if row.get("dicom_id"):
            studies.add_image(row)
        else:
            studies.add_study(row)

    yield from _read(root, RECORDS, (*_IDS, "dicom_id", "path"), listed, principal=True)
    yield from _read(root, STUDIES, (*_IDS, "path"), listed, principal=True)
    columns = (*_IDS, "dicom_id", "ViewPosition", "StudyDate", "StudyTime")
    yield from _read(root, METADATA, columns, studies.add_metadata)
    yield from _read(root, SPLITS, (*_IDS, "split"), studies.add_split)
    for pattern in _LABEL_TABLES:
        if (yield from _read(root, pattern, (*_IDS, *LABELS), studies.add_labels)):
            break
    return studies


def _read(
    root: Path, pattern: str, columns: tuple[str, ...], note: Callable[[Row], object], *, principal: bool = False
) -> Generator[Rejection, None, int]:
    """Note each row of a table; return how many. A side table with a wrong header is done without."""
    path, rows = table_path(root, pattern), 0
    if path is None:
        return 0
    for row in read_table(path, columns, root=root):
        if isinstance(row, Rejection):
            whole = row.code in (RejectionCode.WRONG_HEADER, RejectionCode.EMPTY_FILE)
            yield replace(row, kept=True) if whole and not principal else row
            continue
        try:
            note(row)
            rows += 1
        except ItemRejected as error:
            yield error.rejection
    return rows


def _check_path(row: Row, root: Path) -> None:
    """Refuse a row whose path is not the one its ids make: files are looked for under the ids."""
    subject, study = row.get("subject_id"), row.get("study_id")
    name = f"/{row.get('dicom_id')}" if row.get("dicom_id") else ""
    if row.get("path").rpartition(".")[0] != f"files/p{subject[:2]}/p{subject}/s{study}{name}":
        inside(root, row.get("path"), row.item)
        message = "the path is not the one that the row's ids make."
        raise ItemRejected(RejectionCode.BAD_VALUE, row.item, message)


def _number(row: Row, column: str) -> int:
    text = row.get(column)
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**32:
        raise ItemRejected(RejectionCode.MISSING_ID, row.item, f"the column {column!r} has no id.")
    return int(text)


def _time(date: str, time: str) -> int:
    """Return yyyymmddhhmmss of DICOM's date and time; 0 without a date, midnight without a time.

    The table's times went through floating point: 80556.875 is 08:05:56.
    """
    if not (
        date.isascii() and date.isdigit() and len(date) == 8 and "01" <= date[4:6] <= "12" and "01" <= date[6:] <= "31"
    ):
        return 0
    clock = time.partition(".")[0].zfill(6)
    if not (
        clock.isascii() and clock.isdigit() and len(clock) == 6 and clock[:2] < "24" and clock[2:4] < "60" > clock[4:]
    ):
        clock = "000000"
    return int(date + clock)
