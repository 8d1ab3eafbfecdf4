"""The pipeline: a study's images and the evidence they retrieve, to a draft in which every sentence is checked."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import radrag
from radrag.corpus.catalogue import Catalogue
from radrag.corpus.snapshot import encoder_identity
from radrag.domain import (
    Draft,
    Finding,
    Hit,
    ImageFinding,
    Sentence,
    StudyImage,
)
from radrag.encoders.regions import to_original
from radrag.encoders.studies import study_vector
from radrag.generation.base import GeneratedReport, GenerationRequest, Generator
from radrag.grounding.omissions import find_omissions
from radrag.grounding.second_look import ROUNDS, SecondLook, Sources, look_again, look_up_to_dict
from radrag.grounding.verify import Verifier
from radrag.grounding.warnings import draft_warnings
from radrag.release import Destination, Terms, require_release
from radrag.retrieval.engine import Retriever
from radrag.retrieval.feedback import retrieve_for_claim
from radrag.retrieval.neighbourhood import FindingCounts, counts_to_dict, neighbourhood
from radrag.retrieval.novelty import Novelty, Unusual
from radrag.retrieval.query import query_from_image

if TYPE_CHECKING:
    import numpy as np

    from radrag.dicom.read import LoadedStudy
    from radrag.encoders.base import ImageEncoder
    from radrag.index.manifest import Manifest


class Drafter:
    """Drafts one study after another with the same parts; the same study gives the same draft but for id and time.

    Args:
        encoder: what looks at the images.
        retriever: what finds cases.
        cases: what the index that is searched remembers of its cases.
        novelty: how unusual images are against those of the index; None where it has none.
        sentences_of: case ids → their sentences; reads the corpus.
        generator: what writes.
        verifier: what checks, without asking the generator.
        is_comparison: whether a text compares with an earlier study.
        terms: knows which cases and images may not be passed on.
        hits: how many cases ground a draft.
        rounds: how often the claims of unsupported sentences are looked up again; 0 for not at all.
    """

    def __init__(
        self,
        *,
        encoder: ImageEncoder,
        retriever: Retriever,
        cases: Catalogue,
        novelty: Novelty | None = None,
        sentences_of: Callable[[Sequence[str]], Mapping[str, Sequence[Sentence]]],
        generator: Generator,
        verifier: Verifier,
        is_comparison: Callable[[str], bool],
        terms: Terms,
        hits: int = 20,
        rounds: int = ROUNDS,
        seed: int = 0,
    ) -> None:
        self._encoder = encoder
        self._retriever = retriever
        self._cases = cases
        self._prevalence = cases.prevalence()
        self._novelty = novelty
        self._sentences_of = sentences_of
        self._generator = generator
        self._verifier = verifier
        self._is_comparison = is_comparison
        self._terms = terms
        self._hits = hits
        self._rounds = rounds
        self._seed = seed

    def draft(self, study: LoadedStudy) -> Draft:
        """Draft one study. PRELIMINARY: nobody has read it.

        Raises:
            RestrictedData: the generator is remote, and evidence or image come under terms that forbid it.
            RadragError: a part failed; no draft is made of a failure.
        """
        values = study.study
        warnings = list(study.warnings)
        seen = look(self._encoder, study)
        image_findings = seen.findings
        vector = seen.vector_for(self._retriever.manifest)
        query = query_from_image(
            image_findings,
            indication=values.indication,
            exclude_patient=values.patient_key,
            vector=vector,
            sex=values.sex,
            age=values.age,
            views=frozenset(image.view for image in values.images),
        )
        unusual = self._novelty(vector, [image.perceptual_hash for image in values.images]) if self._novelty else None
        hits = self._retriever.search(query, self._hits)
        self._require_release([hit.case_id for hit in hits], values.images)
        evidence = self._evidence(hits)
        said = neighbourhood([hit.case_id for hit in hits], self._cases, self._prevalence)
        request = GenerationRequest(image_findings, hits, evidence, values.indication, self._seed, said)
        written, dropped = self._without_comparisons(self._generator.generate(request))
        second = self._checked(written, request, values.patient_key)
        warnings += unusual.warnings() if unusual else ()
        warnings += draft_warnings(study, image_findings, second, dropped)
        ranked = (replace(hit, rank=rank) for rank, hit in enumerate(second.hits, start=len(hits) + 1))
        return Draft(
            draft_id=uuid.uuid4().hex,
            study=values,
            sentences=second.sentences,
            # Cases found for a claim were not asked what this image shows, so they have no say on what is missing.
            omissions=find_omissions(second.sentences, evidence, image_findings),
            hits=(*hits, *ranked),
            image_findings=image_findings,
            warnings=tuple(dict.fromkeys(warnings)),
            provenance=self._provenance(request, values.images) | _found(said, second, unusual),
        )

    def _checked(self, written: GeneratedReport, request: GenerationRequest, patient: str) -> SecondLook:
        """Check what was written against the evidence, and what has none against cases that speak of it."""
        texts = [(sentence.section, sentence.text) for sentence in written.sentences]
        checked = self._verifier.verify(texts, request.evidence, request.image_findings)
        held = frozenset(hit.case_id for hit in request.hits)

        def find(claim: Finding, others: frozenset[str], k: int) -> tuple[Hit, ...]:
            return retrieve_for_claim(
                self._retriever, self._cases, claim, exclude_patient=patient, exclude_cases=held | others, k=k
            )

        sources = Sources(find, self._require_release, self._sentences_of)
        return look_again(
            checked, request.evidence, request.image_findings, self._verifier, sources, rounds=self._rounds
        )

    def _require_release(self, case_ids: Sequence[str], images: Sequence[StudyImage] = ()) -> None:
        """Ask whether a draft by this generator may rest on cases and images."""
        destination = Destination.NETWORK if self._generator.card.remote else Destination.LOCAL
        require_release(self._terms, destination, case_ids=case_ids, images=images)

    def _evidence(self, hits: Sequence[Hit]) -> tuple[Sentence, ...]:
        found = self._sentences_of([hit.case_id for hit in hits])
        return tuple(sentence for hit in hits for sentence in found.get(hit.case_id, ()))

    def _without_comparisons(self, report: GeneratedReport) -> tuple[GeneratedReport, int]:
        """Drop sentences that compare: no prior study was given, so nothing can be new, worse or unchanged."""
        kept = tuple(sentence for sentence in report.sentences if not self._is_comparison(sentence.text))
        return GeneratedReport(kept), len(report.sentences) - len(kept)

    def _provenance(self, request: GenerationRequest, images: Sequence[Any]) -> dict[str, Any]:
        manifest, writer = self._retriever.manifest, self._generator.card
        return {
            "radrag": radrag.__version__,
            "encoder": encoder_identity(self._encoder),
            "index": {"id": manifest.index_id, "sha256": manifest.sha256, "size": manifest.rows},
            "generator": {
                "name": writer.name,
                "version": writer.version,
                "sha256": writer.sha256,
                "parameters": dict(writer.parameters) | {"hits": self._hits},
            },
            "prompt_sha256": _request_sha256(request),
            "pixel_sha256": [image.pixel_sha256 for image in images],
            "seed": self._seed,
            "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What an encoder says of a study.

    Attributes:
        findings: one a label: the mean over the images the encoder was trained for.
        vector: float32 [d] of unit length; see :func:`radrag.encoders.studies.study_vector`.
        encoder: identity of the encoder.
    """

    findings: tuple[ImageFinding, ...]
    vector: np.ndarray
    encoder: Mapping[str, str]

    def vector_for(self, manifest: Manifest) -> np.ndarray | None:
        """Return the vector, if this encoder is the one that an index's images were encoded by."""
        return self.vector if dict(manifest.image_encoder) == dict(self.encoder) else None


