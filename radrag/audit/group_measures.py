"""Measures that can be taken of any part of a set of queries, for many bootstrap draws at once.

Every measure has a value for each query or none (NaN); ``at`` takes weights float64 [draws, n], how often each query
was drawn, and returns the measure of each draw, float64 [draws]; NaN where it is undefined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LEAST_OF_A_CLASS = 5
"""Queries with, and without, a finding that an area under the curve needs: one more or less moves it by a fifth."""


class Measure(Protocol):
    """A measure over queries."""

    @property
    def name(self) -> str:
        """Name in tables."""
        ...

    @property
    def known(self) -> BoolArray:
        """Which queries count, bool [n]."""
        ...

    def at(self, weights: FloatArray) -> FloatArray:
        """Return the measure of each draw, NaN where it is undefined."""
        ...

    def lacks(self, rows: BoolArray) -> str:
        """Say why the measure is undefined over some queries; empty where it is not."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Mean:
    """The mean of a value a query, such as nDCG; of 0 and 1 for sensitivity (over queries where a finding is there)."""

    name: str
    values: FloatArray

    @property
    def known(self) -> BoolArray:
        """Which queries have a value."""
        return np.logical_not(np.isnan(self.values))

    def at(self, weights: FloatArray) -> FloatArray:
        """Return the weighted means."""
        return _ratio(weights @ np.nan_to_num(self.values), weights @ self.known.astype(np.float64))

    def lacks(self, rows: BoolArray) -> str:  # noqa: ARG002 - the protocol's
        """Nothing: a mean is always defined."""
        return ""


@dataclass(frozen=True, slots=True, eq=False)
class Area:
    """The area under the ROC curve: the chance that a query with a finding scores above one without; ties count half.

    Attributes:
        scores: float64 [n]; NaN where unknown.
        truth: float64 [n], 1 or 0; NaN where unknown or uncertain.
    """

    name: str
    scores: FloatArray
    truth: FloatArray

    @property
    def known(self) -> BoolArray:
        """Which queries have a score and a truth."""
        return np.logical_not(np.isnan(self.scores) | np.isnan(self.truth))

    def at(self, weights: FloatArray) -> FloatArray:
        """Return the weighted areas."""
        rows = np.flatnonzero(self.known)
        rows = rows[np.argsort(self.scores[rows], kind="stable")]
        if not len(rows):
            return np.full(len(weights), np.nan)
        starts = np.flatnonzero(np.diff(self.scores[rows], prepend=np.nan) != 0)
        truth, drawn = self.truth[rows], weights[:, rows]
        there = np.add.reduceat(drawn * truth, starts, axis=1)
        absent = np.add.reduceat(drawn * (1 - truth), starts, axis=1)
        below = np.cumsum(absent, axis=1) - absent
        return _ratio((there * (below + absent / 2)).sum(axis=1), there.sum(axis=1) * absent.sum(axis=1))

    def lacks(self, rows: BoolArray) -> str:
        """Say that one class is missing, or nearly so."""
        truth = self.truth[rows & self.known]
        there, absent = int((truth == 1).sum()), int((truth == 0).sum())
        if not there or not absent:
            return "one class only: undefined"
        if min(there, absent) < LEAST_OF_A_CLASS:
            return f"fewer than {LEAST_OF_A_CLASS} of a class"
        return ""


@dataclass(frozen=True, slots=True, eq=False)
class MicroF1:
    """F1 over all findings of all queries, 2 TP / (2 TP + FP + FN); arrays float64 [n], NaN where no report is due."""

    name: str
    right: FloatArray
    wrong: FloatArray
    missed: FloatArray

    @property
    def known(self) -> BoolArray:
        """Which queries have counts."""
        return np.logical_not(np.isnan(self.right))

    def at(self, weights: FloatArray) -> FloatArray:
        """Return F1 of the weighted sums."""
        right, wrong, missed = (weights @ np.nan_to_num(of) for of in (self.right, self.wrong, self.missed))
        return _ratio(2 * right, 2 * right + wrong + missed)

    def lacks(self, rows: BoolArray) -> str:
        """Say that no report states a finding."""
        counts = np.nan_to_num(self.right[rows]) + np.nan_to_num(self.wrong[rows]) + np.nan_to_num(self.missed[rows])
        return "" if counts.sum() else "no finding on either side: undefined"


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    found: FloatArray = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return found
