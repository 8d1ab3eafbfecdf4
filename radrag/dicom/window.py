"""From values to grey levels by a window: the linear functions of PS3.3 C.11.2.1.2, for tables and for readers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Window:
    """A window on modality values.

    Attributes:
        centre, width: in the unit of the values; the width is above 0, and at least 1 unless ``exact``.
        exact: LINEAR_EXACT (PS3.3 C.11.2.1.3.2) instead of LINEAR (C.11.2.1.2.1), which counts in whole values.
    """

    centre: float
    width: float
    exact: bool = False


def window_table(levels: Levels, window: Window, *, inverse: bool = False) -> Bytes:
    """Return the grey of each value.

    Args:
        levels: float32 [n], modality values; NaN is padding.
        window: what is spread over the greys.
        inverse: whether high values are shown dark (MONOCHROME1).

    Returns:
        uint8 [n]; padding is black whatever the polarity, since it has no meaning as a density.
    """
    half = 0.0 if window.exact else 0.5
    span = window.width - 2 * half
    offset = np.asarray(levels, dtype=np.float64) - (window.centre - half)
    # A span of 0 is a threshold: LINEAR of width 1 shows what lies above centre - 0.5.
    share = np.clip(offset / span + 0.5, 0, 1) if span > 0 else (offset > 0).astype(np.float64)
    grey = np.floor((1 - share if inverse else share) * 255 + 0.5)
    return np.where(np.isnan(offset), 0, grey).astype(np.uint8)


def window_between(low: float, high: float, *, exact: bool = False) -> Window:
    """Return the window that shows ``low`` as the first grey and ``high`` as the last; at least one value wide."""
    if exact:
        return Window((low + high) / 2, max(high - low, 1e-6), exact=True)
    return Window((low + high + 1) / 2, max(high - low, 0) + 1)


def window_of(levels: Levels, greys: npt.NDArray[np.float32], *, exact: bool = False) -> Window:
    """Return the window nearest to a table of greys: from the last value of the one end to the first of the other.

    Args:
        levels: float32 [n], modality values; NaN is padding.
        greys: float32 [n] in [0, 1], rising or falling with the values.
        exact: as for :class:`Window`.
    """
    known = ~np.isnan(levels)
    order = np.argsort(levels[known], kind="stable")
    values, shown = levels[known][order], greys[known][order]
    if shown[0] > shown[-1]:
        shown = 1 - shown
    below, above = np.flatnonzero(shown <= shown[0]), np.flatnonzero(shown >= shown[-1])
    return window_between(float(values[below[-1]]), float(values[above[0]]), exact=exact)
