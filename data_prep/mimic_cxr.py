"""MIMIC-CXR and MIMIC-CXR-JPG as they are downloaded, one case a study (Johnson et al. 2019).

The folders are walked patient by patient, with or without the tables; what is listed but not there is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from data_prep.chexpert_labels import label_section
from data_prep.files import read_report
from data_prep.kinds import Options
from data_prep.mimic_tables import METADATA, RECORDS, STUDIES, Studies, count_studies, read_studies, table_path
from data_prep.mimic_tree import DICOM, JPEG, TEXT, Patient, Trees, find_trees
from radrag.corpus.collection import Collection, Item, ItemRejected, Merge, Rejection, RejectionCode
from radrag.dicom.deidentify import patient_key
from radrag.domain import Case, StudyImage, View
from radrag.errors import CorpusError
from radrag.reports.sections import parse_sections
from radrag.store.values import CorpusInfo

CORPUS = "mimic-cxr"
LICENCE = "PhysioNet Credentialed Health Data License 1.5.0"
_ZIP = "mimic-cxr-reports.zip"


def mimic_cxr_looks_like(path: Path) -> bool:
    """Whether a folder has MIMIC-CXR's DICOM or report tree, or its lists, and no JPEG tree."""
    held = _held(path)
    listed = path.is_dir() and (table_path(path, RECORDS) or table_path(path, STUDIES)) is not None
    return DICOM in held or (JPEG not in held and (TEXT in held or listed))


def mimic_cxr_jpg_looks_like(path: Path) -> bool:
    """Whether a folder has MIMIC-CXR-JPG's tree, or its metadata table and no tree at all."""
    held = _held(path)
    return JPEG in held or (not held and path.is_dir() and table_path(path, METADATA) is not None)


def mimic_cxr_open(path: Path, options: Options) -> Collection:
    """Return the DICOM collection: cases ``mimic-cxr:s50414267``, restricted.

    Raises:
        CorpusError: the reports are still packed, or the folder given for them holds none.
    """
    return _open(path, options, "MIMIC-CXR", DICOM)


def mimic_cxr_jpg_open(path: Path, options: Options) -> Collection:
    """Return the JPEG collection; its cases and images have MIMIC-CXR's ids and complete them.

    Raises:
        CorpusError: as :func:`mimic_cxr_open`.
    """
    return _open(path, options, "MIMIC-CXR-JPG", JPEG)


def _open(path: Path, options: Options, title: str, suffix: str) -> Collection:
    root = path.absolute()
    if root.name == "files" and root in find_trees(root):  # the tree itself was given
        root = root.parent
    held = find_trees(root)
    reports = [tree for tree, suffixes in held.items() if TEXT in suffixes]
    if options.reports is not None:
        given = [tree for tree, suffixes in find_trees(options.reports.absolute()).items() if TEXT in suffixes]
        if not given:
            hint = f"Give the folder that {_ZIP} was unpacked to: it holds files/p10/p10000032/s50414267.txt and so on."
            raise CorpusError(f"{options.reports} holds no MIMIC-CXR reports.", hint=hint)
        reports = list(dict.fromkeys([*given, *reports]))
    elif not reports and (root / _ZIP).is_file():
        raise CorpusError(f"The reports in {root / _ZIP} are still packed.", hint=f"Unpack it there: unzip {_ZIP}")
    images = next((tree for tree, suffixes in held.items() if suffix in suffixes), None)
    info = CorpusInfo(options.name or CORPUS, title, options.licence or LICENCE, restricted=True, source=str(path))
    trees = Trees(root, images, tuple(reports), suffix)
    walk = _Walk(trees, info, options.salt)
    # Whichever of the two comes second completes the first: one has the reports, the other the labels and splits.
    return Collection(info, walk.items(), count_studies(root, trees.all_patients()), Merge.UPDATE)


def _held(path: Path) -> set[str]:
    """Return which of .dcm, .jpg and .txt the trees in a folder hold."""
    return {suffix for suffixes in find_trees(path).values() for suffix in suffixes}


