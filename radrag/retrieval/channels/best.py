"""The best rows of an array of scores, in the order that every index answers in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from radrag.index.base import Neighbour, in_order


def best_rows(scores: npt.NDArray[np.float32], k: int, ids: Sequence[str]) -> list[Neighbour]:
    """Return the ``k`` best (id, score), by falling score, scores equal at six decimals by id."""
    if k < len(scores):
        last = np.partition(scores, len(scores) - k)[len(scores) - k]
        rows = np.flatnonzero(scores >= last - 1e-6).tolist()  # with all that tie with the last one
    else:
        rows = list(range(len(scores)))
    return in_order((ids[row], float(scores[row])) for row in rows)[:k]
