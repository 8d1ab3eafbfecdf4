"""One study to one draft: look, retrieve, write, check, revise; and a stored draft with a reader's note to the next."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from radrag.corpus.catalogue import Catalogue
from radrag.domain import Draft, DraftSentence, Finding, Hit, Sentence, StudyImage
from radrag.drafting.checking import Checking
from radrag.drafting.look import Seen, look
from radrag.drafting.record import provenance, transcripts
from radrag.drafting.rewording import SentencesOf, found_for_claims, request_of
from radrag.errors import UsageError
from radrag.generation.base import GeneratedReport, GenerationRequest, Generator, RewriteTask
from radrag.grounding.omissions import find_omissions
from radrag.grounding.priors import ComparisonVerifier, Prior, prior_of
from radrag.grounding.revision import Revised, Tools, revise, revision_to_dict
from radrag.grounding.second_look import ROUNDS, LookUp, Sources, look_up_to_dict
from radrag.grounding.steering import Change, read_note, sentence_named
from radrag.grounding.verify import Verifier
from radrag.grounding.warnings import abstention, index_warnings, revision_warnings, sentence_warnings, study_warnings
from radrag.release import Destination, Terms, require_release
from radrag.reports.screening import is_communication, is_comparison
from radrag.retrieval.engine import Retriever
from radrag.retrieval.feedback import retrieve_for_claim
from radrag.retrieval.neighbourhood import counts_to_dict, neighbourhood
from radrag.retrieval.novelty import Novelty
from radrag.retrieval.query import query_from_image
from radrag.store.canonical import utc_now

if TYPE_CHECKING:
    import numpy as np

    from radrag.dicom.read import LoadedStudy
    from radrag.encoders.base import ImageEncoder
    from radrag.reports.findings import Labeler


class Drafter:
    """Drafts one study after another with the same parts; the same study gives the same draft but for id and time.

    Args:
        encoder: what looks at the images.
        retriever: what finds cases.
        cases: what the index that is searched remembers of its cases.
        novelty: how unusual images are against those of the index; None where it has none.
        sentences_of: case ids → their sentences; reads the corpus.
        generator: what writes.
        labeler: finds findings in text.
        verifier: what checks, without asking the generator.
        terms: knows which cases and images may not be passed on.
        hits: how many cases ground a draft.
        rounds: how often the claims of unsupported sentences are looked up again; 0 for not at all.
        settled: what else decides a draft, for its provenance, as JSON values.
    """

    def __init__(
        self,
        *,
        encoder: ImageEncoder,
        retriever: Retriever,
        cases: Catalogue,
        novelty: Novelty | None = None,
        sentences_of: SentencesOf,
        generator: Generator,
        labeler: Labeler,
        verifier: Verifier,
        terms: Terms,
        hits: int = 20,
        rounds: int = ROUNDS,
        seed: int = 0,
        settled: Mapping[str, object] | None = None,
    ) -> None:
        self._encoder = encoder
        self._retriever = retriever
        self._cases = cases
        self._prevalence = cases.prevalence()
        self._novelty = novelty
        self._sentences_of = sentences_of
        self._generator = generator
        self._labeler = labeler
        self._verifier = verifier
        self._comparisons = ComparisonVerifier(labeler.label_text)
        self._terms = terms
        self._hits = hits
        self._rounds = rounds
        self._seed = seed
        self._settled = dict(settled or {})

    def prior(self, *, sections: Mapping[str, str] | None = None, study: LoadedStudy | None = None) -> Prior:
        """Return a patient's earlier study, to be given to :meth:`draft`: its report, its images, or both."""
        seen = look(self._encoder, study).findings if study else ()
        pixels = [image.image.pixel_sha256 for image in study.images] if study else []
        return prior_of(sections or {}, self._labeler.label_section, seen, pixels)

    def look(self, study: LoadedStudy) -> Seen:
        """Look at a study's images: the part of :meth:`draft` that computes most, and reads nothing."""
        return look(self._encoder, study)

    def draft(self, study: LoadedStudy, *, prior: Prior | None = None, seen: Seen | None = None) -> Draft:
        """Draft one study. PRELIMINARY: nobody has read it.

        Args:
            prior: the patient's earlier study; without one, no sentence compares.
            seen: what :meth:`look` said of the study, where it was asked before.

        Raises:
            RestrictedData: the generator is remote, and evidence or image come under terms that forbid it.
            RadragError: a part failed; no draft is made of a failure.
        """
        values = study.study
        seen = seen or self.look(study)
        vector = seen.vector_for(self._retriever.manifest)
        query = query_from_image(
            seen.findings,
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
        said = neighbourhood([hit.case_id for hit in hits], self._cases, self._prevalence)
        request = GenerationRequest(
            seen.findings,
            hits,
            self._evidence(hits),
            values.indication,
            self._seed,
            said,
            prior.sentences if prior else (),
            _pictures(study) if self._generator.card.sees else (),
        )
        report = self._generator.generate(request)
        written = [(one.section, one.text) for one in report.sentences]
        allowed = [pair for pair in written if prior or not is_comparison(pair[1])]
        texts = [pair for pair in allowed if not is_communication(pair[1])]
        checking = self._checking(request, values.patient_key)
        revised = self._revised(checking(texts), checking, request)
        dropped = sum(not one.after for one in revised.revisions) + len(written) - len(texts)
        looked_up = _ranked(checking.look_ups, start=len(hits) + 1)
        abstained = None if revised.sentences else abstention(len(hits), seen.findings, dropped)
        warnings = [
            *study.warnings,
            *(unusual.warnings() if unusual else ()),
            *study_warnings(study),
            *(index_warnings(self._retriever.manifest.image_encoder) if vector is None else ()),
            *([abstained] if abstained else ()),
            *revision_warnings(revised, compared=len(written) - len(allowed), advised=len(allowed) - len(texts)),
            *sentence_warnings(revised.sentences, seen.findings, looked_up=[hit.case_id for hit in looked_up]),
            *checking.notes,
        ]
        made_of = {
            "neighbourhood": [counts_to_dict(counts) for counts in said],
            "feedback": [look_up_to_dict(look_up) for look_up in checking.look_ups],
            "novelty": None if unusual is None else asdict(unusual),
            "revisions": [revision_to_dict(one) for one in revised.revisions],
        }
        if prior:
            made_of["prior"] = {"sections": dict(prior.sections), "pixel_sha256": list(prior.pixel_sha256)}
        asked, named = transcripts([report, *revised.reports])
        made_by = provenance(
            request,
            report,
            encoder=seen.encoder,
            index=self._retriever.manifest,
            generator=self._generator.card,
            hits=self._hits,
            images=values.images,
        )
        return Draft(
            draft_id=uuid.uuid4().hex,
            study=values,
            sentences=revised.sentences,
            # Cases found for a claim were not asked what this image shows, so they have no say on what is missing.
            omissions=find_omissions(revised.sentences, request.evidence, seen.findings),
            hits=(*hits, *looked_up),
            image_findings=seen.findings,
            warnings=tuple(dict.fromkeys(warnings)),
            provenance=made_by | self._settled | made_of | named,
            transcripts=asked,
        )

    def revise(self, draft: Draft, note: str) -> Draft:
        """Return a new draft in which a reader's note is carried out; the old one stays as it is.

        What the note changes is checked by the evidence of the draft like any other sentence, and stays however weak
        that is: a reader asked for it. All other sentences stay word for word.

        Raises:
            UsageError: the note asks for nothing that can be done.
            RestrictedData: as :meth:`draft`.
        """
        request = request_of(draft, self._sentences_of, self._labeler, seed=self._seed)
        checking = self._checking(request, draft.study.patient_key)
        changes, reports = self._asked_for(draft, note, request, checking)
        sentences = _with_changes(draft.sentences, changes, checking)
        looked_up = _ranked(checking.look_ups, start=len(draft.hits) + 1)
        known = {hit.case_id for hit in draft.hits}
        added = tuple(hit for hit in looked_up if hit.case_id not in known)
        about_study = [one for one in draft.warnings if one.code not in _OF_SENTENCES]
        outside = found_for_claims(draft) | {hit.case_id for hit in added}
        asked, named = transcripts(reports)
        notes = [*draft.provenance.get("notes", ()), {"note": note, "changes": [asdict(one) for one in changes]}]
        made_of = {
            "revises": draft.draft_id,
            "notes": notes,
            "feedback": [*draft.provenance.get("feedback", ()), *map(look_up_to_dict, checking.look_ups)],
            "created_at": utc_now(),
        }
        return replace(
            draft,
            draft_id=uuid.uuid4().hex,
            sentences=sentences,
            omissions=find_omissions(sentences, request.evidence, draft.image_findings),
            hits=(*draft.hits, *added),
            warnings=tuple(
                dict.fromkeys((*about_study, *sentence_warnings(sentences, draft.image_findings, looked_up=outside)))
            ),
            provenance={**draft.provenance, **made_of, **(named if reports else {})},
            transcripts=asked,
        )

    def _asked_for(
        self, draft: Draft, note: str, request: GenerationRequest, checking: Checking
    ) -> tuple[tuple[Change, ...], list[GeneratedReport]]:
        """Read a note by rules; what these cannot read of a named sentence, the generator is asked to do."""
        try:
            return read_note(note, draft.sentences, self._labeler.label_text), []
        except UsageError:
            place = sentence_named(note, len(draft.sentences))
            if place is None:
                raise
            one = draft.sentences[place]
            self._require_release([hit.case_id for hit in draft.hits], draft.study.images)
            task = RewriteTask(one.section, one.text, f"A reader asks: {note}", checking.evidence_for(one))
            report = self._generator.rewrite(request, task) if task.evidence else GeneratedReport(())
            if not report.sentences:
                raise
            return (Change(place, one.section, tuple(sentence.text for sentence in report.sentences)),), [report]

    def _checking(self, request: GenerationRequest, patient: str) -> Checking:
        held = frozenset(hit.case_id for hit in request.hits)

        def find(claim: Finding, others: frozenset[str], k: int) -> tuple[Hit, ...]:
            return retrieve_for_claim(
                self._retriever, self._cases, claim, exclude_patient=patient, exclude_cases=held | others, k=k
            )

        sources = Sources(find, self._require_release, self._sentences_of)
        return Checking(request, self._verifier, self._comparisons, sources, rounds=self._rounds)

    def _revised(self, sentences: Sequence[DraftSentence], checking: Checking, request: GenerationRequest) -> Revised:
        def check(texts: Sequence[tuple[str, str]]) -> tuple[DraftSentence, ...]:
            fit = [
                one for one in texts if (request.prior or not is_comparison(one[1])) and not is_communication(one[1])
            ]
            return checking(fit)

        def rewrite(task: RewriteTask) -> GeneratedReport:
            return self._generator.rewrite(request, task)

        return revise(sentences, Tools(rewrite, check, checking.evidence_for))

    def _require_release(self, case_ids: Sequence[str], images: Sequence[StudyImage] = ()) -> None:
        """Ask whether a draft by this generator may rest on cases and images."""
        destination = Destination.NETWORK if self._generator.card.remote else Destination.LOCAL
        require_release(self._terms, destination, case_ids=case_ids, images=images)

    def _evidence(self, hits: Sequence[Hit]) -> tuple[Sentence, ...]:
        found = self._sentences_of([hit.case_id for hit in hits])
        return tuple(sentence for hit in hits for sentence in found.get(hit.case_id, ()))


_OF_SENTENCES = frozenset(
    {"weak_evidence", "looked_up", "not_assessed", "image_disagrees", "inconsistent", "abstained"}
)
"""Codes of warnings that are found anew when sentences change."""


def _with_changes(
    sentences: Sequence[DraftSentence], changes: Sequence[Change], checking: Checking
) -> tuple[DraftSentence, ...]:
    """Return the sentences with some replaced, dropped, or added at the end of their section."""
    checked = {change: checking([(change.section, text) for text in change.texts]) for change in changes}
    at = {change.place: change for change in changes if change.place is not None}
    kept: list[DraftSentence] = []
    for place, sentence in enumerate(sentences):
        kept += checked[at[place]] if place in at else (sentence,)
    for change in changes:
        if change.place is None:
            last = max((n for n, one in enumerate(kept) if one.section == change.section), default=-1)
            kept[last + 1 : last + 1] = checked[change]
    return tuple(kept)


def _ranked(look_ups: Sequence[LookUp], *, start: int) -> tuple[Hit, ...]:
    """Return the cases that look-ups found, each once, ranked behind the hits."""
    found: dict[str, Hit] = {}
    for look_up in look_ups:
        for hit in look_up.hits:
            found.setdefault(hit.case_id, hit)
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(found.values(), start=start))


def _pictures(study: LoadedStudy) -> tuple[np.ndarray, ...]:
    """Return the images for a generator that sees, uint8 [rows, columns]."""
    import numpy as np

    return tuple((image.pixels * 255 + 0.5).astype(np.uint8) for image in study.images)
