"""A reader's words on a stored draft: checked against the draft's own evidence, or found for a hint.

Needs neither images nor index: what a draft rests on is stored with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from radrag.domain import Draft, DraftSentence, Finding, Hit, Sentence
from radrag.drafting.checking import Checking
from radrag.errors import UsageError
from radrag.generation.base import GenerationRequest, Generator, RewriteTask
from radrag.grounding.priors import ComparisonVerifier, prior_of
from radrag.grounding.second_look import Sources
from radrag.grounding.steering import read_note
from radrag.grounding.verify import Verifier
from radrag.release import Destination, Terms, require_release
from radrag.reports.findings import Labeler

SentencesOf = Callable[[Sequence[str]], Mapping[str, Sequence[Sentence]]]
"""Case ids → their sentences; cases that are gone are left out."""


HINTS = 'Name a side, a severity or a finding: "left", "small", "there is a nodule"; or put the sentence in quotes.'


def found_for_claims(draft: Draft) -> frozenset[str]:
    """Return the cases of a draft that were found for a claim, and not for the image."""
    return frozenset(case_id for one in draft.provenance.get("feedback", ()) for case_id in one["cases"])


def request_of(draft: Draft, sentences_of: SentencesOf, labeler: Labeler, *, seed: int = 0) -> GenerationRequest:
    """Return what a stored draft rests on, without its images."""
    outside = found_for_claims(draft)
    hits = tuple(hit for hit in draft.hits if hit.case_id not in outside)
    found = sentences_of([hit.case_id for hit in hits])
    evidence = tuple(sentence for hit in hits for sentence in found.get(hit.case_id, ()))
    kept = draft.provenance.get("prior")
    prior = prior_of(kept["sections"], labeler.label_section) if kept else None
    return GenerationRequest(
        draft.image_findings, hits, evidence, draft.study.indication, seed, prior=prior.sentences if prior else ()
    )


class Rewording:
    """Checks and finds words for one draft.

    Args:
        draft: as stored.
        sentences_of: reads the corpus.
        labeler: finds findings in text.
        verifier: what checks.
        generator: asked for a rewrite that the rules cannot read; made when first needed.
        terms: knows which cases may not be passed on to a generator elsewhere.
    """

    def __init__(
        self,
        draft: Draft,
        *,
        sentences_of: SentencesOf,
        labeler: Labeler,
        verifier: Verifier,
        generator: Callable[[], Generator],
        terms: Terms,
    ) -> None:
        self._draft = draft
        self._labeler = labeler
        self._generator = generator
        self._terms = terms
        self._request = request_of(draft, sentences_of, labeler)
        sources = Sources(self._found_before, lambda _: None, sentences_of)
        comparisons = ComparisonVerifier(labeler.label_text)
        self._checking = Checking(self._request, verifier, comparisons, sources, rounds=1)

    def check(self, texts: Sequence[tuple[str, str]]) -> tuple[DraftSentence, ...]:
        """Return each (section, text) with what the draft's evidence says of it."""
        return self._checking(texts)

    def reword(self, sentence: DraftSentence, hint: str) -> str:
        """Return a sentence as a hint wants it ("left", "mild", "no", or a finding); nothing is kept.

        Rules read the hint; what they cannot read, the generator is asked to do.

        Raises:
            UsageError: nothing can be made of the hint.
            RestrictedData: the generator is on another machine, and the evidence may not leave this one.
        """
        try:
            changes = read_note(f"1: {hint.strip()}", [sentence], self._labeler.label_text)
        except UsageError:
            changes = ()
        texts = next((change.texts for change in changes if change.place == 0), ())
        texts = texts or self._generated(sentence, hint)
        if not texts:
            raise UsageError("The hint does not say what the sentence is to say.", hint=HINTS)
        return " ".join(texts)

    def _generated(self, sentence: DraftSentence, hint: str) -> tuple[str, ...]:
        generator = self._generator()
        destination = Destination.NETWORK if generator.card.remote else Destination.LOCAL
        case_ids = [hit.case_id for hit in self._draft.hits]
        require_release(self._terms, destination, case_ids=case_ids, images=self._draft.study.images)
        evidence = self._checking.evidence_for(sentence)
        if not evidence:
            return ()
        task = RewriteTask(sentence.section, sentence.text, f"A reader asks: {hint}", evidence)
        return tuple(one.text for one in generator.rewrite(self._request, task).sentences)

    def _found_before(self, claim: Finding, others: frozenset[str], k: int) -> tuple[Hit, ...]:
        """Return the cases that were found for a claim when it was drafted: its reader may word it otherwise."""
        sought = {"label": claim.label, "polarity": claim.polarity.value, "side": claim.side.value}
        feedback = self._draft.provenance.get("feedback", ())
        wanted = [case_id for one in feedback if one["claim"] == sought for case_id in one["cases"]]
        by_id = {hit.case_id: hit for hit in self._draft.hits}
        return tuple(by_id[one] for one in dict.fromkeys(wanted) if one in by_id and one not in others)[:k]
