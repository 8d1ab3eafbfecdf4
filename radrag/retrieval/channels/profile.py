"""All that an image shows against all that a report states, at the level that vocabularies share."""

from __future__ import annotations

import numpy as np

from radrag.corpus.catalogue import Catalogue
from radrag.retrieval.channels.last import LastScores
from radrag.retrieval.profile import ProfileScorer
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import NOTHING, BoolArray, FloatArray, Ranked, best_rows


class ProfileChannel:
    """Every case by the expected agreement of whole sets of findings; each pattern of findings is scored once."""

    name = "profile"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        counts = np.bincount(catalogue.pattern, minlength=len(catalogue.patterns))
        self._scorer = ProfileScorer(catalogue.patterns, counts)
        self._scores = LastScores(self._score)

    def search(self, query: Query, k: int, allowed: BoolArray | None = None) -> Ranked:
        """Rank by expected agreement."""
        if not query.probabilities:
            return NOTHING
        return best_rows(self.scores(query), k, self._catalogue.by_id, allowed=allowed)

    def scores(self, query: Query) -> FloatArray:
        """Return the expected agreement of every case, float64 [all rows]."""
        return self._scores.of(query)

    def _score(self, query: Query) -> FloatArray:
        scores = self._scorer.scores(query.probabilities, normal=query.normal).astype(np.float64)
        return scores[self._catalogue.pattern]
