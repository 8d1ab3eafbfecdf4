"""Findings against findings: what an image shows, or a text states, against what reports state."""

from __future__ import annotations

from radrag.corpus.catalogue import Catalogue
from radrag.retrieval.agreement import AgreementScorer
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import NOTHING, BoolArray, Ranked, best_rows


class FindingsChannel:
    """Every case by its expected agreement with the query's findings; each pattern of findings is scored once."""

    name = "labels"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._scorer = AgreementScorer(catalogue.patterns)

    def search(self, query: Query, k: int, allowed: BoolArray | None = None) -> Ranked:
        """Rank by expected agreement."""
        if not query.probabilities:
            return NOTHING
        scores = self._scorer.scores(query.probabilities, normal=query.normal)
        return best_rows(scores[self._catalogue.pattern], k, self._catalogue.by_id, allowed=allowed)
