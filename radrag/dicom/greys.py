"""A display image that is not computed yet: stored values and the grey of each, for work that wants few of its pixels.

A model sees 224 or 256 pixels a side of a film with 2,000. What comes before the resize (trimming, stretching the
greys) can be said of the table, and the resize looks up only the rows at hand: the same numbers as those of the whole
display image, to the rounding of float32, without ever holding it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from radrag.dicom.geometry import Pixels

_BAND = 16_384  # rows of the result at a time, times columns: the input's rows for them stay in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class Greys:
    """A display image; see :class:`radrag.dicom.read.LoadedImage` for what its greys mean.

    Attributes:
        values: [rows, columns] in any memory order; unsigned indices of ``table``, or the greys themselves, float32
            in [0, 1], where it is None.
        table: float32 [n] in [0, 1].
    """

    values: npt.NDArray[Any]
    table: npt.NDArray[np.float32] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.values.shape[0], self.values.shape[1]

    def __getitem__(self, part: tuple[slice, slice]) -> Greys:
        """Return a rectangle of the image, or a sample of its rows and columns."""
        return Greys(self.values[part], self.table)

    def pixels(self) -> Pixels:
        """Return float32 [rows, columns], C-contiguous."""
        # take: the same as indexing, in three quarters of the time
        shown = self.values if self.table is None else np.take(self.table, self.values)
        return np.ascontiguousarray(shown, dtype=np.float32)

    def spans(self, axis: int) -> npt.NDArray[np.float32]:
        """Return the range of the greys in each column (axis 0) or row (axis 1), float32."""
        low, high = self.values.min(axis=axis), self.values.max(axis=axis)
        if self.table is None:
            return np.asarray(high - low)
        if not _monotone(self.table[int(low.min()) : int(high.max()) + 1]):
            return np.asarray(np.ptp(self.pixels(), axis=axis))
        return np.asarray(np.abs(self.table[high] - self.table[low]))

    def percentiles(self, shares: tuple[float, ...]) -> npt.NDArray[np.floating[Any]]:
        """Return percentiles (0 to 100) of the greys, interpolated as numpy does."""
        counts = None if self.table is None else np.bincount(self.values.ravel())
        table = None if counts is None or self.table is None else self.table[: len(counts)]
        if counts is None or table is None or not _monotone(table):
            return np.asarray(np.percentile(self.pixels(), shares))
        if table[-1] < table[0]:
            counts, table = counts[::-1], table[::-1]
        place = np.asarray(shares) / 100 * (self.values.size - 1)
        up_to = np.cumsum(counts)
        below, above = (table[np.searchsorted(up_to, at, side="right")] for at in (np.floor(place), np.ceil(place)))
        return np.asarray(below + (above - below) * (place - np.floor(place)))

    def stretched(self, low: float, high: float) -> Greys:
        """Return the image with ``low`` and ``high`` as 0 and 1, clipped."""
        if self.table is None:
            return Greys(stretched(self.values, low, high))
        return Greys(self.values, stretched(self.table, low, high))

    def resized(self, shape: tuple[int, int]) -> Pixels:
        """Resize, bilinear with antialiasing, as Pillow and torch do.

        Args:
            shape: rows and columns wanted.

        Returns:
            float32 [rows, columns].
        """
        (down, first, last), (across, left, right) = (_weights(*sizes) for sizes in zip(self.shape, shape, strict=True))
        rows = np.empty((shape[0], self.shape[1]), np.float32)
        band = max(8, _BAND // self.shape[1])
        for start in range(0, shape[0], band):
            stop = min(start + band, shape[0])
            used = slice(first[start], last[stop - 1])
            np.matmul(down[start:stop, used], self[used, :]._band(), out=rows[start:stop])
        result = np.empty(shape, np.float32)
        band = max(8, _BAND // 4 // shape[0])
        for start in range(0, shape[1], band):
            stop = min(start + band, shape[1])
            used = slice(left[start], right[stop - 1])
            result[:, start:stop] = rows[:, used] @ across[start:stop, used].T
        return result

    def _band(self) -> Pixels:
        # take with "clip" is half as dear as indexing, which checks every index; here all are within the table
        values: Pixels = self.values if self.table is None else self.table.take(self.values, mode="clip")
        return values


def stretched(greys: Pixels, low: float, high: float) -> Pixels:
    """Return greys with ``low`` and ``high`` as 0 and 1, clipped."""
    scaled: Pixels = greys - np.float32(low)
    scaled /= np.float32(high - low)  # in place: a fresh array of a full-size image costs as much as the arithmetic
    return np.clip(scaled, 0, 1, out=scaled)


def _monotone(table: npt.NDArray[np.float32]) -> bool:
    steps = np.diff(table)
    return bool((steps >= 0).all() or (steps <= 0).all())


@lru_cache(maxsize=64)
def _weights(size: int, wanted: int) -> tuple[Pixels, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the triangle filter's weights, float32 [wanted, size], and the first and past-the-last input of each."""
    scale = size / wanted
    support = max(scale, 1.0)
    centres = (np.arange(wanted) + 0.5) * scale
    first = np.maximum((centres - support + 0.5).astype(np.intp), 0)
    last = np.minimum((centres + support + 0.5).astype(np.intp), size)
    inputs = np.arange(size)
    weights = np.maximum(1 - np.abs(inputs + 0.5 - centres[:, None]) / support, 0)
    weights *= (inputs >= first[:, None]) & (inputs < last[:, None])
    weights /= weights.sum(axis=1, keepdims=True)
    return weights.astype(np.float32), first, last
