"""The checks of one draft: every sentence against its evidence, weak ones looked up, comparisons against the prior."""

from __future__ import annotations

from collections.abc import Sequence

from radrag.domain import DraftSentence, DraftWarning, Sentence
from radrag.generation.base import GenerationRequest
from radrag.grounding.priors import ComparisonVerifier
from radrag.grounding.second_look import EXTRA, LookUp, Sources, look_again
from radrag.grounding.verify import Verifier
from radrag.reports.screening import is_comparison


class Checking:
    """Checks sentences as often as asked; remembers what was looked up for them, and what a second judge doubted.

    Args:
        request: what the draft rests on.
        rounds: how often the claims of unsupported sentences are looked up, each time they are checked.
    """

    def __init__(
        self,
        request: GenerationRequest,
        verifier: Verifier,
        comparisons: ComparisonVerifier,
        sources: Sources,
        *,
        rounds: int,
    ) -> None:
        self._request = request
        self._verifier = verifier
        self._comparisons = comparisons
        self._sources = sources
        self._rounds = rounds
        self._read: list[Sentence] = []
        self.look_ups: list[LookUp] = []
        self.notes: list[DraftWarning] = []

    def __call__(self, texts: Sequence[tuple[str, str]]) -> tuple[DraftSentence, ...]:
        """Return each (section, text) checked, in the given order."""
        request = self._request
        plain = [pair for pair in texts if not is_comparison(pair[1])]
        checked = self._verifier.check(plain, request.evidence, request.image_findings)
        self.notes += checked.notes
        looked_up = {hit.case_id for look_up in self.look_ups for hit in look_up.hits}
        second = look_again(
            checked.sentences,
            request.evidence,
            request.image_findings,
            self._verifier,
            self._sources,
            rounds=self._rounds,
            extra=EXTRA - len(looked_up),  # one budget for the whole draft
        )
        self.look_ups += second.look_ups
        self._read += second.read
        ready = dict(zip(plain, second.sentences, strict=True))
        return tuple(
            ready[pair]
            if pair in ready
            else self._comparisons.verify(*pair, request.evidence, request.prior, request.image_findings)
            for pair in texts
        )

    def evidence_for(self, sentence: DraftSentence) -> tuple[Sentence, ...]:
        """Return all evidence that a check of the sentence linked, in its order."""
        linked = {(link.case_id, link.section, link.sentence) for link in sentence.links}
        pool = (*self._request.prior, *self._request.evidence, *self._read)
        return tuple(one for one in pool if (one.case_id, one.section, one.number) in linked)
