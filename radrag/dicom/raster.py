"""PNG and JPEG files: accepted as display images when they are grey and of a radiograph's size."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from pydicom.dataset import Dataset

from radrag.dicom.decode import Stored
from radrag.dicom.geometry import Geometry
from radrag.dicom.greys import Greys
from radrag.dicom.pixels import display
from radrag.dicom.quality import check_dimensions, check_varied, to_grey
from radrag.domain import DraftWarning
from radrag.errors import RefusalCode, StudyRefused

FORMATS = ("PNG", "JPEG", "MPO")  # MPO: JPEG with a preview behind it, as some cameras and scanners write
_BYTES = np.arange(256, dtype=np.float32) / np.float32(255)
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
# EXIF 2.3 tag 0x0112: how the stored matrix is to be turned (transpose, flip_x, flip_y).
_EXIF_ORIENTATION = 0x0112
_TURNS = {
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


def looks_like_raster(path: Path) -> bool:
    """Whether a file starts as PNG or JPEG files do."""
    with path.open("rb") as file:
        return file.read(8).startswith(_SIGNATURES)


def content_uids(path: Path) -> tuple[str, str]:
    """Return (study UID, image UID) made from a file's content: the two halves of its SHA-256, as 2.25 UIDs."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return tuple(f"2.25.{int.from_bytes(half, 'big')}" for half in (digest[:16], digest[16:]))  # type: ignore[return-value]


def raster_shape(path: Path) -> tuple[int, int]:
    """Return (rows, columns) from the file's header; nothing is decoded.

    Raises:
        StudyRefused: not a PNG or JPEG, an animation, or impossible dimensions.
    """
    with _open(path) as image:
        if image.format == "PNG" and getattr(image, "n_frames", 1) > 1:
            raise StudyRefused(RefusalCode.MULTI_FRAME, str(path), "this is an animated PNG.")
        return image.height, image.width


def read_raster(path: Path) -> tuple[Greys, Geometry, tuple[DraftWarning, ...]]:
    """Decode a PNG or JPEG file.

    Returns:
        The display image, [rows, columns], upright by EXIF orientation; the way back to the stored matrix; warnings.

    Raises:
        StudyRefused: colour picture, constant, truncated, or impossible dimensions.
    """
    with _open(path) as image:
        lossy = image.format != "PNG"
        try:
            image.load()
        except OSError as error:
            if "truncated" not in str(error).lower():
                raise
            raise StudyRefused(
                RefusalCode.TRUNCATED, str(path), "the image ends too early.", hint="Copy it again."
            ) from None
        turn = _TURNS.get(image.getexif().get(_EXIF_ORIENTATION, 1), (False, False, False))
        shown, warnings = _grey(image, str(path))
    if lossy:
        warnings += (DraftWarning("lossy_compression", "The image was compressed with loss."),)
    geometry = Geometry.of(*shown.shape, transpose=turn[0], flip_x=turn[1], flip_y=turn[2])
    return Greys(geometry.turn(shown.values), shown.table), geometry, warnings


def _open(path: Path) -> Image.Image:
    try:
        image = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError:
        raise StudyRefused(RefusalCode.NOT_AN_IMAGE, str(path), "this is not a readable PNG or JPEG file.") from None
    except Image.DecompressionBombError:
        raise StudyRefused(RefusalCode.BAD_DIMENSIONS, str(path), "the image is larger than any radiograph.") from None
    try:
        check_dimensions(image.height, image.width, str(path))
    except StudyRefused:
        image.close()
        raise
    return image


def _grey(image: Image.Image, path: str) -> tuple[Greys, tuple[DraftWarning, ...]]:
    """Return the image, [rows, columns] in [0, 1], of any Pillow mode that turns out grey."""
    if image.mode.startswith("I") or image.mode == "F":
        return _deep(np.asarray(image), path)
    see_through = image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info
    warnings: tuple[DraftWarning, ...] = ()
    alpha = None
    if see_through:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
    if image.mode in {"1", "L"}:
        values = np.asarray(image.convert("L"))
    else:
        values, warnings = to_grey(np.asarray(image.convert("RGB")), path)
    shown = values if alpha is None else values[alpha > 0]
    check_varied(float(shown.min(initial=255)), float(shown.max(initial=0)), path)
    if alpha is None:
        return Greys(values, _BYTES), warnings
    over_black = _BYTES[values] * _BYTES[alpha]  # as a film's surroundings are
    return Greys(over_black), warnings


def _deep(values: npt.NDArray[Any], path: str) -> tuple[Greys, tuple[DraftWarning, ...]]:
    """Scale sixteen-bit grey; 12 bits in 16 get their own range."""
    deep = np.clip(values, 0, 65_535).astype(np.uint16)
    return display(Stored(deep, 16, signed=False, grey=True), Dataset(), path)
