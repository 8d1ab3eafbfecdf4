"""F1 of counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]


def f1_of(hits: Counts, extra: Counts, missed: Counts) -> Counts:
    """Return F1, 0 where nothing is stated on either side."""
    both: Counts = 2 * hits + extra + missed
    return np.divide(2 * hits, both, out=np.zeros_like(both), where=both > 0)
