"""The pipeline: a study's images and the evidence they retrieve, to a draft in which every sentence is checked."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import radrag
from radrag.corpus.snapshot import encoder_identity
from radrag.domain import Draft, DraftSentence, DraftWarning, Hit, ImageFinding, Polarity, Sentence, Status, View
from radrag.encoders.regions import to_original
from radrag.encoders.studies import study_vector
from radrag.generation.base import GeneratedReport, GenerationRequest, Generator
from radrag.grounding.omissions import find_omissions
from radrag.grounding.verify import Verifier
from radrag.release import Destination, Terms, require_release
from radrag.reports.vocabulary import descendants, report_order
from radrag.reports.wordings import report_names
from radrag.retrieval.engine import Retriever
from radrag.retrieval.query import query_from_image

if TYPE_CHECKING:
    import numpy as np

    from radrag.dicom.read import LoadedStudy
    from radrag.encoders.base import ImageEncoder
    from radrag.index.manifest import Manifest

FRONTAL = (View.PA, View.AP, View.UNKNOWN)


class Drafter:
    """Drafts one study after another with the same parts; the same study gives the same draft but for id and time.

    Args:
        encoder: what looks at the images.
        retriever: what finds cases.
        sentences_of: case ids → their sentences; reads the corpus.
        generator: what writes.
        verifier: what checks, without asking the generator.
        is_comparison: whether a text compares with an earlier study.
        terms: knows which cases and images may not be passed on.
        hits: how many cases ground a draft.
    """

    def __init__(
        self,
        *,
        encoder: ImageEncoder,
        retriever: Retriever,
        sentences_of: Callable[[Sequence[str]], Mapping[str, Sequence[Sentence]]],
        generator: Generator,
        verifier: Verifier,
        is_comparison: Callable[[str], bool],
        terms: Terms,
        hits: int = 20,
        seed: int = 0,
    ) -> None:
        self._encoder = encoder
        self._retriever = retriever
        self._sentences_of = sentences_of
        self._generator = generator
        self._verifier = verifier
        self._is_comparison = is_comparison
        self._terms = terms
        self._hits = hits
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
        query = query_from_image(
            image_findings,
            indication=values.indication,
            exclude_patient=values.patient_key,
            vector=seen.vector_for(self._retriever.manifest),
        )
        hits = self._retriever.search(query, self._hits)
        destination = Destination.NETWORK if self._generator.card.remote else Destination.LOCAL
        require_release(self._terms, destination, case_ids=[hit.case_id for hit in hits], images=values.images)
        evidence = self._evidence(hits)
        request = GenerationRequest(image_findings, hits, evidence, values.indication, seed=self._seed)
        written, dropped = self._without_comparisons(self._generator.generate(request))
        sentences = self._verifier.verify(
            [(sentence.section, sentence.text) for sentence in written.sentences], evidence, image_findings
        )
        warnings += _warnings(study, image_findings, sentences, dropped)
        return Draft(
            draft_id=uuid.uuid4().hex,
            study=values,
            sentences=sentences,
            omissions=find_omissions(sentences, evidence, image_findings),
            hits=hits,
            image_findings=image_findings,
            warnings=tuple(dict.fromkeys(warnings)),
            provenance=self._provenance(request, values.images),
        )

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


def _request_sha256(request: GenerationRequest) -> str:
    """Return the hash of everything the generator was given, in one canonical form."""
    text = json.dumps(asdict(request), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _warnings(
    study: LoadedStudy,
    image_findings: Sequence[ImageFinding],
    sentences: Sequence[DraftSentence],
    dropped: int,
) -> list[DraftWarning]:
    """Return what the reader must know besides the sentences themselves."""
    found: list[DraftWarning] = [
        DraftWarning("image_refused", f"One image of the study was left out: {refusal.reason} [{refusal.code}]")
        for refusal in study.refusals
    ]
    if not any(image.image.view in FRONTAL for image in study.images):
        found.append(
            DraftWarning(
                "no_frontal", "The study has no frontal image; findings were not assessed, nothing is drafted."
            )
        )
    if dropped:
        found.append(DraftWarning("comparison_removed", f"{dropped} sentence(s) compared with a study not given."))
    weak = [sentence for sentence in sentences if sentence.status in (Status.UNSUPPORTED, Status.CONTRADICTED)]
    if weak:
        found.append(DraftWarning("weak_evidence", f"{len(weak)} sentence(s) are unsupported or contradicted."))
    seen = {finding.label: finding for finding in image_findings if finding.trained}
    unseen = _denied_unseen(sentences, seen)
    if unseen:
        found.append(
            DraftWarning(
                "not_assessed",
                f"Denied as in like cases, but the image encoder does not look for it: {', '.join(unseen)}.",
            )
        )
    for sentence in sentences:
        for claim in sentence.findings:
            finding = seen.get(claim.label)
            if finding and claim.polarity is not Polarity.UNCERTAIN:
                stated = claim.polarity is Polarity.POSITIVE
                if finding.positive is not stated:
                    verb = "states" if stated else "denies"
                    found.append(
                        DraftWarning("image_disagrees", f"The draft {verb} {claim.label}; the image says otherwise.")
                    )
    return found


def _denied_unseen(sentences: Sequence[DraftSentence], seen: Collection[str]) -> list[str]:
    """Return the labels that the draft denies although the encoder looks for neither them nor any kind of them."""
    looked_for = {name for label in seen for name in report_names(label)}
    denied = {
        claim.label
        for sentence in sentences
        for claim in sentence.findings
        if claim.polarity is Polarity.NEGATIVE and not ({claim.label} | descendants(claim.label)) & looked_for
    }
    return sorted(denied, key=report_order)
