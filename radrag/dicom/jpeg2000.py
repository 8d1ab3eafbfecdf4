"""JPEG 2000 codestreams (ISO/IEC 15444-1): their size, and decoding them without their finest resolution levels."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_MAX_TILES = 65_535  # A.4.2: a tile's index has 16 bits
_SIZ, _COD, _SOT = b"\xff\x4f\xff\x51", b"\xff\x52", b"\xff\x90"  # A.2; SIZ with the SOC before it


def size(frame: bytes) -> tuple[int, int, int]:
    """Return (rows, columns, components) of a codestream, bare or in a JP2 wrapper.

    Raises:
        ValueError: there is no SIZ segment, or its tiles are impossible.
    """
    start = _start(frame)
    fields = [int.from_bytes(frame[at : at + 4], "big") for at in range(start + 8, start + 40, 4)]
    width, height, left, top, tile_width, tile_height, _, _ = fields
    rows, columns = height - top, width - left
    if min(tile_width, tile_height) < 1 or -(-width // tile_width) * -(-height // tile_height) > _MAX_TILES:
        raise ValueError("impossible tiles")
    return rows, columns, int.from_bytes(frame[start + 40 : start + 42], "big")


def decode_less(frame: bytes, bits: int, side: int) -> npt.NDArray[Any] | None:
    """Decode an unsigned grey image without the levels that ``side`` does not need.

    Each level left out halves the sides and saves three quarters of the work. What is left is the image after the
    wavelet's low-pass filter, on the same scale of values (annex F).

    Args:
        frame: a codestream, bare or in a JP2 wrapper.
        bits: of each value.
        side: how many pixels the shorter side keeps at least.

    Returns:
        uint8 or uint16 [rows, columns], rows and columns halved so many times and rounded up; None where nothing can
        be left out, or the decoder cannot do it: then the whole image is to be decoded.
    """
    rows, columns, components = size(frame)
    levels, precision = _levels_and_precision(frame)
    levels = min(levels, max(0, (min(rows, columns) // side).bit_length() - 1))
    if not levels or components > 1 or precision != bits:
        return None
    for left_out in range(levels, 0, -1):
        values = _without_levels(frame, left_out)
        if values is not None and values.shape == (-(-rows >> left_out), -(-columns >> left_out)):
            return values >> (8 * values.dtype.itemsize - bits)  # Pillow moves the value to the highest bits
    return None


def _without_levels(frame: bytes, left_out: int) -> npt.NDArray[Any] | None:
    try:
        with Image.open(BytesIO(frame), formats=("JPEG2000",)) as image:
            setattr(image, "reduce", left_out)  # noqa: B010 - Pillow types it as the method that other formats have
            return np.asarray(image) if image.mode in {"L", "I;16"} else None
    except OSError:  # damaged; or Pillow expects another size than OpenJPEG gives: it rounds n / 4 to the nearest
        return None


def _start(frame: bytes) -> int:
    start = frame.find(_SIZ, 0, 4096)
    if start < 0 or len(frame) < start + 44:
        raise ValueError("no JPEG 2000 size segment")
    return start


def _levels_and_precision(frame: bytes) -> tuple[int, int]:
    """Return the decomposition levels (A.6.1) and the bits of the first component, 0 where its values are signed."""
    start = _start(frame)
    depth = frame[start + 42]  # the highest bit of Ssiz is the sign, the others are the bits less one
    position = start + 2
    while position + 10 <= len(frame) and frame[position : position + 2] != _SOT:
        if frame[position : position + 2] == _COD:
            return frame[position + 9], depth + 1 if depth < 0x80 else 0
        position += 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
    return 0, 0
