"""Ranked cases as arrays of catalogue rows: what channels find, and what fusion and selection pass on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]

DECIMALS = 6
"""Scores are compared at so many decimals: the last bit of a sum must not decide which of two cases comes first."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Cases, best first.

    Attributes:
        rows: intp [n], rows of the catalogue, none twice.
        scores: float64 [n], falling.
    """

    rows: IntArray
    scores: FloatArray

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, places: IntArray | slice) -> Ranked:
        """Return the cases at some places, or of a slice, in that order."""
        return Ranked(self.rows[places], self.scores[places])

    def first(self, count: int) -> Ranked:
        """Return the best ``count``, or as many as there are."""
        return self.at(slice(0, max(count, 0)))

    def place(self, row: int) -> int | None:
        """Return the place of a row, from 0; None where it is not among them."""
        found = np.flatnonzero(self.rows == row)
        return int(found[0]) if len(found) else None


NOTHING = Ranked(np.empty(0, dtype=np.intp), np.empty(0))


def ordered(rows: IntArray, scores: npt.NDArray[np.floating], by_id: IntArray) -> Ranked:
    """Return rows by falling score, those equal at :data:`DECIMALS` in the ascending order of their ids.

    Args:
        rows: intp [n].
        scores: [n], of the rows.
        by_id: intp [all rows], the place of each row's id among all ids in ascending order.
    """
    rounded = np.asarray(scores, dtype=np.float64).round(DECIMALS)
    order = np.lexsort((by_id[rows], -rounded))
    return Ranked(rows[order], rounded[order])


def best_rows(scores: npt.NDArray[np.floating], k: int, by_id: IntArray, *, allowed: BoolArray | None = None) -> Ranked:
    """Return the ``k`` best of all rows, in the order of :func:`ordered`.

    Args:
        scores: [all rows].
        k: how many; at least 1.
        by_id: as for :func:`ordered`.
        allowed: bool [all rows], which may be found; None for all.
    """
    rows = None if allowed is None else np.flatnonzero(allowed)
    found = scores if rows is None else scores[rows]
    if k < len(found):
        last = np.partition(found, len(found) - k)[len(found) - k]
        near = np.flatnonzero(found >= last - 10.0**-DECIMALS)  # with all that may tie with the last one
        rows, found = near if rows is None else rows[near], found[near]
    return ordered(np.arange(len(found)) if rows is None else rows, found, by_id).first(k)


def joined_rows(lists: Sequence[Ranked]) -> IntArray:
    """Return every row of some lists once, in ascending order."""
    rows: IntArray = np.unique(np.concatenate([ranked.rows for ranked in lists] or [NOTHING.rows]))
    return rows
