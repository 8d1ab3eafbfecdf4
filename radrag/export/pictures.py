"""The study's images as small pictures for paper."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radrag.dicom.greys import Greys
from radrag.dicom.read import load_image
from radrag.domain import Box, Study, StudyImage
from radrag.errors import StudyRefused

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 480  # pixels of the longer side: 150 dots an inch at 80 mm


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One image of a study, small.

    Attributes:
        jpeg: the picture, greyscale; empty where the image cannot be shown.
        width, height: in pixels; 0 where it cannot be shown.
        boxes: (label, box) of findings with a place on it, as shares of width and height.
    """

    image: StudyImage
    jpeg: bytes = b""
    width: int = 0
    height: int = 0
    boxes: tuple[tuple[str, Box], ...] = ()


def pictures(study: Study, places: tuple[tuple[str, Box], ...] = ()) -> tuple[Picture, ...]:
    """Return a picture of each image, in order; an empty one where the file is gone or holds another image.

    Args:
        study: with the images' paths.
        places: (label, box in original pixels) of findings, which are placed on the first image
            (:func:`radrag.drafting.look.combine`).
    """
    return tuple(_picture(image, places if number == 0 else ()) for number, image in enumerate(study.images))


def _small(greys: Greys, width: int, height: int) -> Image:
    """Return a picture of a display image: in 256 greys before it is made small, which JPEG has no more of."""
    import numpy as np
    from PIL import Image as pil

    if greys.table is None:
        return pil.fromarray(np.round(greys.resized((height, width)) * 255).astype(np.uint8))
    eight = np.round(greys.table * 255).astype(np.uint8).take(greys.values, mode="clip")
    return pil.fromarray(eight).resize((width, height), pil.Resampling.BILINEAR, reducing_gap=2.0)


def _picture(image: StudyImage, places: tuple[tuple[str, Box], ...]) -> Picture:
    if not image.path:
        return Picture(image)
    try:
        loaded = load_image(Path(image.path), side=SIDE)
    except StudyRefused:  # moved, cut off, or no longer what it was
        return Picture(image)
    if loaded.image.sop_instance_uid != image.sop_instance_uid:
        return Picture(image)
    rows, columns = loaded.geometry.display_rows, loaded.geometry.display_columns
    scale = SIDE / max(rows, columns)
    width, height = max(1, round(columns * scale)), max(1, round(rows * scale))
    buffer = io.BytesIO()
    _small(loaded.greys, width, height).save(buffer, "JPEG", quality=85)
    boxes = []
    for label, box in places:
        x0, y0, x1, y1 = loaded.geometry.box_to_display(box)
        boxes.append((label, (x0 / columns, y0 / rows, x1 / columns, y1 / rows)))
    return Picture(image, buffer.getvalue(), width, height, tuple(boxes))
