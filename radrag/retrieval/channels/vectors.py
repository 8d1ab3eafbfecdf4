"""Cases by the cosine of their vectors with one of the query's: what image, text and shared space do alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radrag.corpus.catalogue import Catalogue
from radrag.index.base import Neighbour
from radrag.retrieval.ranked import NOTHING, BoolArray, Ranked

DEEPER = 4
"""How many times as many vectors are fetched when too few of those found may be."""


def nearest_allowed(
    search: Callable[[int], list[Neighbour]], catalogue: Catalogue, k: int, allowed: BoolArray | None
) -> Ranked:
    """Search deeper until ``k`` cases are found that may be, or there are no more.

    Args:
        search: number → so many of the nearest cases, in order; fewer where there are no more.
        catalogue: knows the cases' rows.
        k: how many; at least 1.
        allowed: bool [all rows]; None for all.
    """
    fetch = k
    while True:
        found = search(fetch)
        rows = np.array([catalogue.row(name) for name, _ in found], dtype=np.intp)
        scores = np.array([score for _, score in found], dtype=np.float64)
        may = slice(None) if allowed is None else np.flatnonzero(allowed[rows])
        kept = Ranked(rows, scores).at(may).first(k)
        if len(kept) >= k or len(found) < fetch:
            return kept if len(kept) else NOTHING
        fetch *= DEEPER
