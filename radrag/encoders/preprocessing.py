"""The one way from a display image to a model's input; encoding and training both go through here.

A display image is float32 [rows, columns] in [0, 1], air dark and bone bright. Sources differ: hospital DICOM
comes with 2,000 to 3,000 pixels a side and black collimator borders, training sets with 512 px, 8 bits and tight
crops. Trimming the flat border and stretching between percentiles brings them together before the resize.

Bulk work gives :class:`radrag.dicom.greys.Greys` instead, display images that are not computed yet: the same steps,
with the same result to the rounding of float32, in a fraction of the time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from radrag.dicom.greys import Greys, stretched
from radrag.encoders.placement import Placement

if TYPE_CHECKING:
    import torch

FloatImage = npt.NDArray[np.float32]

FLAT_LINE = 0.02
"""A border row or column whose values span less than this (of the [0, 1] range) carries no anatomy."""

LARGEST_TRIM = 0.3
"""No side loses more than this share: a larger flat area is a sign of an odd image, which is left as it is."""

PERCENTILES = (0.5, 99.5)
"""Grey values at these percentiles become 0 and 1: markers and dead pixels no longer set the scale."""

FLAT = 1e-6
"""Percentiles closer than this: there is nothing to stretch."""

ENOUGH = 3.5
"""Pixels of a film's shorter side for each pixel of a model's input, beyond which more change nothing that counts: a
film decoded to half its size still gave vectors with a cosine above 0.9998 and scores within 0.006 (docs/speed.md)."""


def enough_side(size: int) -> int:
    """Return how many pixels of the shorter side are enough for an input of ``size``, for ``load_image(side=…)``."""
    return math.ceil(ENOUGH * size)


def busy_part(image: FloatImage | Greys) -> tuple[slice, slice]:
    """Return the rows and columns inside the flat ones (collimator, film edge) along the four sides.

    All rows and columns where a side would lose more than ``LARGEST_TRIM``.

    Args:
        image: float32 [rows, columns] in [0, 1].
    """
    slices = []
    for axis in (1, 0):
        span = image.spans(axis) if isinstance(image, Greys) else np.ptp(image, axis=axis)
        busy = np.flatnonzero(span >= FLAT_LINE)
        length = image.shape[1 - axis]
        if busy.size == 0 or max(busy[0], length - 1 - busy[-1]) > LARGEST_TRIM * length:
            return slice(0, image.shape[0]), slice(0, image.shape[1])
        slices.append(slice(int(busy[0]), int(busy[-1]) + 1))
    return slices[0], slices[1]


def stretch(image: FloatImage | Greys) -> FloatImage | Greys:
    """Map the grey values at ``PERCENTILES`` to 0 and 1 and clip; a flat image becomes all zeros.

    Args:
        image: [rows, columns] in [0, 1].

    Returns:
        [rows, columns] in [0, 1].
    """
    step = max(1, min(image.shape) // 512)  # percentiles of a 512-pixel sample: the same to 3 digits, 20 times faster
    sample = image[::step, ::step]
    low, high = sample.percentiles(PERCENTILES) if isinstance(sample, Greys) else np.percentile(sample, PERCENTILES)
    if isinstance(image, Greys):
        return image.stretched(low, high) if high - low >= FLAT else Greys(np.zeros(image.shape, np.float32))
    return stretched(image, low, high) if high - low >= FLAT else np.zeros_like(image)


def fit_square(image: FloatImage | Greys, size: int) -> tuple[torch.Tensor, Placement]:
    """Bring one display image to ``size`` by ``size`` pixels: trim, stretch, antialiased resize, pad with black.

    The aspect ratio is kept and nothing is cropped: costophrenic angles and apices lie at the image's edge.

    Args:
        image: [rows, columns] in [0, 1], at least 2 by 2.
        size: side of the result in pixels.

    Returns:
        float32 [1, size, size] in [0, 1] (multiply and shift it to the model's own value range), and the way back.
    """
    from torch.nn import functional

    part = busy_part(image)
    prepared = stretch(image[part])
    rows, columns = prepared.shape
    scale = size / max(rows, columns)
    shape = (max(1, round(rows * scale)), max(1, round(columns * scale)))
    pixels = resize(prepared, shape)
    top, left = (size - shape[0]) // 2, (size - shape[1]) // 2
    padded = functional.pad(pixels, (left, size - shape[1] - left, top, size - shape[0] - top))
    source = (float(part[1].start), float(part[0].start), float(part[1].stop), float(part[0].stop))
    target = (float(left), float(top), float(left + shape[1]), float(top + shape[0]))
    return padded.clamp_(0, 1), Placement(source, target, (size, size))


def to_square(image: FloatImage, size: int) -> torch.Tensor:
    """Return only the pixels of :func:`fit_square`, float32 [1, size, size] in [0, 1]."""
    return fit_square(image, size)[0]


def fit_centre(image: FloatImage | Greys, size: int) -> tuple[torch.Tensor, Placement]:
    """Bring one display image to ``size`` by ``size`` pixels as torchxrayvision does: centre crop, antialiased resize.

    Args:
        image: float32 [rows, columns] in [0, 1].
        size: side of the result in pixels.

    Returns:
        float32 [1, size, size] in [0, 1], and the way back.
    """
    rows, columns = image.shape
    side = min(rows, columns)
    top, left = (rows - side) // 2, (columns - side) // 2
    pixels = resize(image[top : top + side, left : left + side], (size, size))
    source = (float(left), float(top), float(left + side), float(top + side))
    return pixels.clamp_(0, 1), Placement(source, (0.0, 0.0, float(size), float(size)), (size, size))


def resize(
    image: FloatImage | Greys, shape: tuple[int, int], mode: Literal["bilinear", "bicubic"] = "bilinear"
) -> torch.Tensor:
    """Resize with antialiasing, as Pillow does; the one resize of all encoders.

    Args:
        image: [rows, columns].
        shape: rows and columns wanted.
        mode: ``bicubic`` overshoots at edges: clamp the result.

    Returns:
        float32 [1, rows, columns].
    """
    import torch
    from torch.nn import functional

    if isinstance(image, Greys):
        if mode == "bilinear" and shape != image.shape:
            return torch.from_numpy(image.resized(shape))[None]
        image = image.pixels()
    pixels = torch.from_numpy(np.ascontiguousarray(image))[None, None]
    if shape != image.shape:
        pixels = functional.interpolate(pixels, size=shape, mode=mode, antialias=True, align_corners=False)
    return pixels[0]
