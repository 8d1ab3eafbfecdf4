"""The best rows of an array of scores, in the order that every index answers in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from radrag.index.base import Neighbour

_DECIMALS = 6


class BestRows:
    """Finds the best of some ids' scores.

    Thousands of cases often tie where findings are compared, so that ids are put in order once, not for each search.

    Args:
        ids: of the rows, none twice.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = ids
        self._place = np.empty(len(ids), dtype=np.int64)
        self._place[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))

    def of(self, scores: npt.NDArray[np.float32], k: int) -> list[Neighbour]:
        """Return the ``k`` best (id, score), by falling score, scores equal at six decimals by id.

        Args:
            scores: float32 [rows].
            k: how many; at least 1.
        """
        rounded = np.round(scores.astype(np.float64), _DECIMALS)
        if k < len(scores):
            last = np.partition(rounded, len(rounded) - k)[len(rounded) - k]
            rows = np.flatnonzero(rounded >= last)  # with all that tie with the last one
        else:
            rows = np.arange(len(scores))
        best = rows[np.lexsort((self._place[rows], -rounded[rows]))][:k]
        return [(self._ids[row], score) for row, score in zip(best.tolist(), scores[best].tolist(), strict=True)]
