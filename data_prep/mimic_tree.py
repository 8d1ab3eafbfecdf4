"""MIMIC-CXR's folders: ``files/p10/p10000032/s50414267/ID.dcm`` beside ``files/p10/p10000032/s50414267.txt``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from data_prep.files import inside
from radrag.corpus.collection import ItemRejected, Rejection, RejectionCode

DICOM, JPEG, TEXT = ".dcm", ".jpg", ".txt"
_GROUP, _PATIENT, _STUDY = (re.compile(pattern) for pattern in (r"p\d{2}", r"p\d{8}", r"s\d{8}"))
_SAMPLE = 50  # patients looked at to tell what a tree holds


@dataclass(frozen=True, slots=True)
class Patient:
    """What the trees hold of one patient.

    Attributes:
        images: files by study and name without suffix; a study with an empty folder has none.
        reports: files by study.
        faults: what could not be taken.
    """

    images: dict[int, dict[str, Path]] = field(default_factory=dict)
    reports: dict[int, Path] = field(default_factory=dict)
    faults: list[Rejection] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trees:
    """The trees of one collection.

    Attributes:
        root: the collection's folder, which item names are relative to.
        images: tree of the images, None where there is none.
        reports: trees of the reports; the first that has a report counts.
        suffix: of the images' names.
    """

    root: Path
    images: Path | None
    reports: tuple[Path, ...]
    suffix: str

    def groups(self) -> set[str]:
        """Return the groups that are there, such as ``p10``."""
        return {entry.name for tree in self._all() for entry in _entries(tree) if _GROUP.fullmatch(entry.name)}

    def patients(self, group: str) -> tuple[set[int], list[Rejection]]:
        """Return a group's patients, and the folders that give no patient."""
        found: set[int] = set()
        faults: list[Rejection] = []
        for tree in self._all():
            for entry in self._listed(tree / group, faults):
                if _PATIENT.fullmatch(entry.name):
                    found.add(int(entry.name[1:]))
                elif entry.is_dir():
                    faults.append(self._unnamed(Path(entry.path), "patient", "p10000032"))
        return found, faults

    def all_patients(self) -> set[str]:
        """Return the names of all patients' folders, such as ``p10000032``."""
        groups = [group for tree in self._all() for group in _quietly(tree) if _GROUP.fullmatch(group.name)]
        return {patient.name for group in groups for patient in _quietly(Path(group.path))}

    def patient(self, group: str, subject: int) -> Patient:
        """Return what the trees hold of one patient."""
        patient = Patient()
        for tree in self._all():
            for entry in self._listed(tree / group / f"p{subject:08d}", patient.faults):
                path = Path(entry.path)
                if entry.name.endswith(TEXT):
                    if tree in self.reports:
                        self._take_report(entry, patient)
                elif tree == self.images and entry.is_dir():
                    if _STUDY.fullmatch(entry.name):
                        patient.images[int(entry.name[1:])] = self._study_images(path, patient.faults)
                    else:
                        patient.faults.append(self._unnamed(path, "study", "s50414267"))
        return patient

    def item(self, path: Path) -> str:
        """The name of a file in the report: relative to the folder, or from its own tree on."""
        if path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        return f"files/{path.relative_to(self._tree_of(path)).as_posix()}"

    def _take_report(self, entry: os.DirEntry[str], patient: Patient) -> None:
        path, stem = Path(entry.path), entry.name.removesuffix(TEXT)
        if not _STUDY.fullmatch(stem):
            patient.faults.append(self._unnamed(path, "study", "s50414267.txt"))
        elif self._stays(entry, patient.faults):
            patient.reports.setdefault(int(stem[1:]), path)

    def _study_images(self, folder: Path, faults: list[Rejection]) -> dict[str, Path]:
        entries = (entry for entry in self._listed(folder, faults) if entry.name.lower().endswith(self.suffix))
        return {Path(entry.name).stem: Path(entry.path) for entry in entries if self._stays(entry, faults)}

    def _stays(self, entry: os.DirEntry[str], faults: list[Rejection]) -> bool:
        """Whether a file is not a link out of its tree."""
        if entry.is_symlink():
            path = Path(entry.path)
            tree = self._tree_of(path)
            try:
                inside(tree, path.relative_to(tree).as_posix(), self.item(path))
            except ItemRejected as error:
                faults.append(error.rejection)
                return False
        return True

    def _all(self) -> list[Path]:
        return list(dict.fromkeys([*([self.images] if self.images else []), *self.reports]))

    def _tree_of(self, path: Path) -> Path:
        return next(tree for tree in self._all() if path.is_relative_to(tree))

    def _listed(self, folder: Path, faults: list[Rejection]) -> list[os.DirEntry[str]]:
        try:
            return _entries(folder)
        except OSError as error:
            message = f"the folder cannot be listed ({error.strerror}); it was passed over."
            faults.append(Rejection(RejectionCode.MISSING_IMAGE, self.item(folder), message))
            return []

    def _unnamed(self, path: Path, what: str, example: str) -> Rejection:
        message = f"the name gives no {what} id: names are like {example}."
        return Rejection(RejectionCode.MISSING_ID, self.item(path), message)


def find_trees(root: Path) -> dict[Path, set[str]]:
    """Return the trees below or at a folder, each with which of .dcm, .jpg and .txt its first patients hold."""
    unpacked = root / "mimic-cxr-reports"  # the folder that some unpackers make of the archive's name
    trees = (root / "files", unpacked / "files", unpacked, root)
    return {tree: _sample(tree) for tree in trees if any(_GROUP.fullmatch(entry.name) for entry in _quietly(tree))}


def _sample(tree: Path) -> set[str]:
    groups = (group for group in _quietly(tree) if _GROUP.fullmatch(group.name))
    patients = (patient for group in groups for patient in _quietly(Path(group.path)))
    return {suffix for patient in islice(patients, _SAMPLE) for suffix in _suffixes(Path(patient.path))}


def _suffixes(patient: Path) -> Iterator[str]:
    for entry in _quietly(patient):
        if _STUDY.fullmatch(entry.name):
            yield from {Path(file.name).suffix.lower() for file in _quietly(Path(entry.path))} & {DICOM, JPEG}
        elif entry.name.endswith(TEXT):
            yield TEXT


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what a folder holds, in order of name, without hidden files; nothing where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _quietly(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return _entries(folder)
    except OSError:
        return []
