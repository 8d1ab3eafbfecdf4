"""The sentence of a found case that says most of what was searched for: what a reader looks at first."""

from __future__ import annotations

from collections.abc import Sequence

from radrag.domain import Polarity, Sentence
from radrag.reports.normalise import search_terms
from radrag.retrieval.query import Query

DENIAL = 0.25
"""What denying an unwanted finding counts beside stating a wanted one: a normal report is quoted for what it denies."""


def best_sentence(query: Query, sentences: Sequence[Sentence]) -> Sentence | None:
    """Return the sentence that fits a query best, by its findings and by the share of the query's words that it has.

    The first of equals; None where there are none.
    """
    words = set(search_terms(query.text))

    def fit(sentence: Sentence) -> float:
        said = sum(_fit(query, finding.label, finding.polarity) for finding in sentence.findings)
        shared = len(words & set(search_terms(sentence.text)))
        return said + shared / max(len(words), 1)

    return max(sentences, key=fit, default=None)


def _fit(query: Query, label: str, polarity: Polarity) -> float:
    weight = query.weights.get(label, 0.0)
    if polarity is Polarity.NEGATIVE:
        return -weight if weight > 0 else -DENIAL * weight
    return max(weight, 0.0)
