"""Where a pixel of the display image lies in the original image, and back.

Coordinates are continuous: a pixel's area is [i, i + 1), its centre i + 0.5; x to the right, y down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from radrag.domain import Box

Point = tuple[float, float]
Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Geometry:
    """From the original pixel matrix to the display image: transpose, then flips, then square pixels.

    Attributes:
        rows, columns: size of the original matrix.
        display_rows, display_columns: size of the display image.
        transpose: whether rows and columns change places first.
        flip_x, flip_y: whether the image is then mirrored left to right, top to bottom.
    """

    rows: int
    columns: int
    display_rows: int
    display_columns: int
    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(
        cls, rows: int, columns: int, *, transpose: bool = False, flip_x: bool = False, flip_y: bool = False
    ) -> Geometry:
        """Return the geometry of an image whose pixels are square."""
        shape = (columns, rows) if transpose else (rows, columns)
        return cls(rows, columns, *shape, transpose=transpose, flip_x=flip_x, flip_y=flip_y)

    @property
    def turned_shape(self) -> tuple[int, int]:
        """(rows, columns) after transposing, before pixels are made square."""
        return (self.columns, self.rows) if self.transpose else (self.rows, self.columns)

    def turn(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return original pixels [rows, columns] transposed and flipped, as a view."""
        turned = pixels.T if self.transpose else pixels
        return turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]

    def point_to_display(self, point: Point) -> Point:
        """Map (x, y) of the original matrix to the display image."""
        x, y = (point[1], point[0]) if self.transpose else point
        rows, columns = self.turned_shape
        x, y = (columns - x if self.flip_x else x), (rows - y if self.flip_y else y)
        return x * self.display_columns / columns, y * self.display_rows / rows

    def point_to_original(self, point: Point) -> Point:
        """Map (x, y) of the display image to the original matrix."""
        rows, columns = self.turned_shape
        x, y = point[0] * columns / self.display_columns, point[1] * rows / self.display_rows
        x, y = (columns - x if self.flip_x else x), (rows - y if self.flip_y else y)
        return (y, x) if self.transpose else (x, y)

    def box_to_display(self, box: Box) -> Box:
        """Map a box of the original matrix to the display image."""
        return _box(self.point_to_display(box[:2]), self.point_to_display(box[2:]))

    def box_to_original(self, box: Box) -> Box:
        """Map a box of the display image to the original matrix."""
        return _box(self.point_to_original(box[:2]), self.point_to_original(box[2:]))


def resize(pixels: Pixels, shape: tuple[int, int], source: Box | None = None) -> Pixels:
    """Resize float32 [rows, columns] to ``shape`` (rows, columns), bilinear with antialiasing.

    Args:
        pixels: the image.
        shape: rows and columns wanted.
        source: box of ``pixels`` to take; all of it by default.
    """
    from PIL import Image

    rows, columns = pixels.shape
    if shape == (rows, columns) and source is None:
        return np.ascontiguousarray(pixels)
    if source is not None:  # rounding may put a corner a hair outside, which Pillow refuses
        source = (max(source[0], 0.0), max(source[1], 0.0), min(source[2], columns), min(source[3], rows))
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR, box=source), dtype=np.float32)


def _box(first: Point, second: Point) -> Box:
    (x0, y0), (x1, y1) = first, second
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
