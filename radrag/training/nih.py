"""The labelled training images: a CSV of NIH ChestX-ray14 labels beside a folder of images."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radrag.errors import CorpusError
from radrag.reports.vocabulary import NO_FINDING

COLUMNS = {
    "Atelectasis": "Atelectasis",
    "Cardiomegaly": "Cardiomegaly",
    "Effusion": "Pleural Effusion",
    "Infiltration": "Infiltration",
    "Mass": "Mass",
    "Nodule": "Nodule",
    "Pneumonia": "Pneumonia",
    "Pneumothorax": "Pneumothorax",
    "Consolidation": "Consolidation",
    "Edema": "Edema",
    "Emphysema": "Emphysema",
    "Fibrosis": "Fibrosis",
    "Pleural_Thickening": "Pleural Thickening",
    "Hernia": "Hernia",
}
"""Column of the CSV → label in radrag."""

LABELS = (*COLUMNS.values(), NO_FINDING)
SPLITS = ("train", "val")


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImages:
    """Images with labels, n rows.

    Attributes:
        paths: image files.
        patients: patient key of each row.
        validation: bool [n], True for the rows that are never trained on.
        labels: float64 [n, 15] of 0 and 1, columns as ``LABELS``.
        soft: float64 [n, 14], another network's probabilities; NaN where it was not run.
    """

    paths: tuple[Path, ...]
    patients: tuple[str, ...]
    validation: npt.NDArray[np.bool_]
    labels: npt.NDArray[np.float64]
    soft: npt.NDArray[np.float64]


def read_labels(folder: Path) -> LabelledImages:
    """Read ``labels.csv`` and find its images under ``images/``.

    Raises:
        CorpusError: the CSV, a column or an image is missing, or a patient is on both sides of the split.
    """
    table = folder / "labels.csv"
    if not table.is_file():
        raise CorpusError(
            f"There is no labels.csv in {folder}.",
            hint="Give --data the folder with labels.csv and images/ (NIH ChestX-ray14 images with their labels).",
        )
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = {"image", "patient", "split", *COLUMNS} - set(reader.fieldnames or ())
        if missing:
            raise CorpusError(f"{table}: columns {', '.join(sorted(missing))} are missing.", hint="See docs/models.md.")
        rows = list(reader)
    paths = tuple(folder / "images" / row["image"] for row in rows)
    _require(paths, folder)
    validation = np.array([row["split"] == "val" for row in rows])
    patients = tuple(row["patient"] for row in rows)
    require_apart(table, zip(patients, validation.tolist(), strict=True))
    found = np.array([[float(row[column]) for column in COLUMNS] for row in rows])
    soft = np.array([[float(row.get(f"chexnet_{column}") or "nan") for column in COLUMNS] for row in rows])
    normal = (found.sum(axis=1, keepdims=True) == 0).astype(np.float64)
    return LabelledImages(paths, patients, validation, np.hstack([found, normal]), soft)


def read_unlabelled(table: Path) -> tuple[Path, ...]:
    """Return the images of a CSV with a column ``image``, without rows of a column ``split`` other than ``train``.

    The images lie in ``images/`` beside it.

    Raises:
        CorpusError: the table, its column or an image is missing.
    """
    if not table.is_file():
        raise CorpusError(f"There is no {table}.", hint="Give --others a CSV with a column image, beside images/.")
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if "image" not in (reader.fieldnames or ()):
            raise CorpusError(f"{table} has no column image.", hint="See docs/models.md.")
        names = [row["image"] for row in reader if row.get("split", "train") == "train"]
    paths = tuple(table.parent / "images" / name for name in names)
    _require(paths, table.parent)
    return paths


def require_apart(table: Path, rows: Iterable[tuple[str, bool]]) -> None:
    """Check that no patient has rows for training and for validation.

    Args:
        rows: patient, and whether the row is for validation.

    Raises:
        CorpusError: some have.
    """
    sides: dict[bool, set[str]] = {True: set(), False: set()}
    for patient, validation in rows:
        sides[validation].add(patient)
    if both := sides[True] & sides[False]:
        raise CorpusError(f"{table}: {len(both)} patients are on both sides of the split.", hint="Split by patient.")


def _require(paths: Sequence[Path], folder: Path) -> None:
    absent = [path.name for path in paths if not path.is_file()]
    if absent:
        raise CorpusError(
            f"{len(absent)} of {len(paths)} images are missing, the first is {absent[0]}.", hint=str(folder)
        )
