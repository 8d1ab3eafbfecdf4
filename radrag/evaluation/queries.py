"""Rows of a manifest as searches, each with its truth, its own cases, and what must not be found for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from radrag.corpus.catalogue import IndexedCase
from radrag.dicom.deidentify import patient_key
from radrag.evaluation.manifest import ManifestRow, QueryManifest
from radrag.evaluation.relevance import Truth, truth_of_columns, truth_of_text
from radrag.retrieval.query import Query, query_from_image, query_from_text

if TYPE_CHECKING:
    from radrag.errors import StudyRefused
    from radrag.evaluation.encoding import EncodedImage
    from radrag.reports.findings import Labeler

EMPTY_ROW = "empty_row"
"""Failure of a row with neither image nor text."""


@dataclass(frozen=True, slots=True)
class EvaluationQuery:
    """One query to score.

    Attributes:
        query_id: from the manifest's line.
        patient: whose it is, for the bootstrap; queries of unknown patients are each their own.
        truth: empty when nothing is known; the query then counts for exact pairs only.
        search: what is searched, ``exclude_cases`` being the patient's own; None when the image was refused.
        excluded: the patient's own cases: neither found nor relevant by agreement.
        own_cases: the cases that the query's very image belongs to.
        failure: code of the refusal, or :data:`EMPTY_ROW`; empty when there was none.
    """

    query_id: str
    patient: str
    truth: Truth
    search: Query | None
    excluded: frozenset[str] = frozenset()
    own_cases: tuple[str, ...] = ()
    failure: str = ""

    @property
    def open_search(self) -> Query | None:
        """The search with nothing left out, to find the image's own case."""
        return replace(self.search, exclude_patient="", exclude_cases=frozenset()) if self.search else None


class QueryBuilder:
    """Makes queries for one index.

    Args:
        cases: the index's cases by id.
        labeler: reads findings in texts.
        salt: the workspace's secret for patient keys.
        collections: names that collections put before patient numbers when they make keys; a manifest does not say
            which of them its patients belong to, so that a case of any of them under the same number is left out.
        holders: SHA-256 of an image file → ids of the cases that hold it.
        same_encoder: whether the queries' images are encoded as the index's are, so that their vectors compare.
    """

    def __init__(
        self,
        cases: Mapping[str, IndexedCase],
        labeler: Labeler,
        *,
        salt: str,
        collections: Collection[str],
        holders: Mapping[str, Sequence[str]],
        same_encoder: bool = False,
    ) -> None:
        self._cases = cases
        self._labeler = labeler
        self._salt = salt
        self._collections = sorted(collections)
        self._holders = holders
        self._same_encoder = same_encoder
        self._of_patient: dict[str, list[str]] = {}
        for case_id, case in cases.items():
            if case.patient_key:
                self._of_patient.setdefault(case.patient_key, []).append(case_id)

    def build(
        self, manifest: QueryManifest, images: Mapping[int, EncodedImage], refused: Mapping[int, StudyRefused]
    ) -> list[EvaluationQuery]:
        """Return one query a row, in the manifest's order.

        The truth comes from the label columns; only where the manifest has none, from the text. An image is searched
        with its indication; the text is searched only where there is no image, since it may be the image's report.
        """
        return [self._query(row, manifest, images.get(row.line), refused.get(row.line)) for row in manifest.rows]

    def _query(
        self, row: ManifestRow, manifest: QueryManifest, image: EncodedImage | None, refusal: StudyRefused | None
    ) -> EvaluationQuery:
        truth = (
            truth_of_columns(row.truth, manifest.labels)
            if manifest.labels
            else truth_of_text(self._labeler.label_text(row.text))
        )
        held = self._holders.get(image.file_sha256, ()) if image else ()
        own = tuple(sorted({name for name in (row.case, *held) if name in self._cases}))
        excluded = self._excluded(row, image, own)
        search: Query | None = None
        if image is not None:
            vector = image.vector if self._same_encoder else None
            search = query_from_image(
                image.findings, indication=row.indication, vector=vector, views=frozenset({image.view})
            )
        elif refusal is None and row.text:
            # What the requester asks about ("pneumonia?") is no finding.
            search = query_from_text(f"{row.indication} {row.text}", self._labeler.label_text(row.text))
        if search is not None:
            search = replace(search, exclude_cases=excluded)
        return EvaluationQuery(
            row.query_id,
            row.patient or (image.patient_key if image else "") or row.query_id,
            truth,
            search,
            excluded,
            own if row.image is not None else (),
            refusal.code if refusal else "" if search else EMPTY_ROW,
        )

    def _excluded(self, row: ManifestRow, image: EncodedImage | None, own: Sequence[str]) -> frozenset[str]:
        """The cases of the row's patient, by its image, its number and its own cases."""
        keys = {self._cases[case_id].patient_key for case_id in own}
        if row.patient:
            names = (row.patient, *(f"{name}:{row.patient}" for name in self._collections))
            keys |= {patient_key(self._salt, name) for name in names}
        if image is not None:
            keys.add(image.patient_key)
        return frozenset(own) | {case_id for key in keys - {""} for case_id in self._of_patient.get(key, ())}
