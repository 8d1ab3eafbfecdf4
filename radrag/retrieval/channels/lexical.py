"""Words against reports, by the words themselves (BM25); a denied word is another word than a stated one."""

from __future__ import annotations

from radrag.corpus.catalogue import Catalogue
from radrag.corpus.lexical import LexicalIndex
from radrag.reports.normalise import search_terms
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import NOTHING, BoolArray, Ranked, best_rows

HALF = 10.0
"""BM25 score that becomes 0.5 on the scale from 0 to 1: about that of three shared words of middling rarity."""


class LexicalChannel:
    """BM25 over normalised terms; cases that share no term are not ranked."""

    name = "lexical"

    def __init__(self, index: LexicalIndex, catalogue: Catalogue) -> None:
        self._index = index
        self._catalogue = catalogue

    def search(self, query: Query, k: int, allowed: BoolArray | None = None) -> Ranked:
        """Rank by BM25."""
        if not query.text:
            return NOTHING
        scores = self._index.scores(search_terms(query.text))
        shared = scores > 0 if allowed is None else (scores > 0) & allowed
        found = best_rows(scores, k, self._catalogue.by_id, allowed=shared)
        return Ranked(found.rows, found.scores / (found.scores + HALF))
