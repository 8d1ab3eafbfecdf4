"""Words against reports, by the words themselves (BM25); a denied word is another word than a stated one."""

from __future__ import annotations

from collections.abc import Sequence

from radrag.corpus.lexical import LexicalIndex
from radrag.index.base import Neighbour
from radrag.reports.normalise import search_terms
from radrag.retrieval.channels.best import BestRows
from radrag.retrieval.query import Query

HALF = 10.0
"""BM25 score that becomes 0.5 on the scale from 0 to 1: about that of three shared words of middling rarity."""


class LexicalChannel:
    """BM25 over normalised terms; cases that share no term are not ranked."""

    name = "lexical"

    def __init__(self, index: LexicalIndex, ids: Sequence[str]) -> None:
        self._index = index
        self._best = BestRows(ids)

    def search(self, query: Query, k: int) -> list[Neighbour]:
        """Rank by BM25."""
        if not query.text:
            return []
        scores = self._index.scores(search_terms(query.text))
        found = self._best.of((scores / (scores + HALF)).astype("float32"), k)
        return [pair for pair in found if pair[1] > 0]