def look(encoder: ImageEncoder, study: LoadedStudy) -> Seen:
    """Look at all images of a study."""
    views = [image.image.view for image in study.images]
    encoding = encoder.encode([image.pixels for image in study.images], views)
    placed = [to_original(one, image.geometry) for one, image in zip(encoding.findings, study.images, strict=True)]
    return Seen(combine(placed), study_vector(encoding.vectors, views, encoder.card), encoder_identity(encoder))


def combine(per_image: Sequence[Sequence[ImageFinding]]) -> tuple[ImageFinding, ...]:
    """Merge the findings of a study's images: probabilities are averaged over images the encoder was trained for.

    A region is the first image's, on which it is shown: the mean of several images has no place.
    """
    merged: list[ImageFinding] = []
    for of_label in zip(*per_image, strict=True):
        trained = [finding for finding in of_label if finding.trained]
        first = (trained or of_label)[0]
        if trained:
            mean = math.fsum(finding.probability for finding in trained) / len(trained)
            merged.append(ImageFinding(first.label, mean, first.threshold, True, of_label[0].region))
        else:
            merged.append(first)
    return tuple(merged)


def _found(said: Sequence[FindingCounts], second: SecondLook, unusual: Unusual | None) -> dict[str, Any]:
    """Return what retrieval had to say beyond the hits, for the provenance."""
    return {
        "neighbourhood": [counts_to_dict(counts) for counts in said],
        "feedback": [look_up_to_dict(look_up) for look_up in second.look_ups],
        "novelty": None if unusual is None else asdict(unusual),
    }


def _request_sha256(request: GenerationRequest) -> str:
    """Return the hash of everything the generator was given, in one canonical form."""
    text = json.dumps(asdict(request), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
