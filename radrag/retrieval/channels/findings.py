"""Findings against findings: what an image shows, or a text states, against what reports state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radrag.corpus.catalogue import Catalogue
from radrag.retrieval.agreement import AgreementScorer
from radrag.retrieval.channels.last import LastScores
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import NOTHING, BoolArray, FloatArray, Ranked, best_rows


class FindingsChannel:
    """Every case by its expected agreement with the query's findings; each pattern of findings is scored once."""

    name = "labels"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._scorer = AgreementScorer(catalogue.patterns)
        self._scores = LastScores(self._score)

    def search(self, query: Query, k: int, allowed: BoolArray | None = None) -> Ranked:
        """Rank by expected agreement."""
        if not query.probabilities:
            return NOTHING
        return best_rows(self.scores(query), k, self._catalogue.by_id, allowed=allowed)

    def search_within(self, query: Query, groups: Sequence[tuple[BoolArray, int]]) -> list[Ranked]:
        """Return the best cases of some groups, each bool [all rows] with how many are wanted of it."""
        if not query.probabilities or not groups:
            return []
        scores = self.scores(query)
        return [best_rows(scores, count, self._catalogue.by_id, allowed=group) for group, count in groups]

    def scores(self, query: Query) -> FloatArray:
        """Return the expected agreement of every case, float64 [all rows]."""
        return self._scores.of(query)

    def _score(self, query: Query) -> FloatArray:
        scores = self._scorer.scores(query.probabilities, normal=query.normal).astype(np.float64)
        return scores[self._catalogue.pattern]
