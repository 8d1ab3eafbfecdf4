"""Evidence made ready once for all claims of a draft: found by label and by its very words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from radrag.domain import Finding, Sentence
from radrag.grounding.claims import Judgement, judge
from radrag.reports.vocabulary import NO_FINDING, related

_CACHED = 20_000


@dataclass(frozen=True, slots=True)
class Pool:
    """Evidence made ready for many claims: its sentences, in their order, by label and by their words."""

    sentences: Sequence[Sentence]
    by_label: Mapping[str, Sequence[tuple[int, Finding]]]
    by_words: Mapping[tuple[str, ...], Sequence[int]]

    @classmethod
    def of(cls, evidence: Sequence[Sentence]) -> Pool:
        """Make evidence ready, most relevant case first."""
        by_label: dict[str, list[tuple[int, Finding]]] = {}
        by_words: dict[tuple[str, ...], list[int]] = {}
        for order, sentence in enumerate(evidence):
            by_words.setdefault(words_of(sentence.text), []).append(order)
            for finding in sentence.findings:
                by_label.setdefault(finding.label, []).append((order, finding))
        return cls(evidence, by_label, by_words)

    def judged(self, claim: Finding) -> dict[int, list[Judgement]]:
        """Return what each sentence that is not silent says of a claim, by its place."""
        found: dict[int, list[Judgement]] = {}
        wanted = self.by_label.keys() if claim.label == NO_FINDING else related(claim.label)
        for order, said in (one for label, of in self.by_label.items() if label in wanted for one in of):
            judgement = judge(claim, said)
            if judgement:
                found.setdefault(order, []).append(judgement)
        return found


@lru_cache(maxsize=_CACHED)
def words_of(text: str) -> tuple[str, ...]:
    """Return the words in lower case, without the number of a list item."""
    return tuple(re.findall(r"\w+", re.sub(r"^\s*\d{1,2}[.)]\s", "", text.lower())))
