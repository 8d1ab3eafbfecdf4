"""One image as bytes for the browser: a picture of the file's own window, every value at full depth, a thumbnail."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from radrag.dicom.window import Window, window_between

if TYPE_CHECKING:
    from radrag.dicom.depth import Depth

LONGEST_SIDE = 1400
"""Pixels of the preview's longest side: more than a 1920-pixel screen gives an image beside a draft."""

PREVIEW_BYTES = 400_000

PRESETS = {"Lung": (1.0, 72.0), "Soft tissue": (22.0, 98.0), "Bone": (45.0, 99.8)}
"""Percentiles of the image, from dark to bright, that become black and white: a radiograph has no absolute scale."""

_LOSSLESS_PIXELS = 1_100_000  # a PNG of a radiograph takes 0.3 to 0.5 bytes a pixel, and 0.1 s to make
_QUALITIES = (95, 90, 85, 80, 70, 60)
_LEVEL = 4  # of deflate: a third of level 6's time, and as small
_COUNTED = 4  # every fourth row and column tells the percentiles


def preview(depth: Depth, *, longest: int = LONGEST_SIDE, most: int = PREVIEW_BYTES) -> tuple[bytes, str]:
    """Return the image as its file wants it shown, eight bits deep, and its media type.

    JPEG rather than lossy WebP, which leaves 220 of 256 greys (it codes video's range).

    Args:
        depth: the image.
        longest: of its sides at most, in pixels; small images are not enlarged.
        most: bytes.
    """
    grey = _eight_bits(depth.greys[depth.values], longest)
    if grey.size <= _LOSSLESS_PIXELS:
        picture = _encoded(grey, "PNG", compress_level=_LEVEL)
        if len(picture) <= most:
            return picture, "image/png"
    for quality in _QUALITIES:
        picture = _encoded(grey, "JPEG", quality=quality, optimize=True)
        if len(picture) <= most:
            return picture, "image/jpeg"
    return preview(depth, longest=longest * 3 // 4, most=most)


def full(depth: Depth) -> bytes:
    """Return every value, gzipped: levels float32 [n], greys uint8 [n], then the values as :func:`packed`."""
    greys = np.floor(depth.greys * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    body = depth.levels.astype("<f4").tobytes() + greys.tobytes() + packed(depth.values)
    return gzip.compress(body, compresslevel=_LEVEL, mtime=0)


def packed(values: npt.NDArray[np.uint16]) -> bytes:
    """Return uint16 [rows, columns] as bytes that deflate well; :func:`unpacked` and the browser undo it.

    Each value less what left, upper and upper left neighbour foretell (PNG's and TIFF's idea, in two directions),
    small numbers of both signs made small positive ones; then all low bytes, then all high bytes.
    """
    left = values.copy()
    left[:, 1:] -= values[:, :-1]
    rest = left.copy()
    rest[1:] -= left[:-1]
    zigzag = (rest << np.uint16(1)) ^ (rest.view(np.int16) >> 15).view(np.uint16)
    return (zigzag & 0xFF).astype(np.uint8).tobytes() + (zigzag >> 8).astype(np.uint8).tobytes()


def unpacked(data: bytes, shape: tuple[int, int]) -> npt.NDArray[np.uint16]:
    """Return what :func:`packed` was given."""
    halves = np.frombuffer(data, dtype=np.uint8).reshape(2, *shape).astype(np.uint16)
    zigzag = halves[0] | (halves[1] << np.uint16(8))
    rest = (zigzag >> np.uint16(1)) ^ (np.uint16(0) - (zigzag & np.uint16(1)))
    across = np.cumsum(rest, axis=1, dtype=np.uint16)
    return np.asarray(np.cumsum(across, axis=0, dtype=np.uint16))


def head(depth: Depth) -> dict[str, Any]:
    """Return what the browser must know of an image before its pixels, as JSON."""
    rows, columns = depth.values.shape
    return {
        "rows": rows,
        "columns": columns,
        "levels": len(depth.levels),
        "bits": depth.bits,
        "inverse": depth.inverse,
        "exact": depth.window.exact,
        "windows": {name: [one.centre, one.width] for name, one in windows(depth).items()},
        "edges": depth.edges,
        "spacing": depth.spacing,
        "spacing_from": depth.spacing_from,
        "geometry": dataclasses.asdict(depth.geometry),
    }


def windows(depth: Depth) -> dict[str, Window]:
    """Return the windows on the viewer's buttons, the file's own first."""
    sample = depth.levels[depth.values[::_COUNTED, ::_COUNTED]]
    known = sample[~np.isnan(sample)]
    found = {"Default": depth.window}
    for name, shares in PRESETS.items():
        dark, bright = (100 - shares[1], 100 - shares[0]) if depth.inverse else shares
        low, high = np.percentile(known, (dark, bright), method="nearest")  # a value that occurs
        found[name] = window_between(float(low), float(high), exact=depth.window.exact)
    return found


def thumbnail(pixels: npt.NDArray[np.float32], longest: int = 280) -> str:
    """Return a small PNG data URI of a display image, float32 in [0, 1]."""
    png = _encoded(_eight_bits(pixels, longest), "PNG", compress_level=_LEVEL)
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _eight_bits(greys: npt.NDArray[np.float32], longest: int) -> npt.NDArray[np.uint8]:
    """Return greys in [0, 1] as uint8, averaged down to ``longest`` pixels a side."""
    rows, columns = greys.shape
    shrink = longest / max(rows, columns)
    if shrink < 1:
        size = (max(1, round(columns * shrink)), max(1, round(rows * shrink)))
        greys = np.asarray(Image.fromarray(greys).resize(size, Image.Resampling.BOX))
    return np.asarray(np.floor(greys * np.float32(255) + np.float32(0.5)), dtype=np.uint8)


def _encoded(grey: npt.NDArray[np.uint8], kind: str, **how: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, format=kind, **how)
    return buffer.getvalue()
