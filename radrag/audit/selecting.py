"""What an adaptive number of hits does, against a fixed number with the same mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from radrag.audit.searched import NONE, FloatArray, Searched
from radrag.evaluation.intervals import Estimate, PatientBootstrap
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.ranking import SCALE
from radrag.evaluation.relevance import Relevance


@dataclass(frozen=True, slots=True)
class Selection:
    """What an adaptive number of hits does, against a fixed number with the same mean.

    Both take the first of what hits are selected from, before some are kept for each finding.

    Attributes:
        mean, deviation: of the number; None without queries.
        fired: share of queries for which it takes fewer than there are; None without queries.
        counts: number of hits → queries.
        precision, fixed: mean share of relevant cases, by the selector and by the fixed number (for a mean between two
            whole numbers, of both by their share); queries with a known truth.
        gain: their difference, paired.
    """

    name: str
    queries: int
    mean: float | None
    deviation: float | None
    fired: float | None
    counts: Mapping[int, int]
    precision: Estimate
    fixed: Estimate
    gain: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "name": self.name,
            "queries": self.queries,
            "mean": self.mean,
            "deviation": self.deviation,
            "fired": self.fired,
            "counts": {str(k): n for k, n in self.counts.items()},
            "precision": self.precision.as_dict(),
            "fixed": self.fixed.as_dict(),
            "gain": self.gain.as_dict(),
        }


def selection(
    name: str,
    queries: Sequence[EvaluationQuery],
    searched: Searched,
    relevance: Relevance,
    *,
    rows: Sequence[int],
    bootstrap: tuple[int, int],
) -> Selection:
    """Compare a selector with the fixed number of hits that has its mean.

    Args:
        name: of the selector.
        rows: of the queries with a known truth; those that found nothing are left out.
        bootstrap: draws and seed.
    """
    kept = np.array([row for row in rows if searched.ranked[row, 0] != NONE], dtype=np.int64)
    counts = searched.counts[name][kept]
    if not len(kept):
        nothing = PatientBootstrap([]).mean([])
        return Selection(name, 0, None, None, None, {}, nothing, nothing, nothing)
    right = _relevant(queries, searched, relevance, kept)
    mean = float(counts.mean())
    low, share = int(mean), mean - int(mean)
    there = (searched.ranked[kept] != NONE).sum(axis=1)
    by_depth = np.concatenate([np.zeros((len(kept), 1)), np.cumsum(right, axis=1)], axis=1)

    def precision(k: npt.NDArray[np.int64]) -> FloatArray:
        taken = np.minimum(k, there)
        values: FloatArray = by_depth[np.arange(len(kept)), taken] / np.maximum(taken, 1)
        return values

    chosen = precision(counts)
    below, above = (precision(np.full(len(kept), k, dtype=np.int64)) for k in (low, low + 1))
    fixed = (1 - share) * below + share * above
    paired = PatientBootstrap([queries[row].patient for row in kept.tolist()], draws=bootstrap[0], seed=bootstrap[1])
    values, sizes = np.unique(counts, return_counts=True)
    return Selection(
        name,
        len(kept),
        mean,
        float(counts.std()),
        float((counts < there).mean()),
        dict(zip(values.tolist(), sizes.tolist(), strict=True)),
        paired.mean(chosen),
        paired.mean(fixed),
        paired.mean(chosen - fixed),
    )


def _relevant(
    queries: Sequence[EvaluationQuery], searched: Searched, relevance: Relevance, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return which of the ranked cases are relevant, bool [rows, depth]."""
    known: dict[tuple[tuple[str, float], ...], npt.NDArray[np.bool_]] = {}
    found = []
    for row in rows.tolist():
        key = tuple(sorted(queries[row].truth.items()))
        if key not in known:
            known[key] = np.rint(relevance.gains(queries[row].truth) * SCALE) > SCALE // 2
        places = searched.ranked[row]
        found.append(np.where(places != NONE, known[key][places], False))
    return np.array(found)
