"""Rows of a manifest as studies to draft, each with its truth; and studies whose image was taken away."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from radrag.corpus.catalogue import Catalogue
from radrag.dicom.deidentify import patient_key
from radrag.dicom.greys import Greys
from radrag.dicom.read import LoadedStudy, find_studies, load_study
from radrag.domain import View
from radrag.errors import RefusalCode, StudyRefused
from radrag.evaluation.manifest import ManifestRow, QueryManifest
from radrag.evaluation.relevance import Truth, truth_of_columns, truth_of_text

if TYPE_CHECKING:
    import numpy as np

    from radrag.reports.findings import Labeler


@dataclass(frozen=True, slots=True)
class EvaluationStudy:
    """One image of a manifest.

    Attributes:
        patient: whose it is, for the bootstrap; rows of unknown patients are each their own.
        patient_key: of the patient in the index, so that own reports are not found; empty when there are none.
        truth: empty when nothing is known.
    """

    row: ManifestRow
    patient: str
    patient_key: str
    truth: Truth

    def load(self, *, salt: str) -> LoadedStudy:
        """Read the image. A view that the manifest states counts where the file does not tell.

        Raises:
            StudyRefused: it is no chest radiograph that can be read.
        """
        path = self.row.image
        if path is None or not path.is_file():
            raise StudyRefused(RefusalCode.NOT_FOUND, str(path), "there is no such file.")
        studies, refusals = find_studies([path], salt=salt, indication=self.row.indication)
        if not studies:
            raise refusals[0]
        loaded = load_study(studies[0])
        if not loaded.images:
            raise loaded.refusals[0]
        images = tuple(
            replace(one, image=replace(one.image, view=self.row.view)) if one.image.view is View.UNKNOWN else one
            for one in loaded.images
        )
        study = replace(
            loaded.study,
            images=tuple(one.image for one in images),
            patient_key=self.patient_key or loaded.study.patient_key,
        )
        return replace(loaded, study=study, images=images)


def studies_of(
    manifest: QueryManifest, cases: Catalogue, labeler: Labeler, *, salt: str, collections: Collection[str]
) -> list[EvaluationStudy]:
    """Return the rows that have an image.

    The truth comes from the label columns; only where the manifest has none, from the text.

    Args:
        collections: names that collections put before patient numbers when they make keys.
    """
    indexed = {case.patient_key for case in cases.values()} - {""}
    return [
        EvaluationStudy(
            row,
            row.patient or row.query_id,
            _key(row, cases, indexed, salt, collections),
            truth_of_columns(row.truth, manifest.labels)
            if manifest.labels
            else truth_of_text(labeler.label_text(row.text)),
        )
        for row in manifest.rows
        if row.image is not None
    ]


def _key(row: ManifestRow, cases: Catalogue, indexed: Collection[str], salt: str, collections: Collection[str]) -> str:
    if row.case in cases:
        return cases[row.case].patient_key
    names = (row.patient, *(f"{name}:{row.patient}" for name in sorted(collections))) if row.patient else ()
    return next((key for name in names if (key := patient_key(salt, name)) in indexed), "")


def with_images_of(study: LoadedStudy, other: LoadedStudy) -> LoadedStudy:
    """Return a study with the images of another one."""
    return replace(study, study=replace(study.study, images=other.study.images), images=other.images)


def with_noise(study: LoadedStudy, generator: np.random.Generator) -> LoadedStudy:
    """Return a study whose images are uniform noise of the same size."""
    import numpy as np

    images = tuple(
        replace(
            one,
            image=replace(one.image, pixel_sha256="", perceptual_hash=""),
            greys=Greys(generator.random(one.greys.shape, dtype=np.float32)),
        )
        for one in study.images
    )
    return replace(study, study=replace(study.study, images=tuple(one.image for one in images)), images=images)


def positives(truth: Mapping[str, float]) -> frozenset[str]:
    """Return the labels that are there."""
    return frozenset(name for name, value in truth.items() if value == 1)
