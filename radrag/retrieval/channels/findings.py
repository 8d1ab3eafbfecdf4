"""Findings against findings: what an image shows, or a text states, against what reports state."""

from __future__ import annotations

from radrag.corpus.catalogue import Catalogue
from radrag.index.base import Neighbour
from radrag.retrieval.agreement import AgreementScorer
from radrag.retrieval.channels.best import BestRows
from radrag.retrieval.query import Query


class FindingsChannel:
    """Every case by its expected agreement with the query's findings; each pattern of findings is scored once."""

    name = "labels"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._best = BestRows(catalogue.ids)
        self._scorer = AgreementScorer(catalogue.patterns)

    def search(self, query: Query, k: int) -> list[Neighbour]:
        """Rank by expected agreement."""
        if not query.probabilities:
            return []
        scores = self._scorer.scores(query.probabilities, normal=query.normal)
        return self._best.of(scores[self._catalogue.pattern], k)