@dataclass(frozen=True, slots=True)
class _Walk:
    trees: Trees
    info: CorpusInfo
    salt: str

    def items(self) -> Iterator[Item]:
        """Yield the cases in order of patient and study, and what is wrong where it is met."""
        studies = yield from read_studies(self.trees.root)
        yield from self._what_lacks()
        listed: dict[str, list[int]] = {}
        for subject in studies.subjects():
            listed.setdefault(f"p{subject:08d}"[:3], []).append(subject)
        seen: set[int] = set()
        for group in sorted(self.trees.groups().union(listed)):
            subjects, faults = self.trees.patients(group)
            yield from faults
            without_images = 0
            for subject in sorted(subjects.union(listed.get(group, ()))):
                patient = self.trees.patient(group, subject)
                yield from patient.faults
                for study in sorted({*patient.images, *patient.reports, *studies.studies_of(subject)}):
                    if not self._is_here(patient, study):
                        without_images += 1
                        if study not in patient.reports:
                            continue
                    yield from self._study(f"{group}/p{subject:08d}/s{study:08d}", patient, study, studies, seen)
            if without_images:
                message = (
                    f"{without_images} studies have no images here, as if they had not been downloaded; "
                    "those with a report were taken without images, the others passed over."
                )
                yield Rejection(RejectionCode.MISSING_IMAGE, f"files/{group}", message, kept=True)

    def _is_here(self, patient: Patient, study: int) -> bool:
        """Whether a study's images were downloaded, as far as folders tell; its missing images are then a loss."""
        if self.trees.images is None or study in patient.images:
            return True
        return study in patient.reports and bool(patient.images)

    def _what_lacks(self) -> Iterator[Rejection]:
        if self.trees.images is None:
            message = "there is no tree of images; every study was taken without."
            yield Rejection(RejectionCode.MISSING_IMAGE, "files", message, kept=True)
        if not self.trees.reports:
            message = "there are no reports; labels stand in for them. Give the reports' folder with --reports."
            yield Rejection(RejectionCode.MISSING_REPORT, "files", message, kept=True)

    def _study(self, place: str, patient: Patient, study: int, studies: Studies, seen: set[int]) -> Iterator[Item]:
        """Yield the case of a study at ``p10/p10000032/s50414267``, or why there is none."""
        subject = int(place.split("/")[1][1:])
        if study in seen or studies.subject(study) not in (None, subject):
            message = "the study is there twice or listed under another patient; this one was passed over."
            yield Rejection(RejectionCode.DUPLICATE_ID, f"files/{place}", message)
            return
        seen.add(study)
        labels = studies.labels(study)
        report = patient.reports.get(study)
        try:
            sections, note = self._report(f"files/{place}", report)
        except ItemRejected as error:
            if not labels:
                yield error.rejection
                return
            sections, note = {"labels": label_section(labels)}, None
            if self.trees.reports:
                message = f"{error.rejection.message.rstrip('.')}; its labels stand in."
                note = replace(error.rejection, message=message, kept=True)
        if note is not None:
            yield note
        yield Case(
            case_id=f"{self.info.name}:s{study:08d}",
            corpus=self.info.name,
            patient_key=patient_key(self.salt, f"{CORPUS}:{subject}"),
            images=self._images(place, patient, study, studies) if patient.images else (),
            sections=sections,
            labels=labels,
            licence=self.info.licence,
            restricted=True,
            split=studies.split(study),
            studied_at=studies.studied_at(study),
        )

    def _report(self, study: str, path: Path | None) -> tuple[dict[str, str], Rejection | None]:
        """Return a report's sections and a note on its encoding.

        Raises:
            ItemRejected: there is no report, or no text in it.
        """
        if path is None:
            raise ItemRejected(RejectionCode.MISSING_REPORT, study, "the study has no report.")
        item = self.trees.item(path)
        text, note = read_report(path, item)
        sections = parse_sections(text)
        if not sections:
            raise ItemRejected(RejectionCode.EMPTY_FILE, item, "the report has headers only.")
        return sections, note

    def _images(self, place: str, patient: Patient, study: int, studies: Studies) -> tuple[StudyImage, ...]:
        """Return a study's images: those in its folder, and those listed, which ingest will miss."""
        views = studies.images(study)
        folder = (self.trees.images or Path()) / place
        paths = {name: folder / f"{name}{self.trees.suffix}" for name in views}
        # A link that is there, but not among the patient's images, leads out of the tree.
        paths = {name: path for name, path in paths.items() if not path.is_symlink()} | patient.images.get(study, {})
        return tuple(
            StudyImage(name, views.get(name, View.UNKNOWN), rows=0, columns=0, path=str(path))
            for name, path in sorted(paths.items())
        )
