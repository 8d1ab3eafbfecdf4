"""How much the channels agree: shared cases among the first k, and rank-biased overlap.

Kendall's τ compares orders of the same cases; channels find different ones, for which rank-biased overlap was made
(Webber, Moffat & Zobel, "A similarity measure for indefinite rankings", ACM TOIS 2010).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from radrag.audit.searched import NONE, Places

PERSISTENCE = 0.9
"""Weight of rank d is 0.9 to the power of d − 1: the first ten ranks have 86 % of it (Webber et al., section 4.4)."""

DEEPEST = 50
"""Ranks compared: those behind have half a hundredth of the weight."""

BLOCK = 256


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two channels over the queries for which both found something.

    Attributes:
        overlap: mean share of the first ``depth`` cases that both have, in [0, 1].
        rbo: mean rank-biased overlap, extrapolated from ``depth`` ranks, in [0, 1].
    """

    first: str
    second: str
    queries: int
    depth: int
    overlap: float
    rbo: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "channels": [self.first, self.second],
            "queries": self.queries,
            "depth": self.depth,
            "overlap": self.overlap,
            "rbo": self.rbo,
        }


def agreements(rankings: Mapping[str, Places]) -> tuple[Agreement, ...]:
    """Compare every two rankings.

    Args:
        rankings: name → int [n, depth], cases, none twice in a row; :data:`radrag.audit.searched.NONE` behind the last.
    """
    found = []
    for (first, a), (second, b) in combinations(rankings.items(), 2):
        both = (a[:, 0] != NONE) & (b[:, 0] != NONE)
        depth = min(a.shape[1], DEEPEST)
        if not both.any():
            continue
        shared = shared_by_depth(a[both, :depth], b[both, :depth])
        found.append(
            Agreement(
                first,
                second,
                int(both.sum()),
                depth,
                float(shared[:, -1].mean() / depth),
                float(rank_biased_overlap(shared).mean()),
            )
        )
    return tuple(found)


def shared_by_depth(a: Places, b: Places) -> npt.NDArray[np.int64]:
    """Return how many cases the first 1, 2, … of both rankings share, int64 [n, depth]."""
    depth = a.shape[1]
    ranks = np.maximum(np.arange(depth)[:, None], np.arange(depth)[None])
    counts = np.zeros((len(a), depth), dtype=np.int64)
    for start in range(0, len(a), BLOCK):
        part, other = a[start : start + BLOCK], b[start : start + BLOCK]
        row, i, j = np.nonzero((part[:, :, None] == other[:, None]) & (part[:, :, None] != NONE))
        np.add.at(counts, (row + start, ranks[i, j]), 1)
    return np.cumsum(counts, axis=1)


def rank_biased_overlap(shared: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the extrapolated rank-biased overlap (equation 30 of the paper), float64 [n] in [0, 1].

    Args:
        shared: as :func:`shared_by_depth` returns it.
    """
    depth = shared.shape[1]
    ranks = np.arange(1, depth + 1)
    weights = (1 - PERSISTENCE) / PERSISTENCE * PERSISTENCE**ranks
    mean: npt.NDArray[np.float64] = (shared / ranks) @ weights + shared[:, -1] / depth * PERSISTENCE**depth
    return mean
