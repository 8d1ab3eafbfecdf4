"""The image tree that CheXpert and CheXpert Plus share: ``train/patient00001/study1/view1_frontal.jpg``.

Releases differ in what lies above it and in the files' form: ``CheXpert-v1.0-small/train/…``, three folders
``CheXpert-v1.0 batch 2 (train 1)/patient…``, ``PNG/train/…``, ``png_chexpert_plus_chunk_0/PNG/train/…``,
``DICOM/Uncompressed/train/…``, ``PNG_train/patient…``. Tables always name the JPEG, so a table's path is taken apart
and put together anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data_prep.files import inside
from radrag.corpus.collection import ItemRejected, Rejection, RejectionCode
from radrag.dicom.deidentify import patient_key
from radrag.domain import StudyImage, View

LICENCE = "Stanford University Dataset Research Use Agreement"
PATIENTS = "chexpert"
"""What patient ids are prefixed with in both collections: CheXpert Plus has the patients of CheXpert."""

SPLITS = {"train": "train", "valid": "val", "test": "test"}
# Folders before the split do not count, but none may lead upwards or to another drive.
_PATH = re.compile(
    r"(?:[^/.:\0][^/:\0]*/)*(train|valid|test)/(patient\d{1,9})/(study\d{1,4})/(view\d{1,3}_(?:frontal|lateral))\.\w+"
)
_SPLIT_FOLDER = re.compile(r"(?:(?:PNG|DICOM)_)?(train|valid|test)", re.I)
_BATCH_FOLDER = re.compile(r"CheXpert-v1\.0 batch \d \((train) \d\)", re.I)
_BEST = (".dcm", ".png", ".jpg")
"""Of one image in several forms the film itself is taken."""
_DEEPEST = 4
_SEXES = {"male": "M", "m": "M", "female": "F", "f": "F"}
_OLDEST = 120


@dataclass(frozen=True, slots=True)
class ViewName:
    """What a table's path says: split as the release calls it, ``patient00001``, ``study1``, ``view1_frontal``."""

    split: str
    patient: str
    study: str
    view: str

    @property
    def accession(self) -> str:
        """``patient00001-study1``."""
        return f"{self.patient}-{self.study}"

    @property
    def key(self) -> int:
        """The study as a number, for tables of many studies."""
        return int(self.patient.removeprefix("patient")) * 10_000 + int(self.study.removeprefix("study"))

    def patient_key(self, salt: str) -> str:
        """Return the patient's key, the same in both collections."""
        return patient_key(salt, f"{PATIENTS}:{self.patient}")


def parse_path(text: str, item: str) -> ViewName:
    """Return what a table's path says.

    Raises:
        ItemRejected: ``path_outside``; ``missing_id``: it names no patient, study and view.
    """
    found = _PATH.fullmatch(text.replace("\\", "/"))
    if found is None:
        inside(Path(), text, item)
        message = "the path is not of the form train/patient00001/study1/view1_frontal.jpg."
        raise ItemRejected(RejectionCode.MISSING_ID, item, message)
    return ViewName(*found.groups())


def view_of(name: ViewName, projection: str, direction: str) -> View:
    """Return the view that a row's columns Frontal/Lateral and AP/PA say; without them, what the file name says."""
    lateral = (projection or name.view).lower().endswith("lateral")
    frontal = {"AP": View.AP, "PA": View.PA}.get(direction.upper(), View.UNKNOWN)
    return View.LATERAL if lateral else frontal


def sex_of(text: str) -> str:
    """Return M, F or empty."""
    return _SEXES.get(text.strip().lower(), "")


def age_of(text: str) -> float | None:
    """Return an age in years; None for what is none. CheXpert writes 0 for the one patient it knows nothing of."""
    try:
        age = float(text)
    except ValueError:
        return None
    return age if 0 < age <= _OLDEST else None


class ImageTree:
    """Where the images of each split lie.

    The folders are looked for once; of the images themselves only one is looked at, for its form.
    """

    def __init__(self, root: Path) -> None:
        found: dict[str, list[tuple[Path, str]]] = {}
        for split, folder in _split_folders(root, _DEEPEST):
            suffix = _suffix(folder)
            if suffix:
                found.setdefault(split, []).append((folder, suffix))
        # One form only: mixed forms are copies of the same films.
        self._folders = {split: _best(folders) for split, folders in found.items()}

    def has(self, split: str) -> bool:
        """Whether there are images of a split."""
        return split in self._folders

    def image(self, name: ViewName, view: View, item: str) -> StudyImage:
        """Return the image of that name; ingest sees whether the file is there.

        Raises:
            ItemRejected: ``path_outside``: the file is a link out of its folder.
        """
        folders = self._folders[name.split]
        # Releases in several parts hold each patient in one of them.
        held = ((f, s) for f, s in folders if len(folders) == 1 or (f / name.patient).is_dir())
        folder, suffix = next(held, folders[0])
        path = inside(folder, f"{name.patient}/{name.study}/{name.view}{suffix}", item)
        return StudyImage("", view, 0, 0, str(path))


def no_images_note(split: str) -> Rejection:
    """Return the one note on a split whose images are not there."""
    message = f"no images of the split {split!r} were found; its cases have text or labels only."
    return Rejection(RejectionCode.MISSING_IMAGE, split, message, kept=True)


def _split_folders(root: Path, depth: int) -> Iterator[tuple[str, Path]]:
    """Yield (split, folder that holds its patients), without walking into patients."""
    with os.scandir(root) as entries:
        folders = sorted(entry.name for entry in entries if not entry.name.startswith("patient") and entry.is_dir())
    for name in folders:
        found = _SPLIT_FOLDER.fullmatch(name) or _BATCH_FOLDER.fullmatch(name)
        if found and _first(root / name, "patient"):
            yield found[1].lower(), root / name
        elif depth:
            yield from _split_folders(root / name, depth - 1)


def _suffix(folder: Path) -> str:
    """Return the form of the first image below a folder of patients; empty when there is none."""
    study = _first(_first(folder, "patient"), "study")
    image = _first(study, "view")
    return image.suffix if image and image.suffix.lower() in _BEST else ""


def _first(folder: Path | None, start: str) -> Path | None:
    """Return one entry whose name starts so."""
    if folder is None or not folder.is_dir():
        return None
    with os.scandir(folder) as entries:
        return next((Path(entry.path) for entry in entries if entry.name.startswith(start)), None)


def _best(folders: Iterable[tuple[Path, str]]) -> list[tuple[Path, str]]:
    known = list(folders)
    best = min((suffix for _, suffix in known), key=lambda suffix: _BEST.index(suffix.lower()))
    return [pair for pair in known if pair[1] == best]
