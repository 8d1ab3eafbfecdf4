"""The sentence of a found case that says most of what was searched for: what a reader looks at first."""

from __future__ import annotations

from collections.abc import Sequence

from radrag.domain import Finding, Polarity, Sentence, Side
from radrag.reports.normalise import search_terms
from radrag.retrieval.query import Query
from radrag.retrieval.rerank import same_sides

DENIAL = 0.25
"""What denying an unwanted finding counts beside stating a wanted one: a normal report is quoted for what it denies."""

SIDE = 0.5
"""What the side that was asked for adds, and the other one takes: less than the finding itself."""


def best_sentence(query: Query, sentences: Sequence[Sentence]) -> Sentence | None:
    """Return the sentence that fits a query best, by its findings, their sides and the share of the query's words.

    The first of equals; None where there are none.
    """
    words = set(search_terms(query.text))

    def fit(sentence: Sentence) -> float:
        said = sum(_fit(query, finding) for finding in sentence.findings)
        shared = len(words & set(search_terms(sentence.text)))
        return said + shared / max(len(words), 1)

    return max(sentences, key=fit, default=None)


def _fit(query: Query, finding: Finding) -> float:
    weight = query.weights.get(finding.label, 0.0)
    if finding.polarity is Polarity.NEGATIVE:
        return -weight if weight > 0 else -DENIAL * weight
    wanted = query.sides.get(finding.label, Side.NONE)
    if wanted is Side.NONE or finding.side is Side.NONE:
        return max(weight, 0.0)
    return max(weight, 0.0) + SIDE * same_sides({finding.label: wanted}, {finding.label: finding.side})
