"""The scores of the last query: what ranks cases, and what completes other channels' lists, is computed once."""

from __future__ import annotations

from collections.abc import Callable

from radrag.retrieval.query import Query
from radrag.retrieval.ranked import FloatArray


class LastScores:
    """Remembers what was computed for one query.

    Args:
        compute: query → score of every case, float64 [all rows].
    """

    def __init__(self, compute: Callable[[Query], FloatArray]) -> None:
        self._compute = compute
        self._kept: tuple[Query, FloatArray] | None = None

    def of(self, query: Query) -> FloatArray:
        """Return the scores for a query."""
        kept = self._kept  # read once: another thread may replace it
        if kept is None or kept[0] is not query:
            kept = self._kept = (query, self._compute(query))
        return kept[1]
