"""A hash of what an image looks like: near-equal for copies that were resized, compressed or windowed otherwise."""

from __future__ import annotations

import numpy as np
from PIL import Image

from radrag.dicom.geometry import Pixels

SIDE = 16
BITS = SIDE * SIDE


def perceptual_hash(pixels: Pixels) -> str:
    """Return the difference hash of a display image: 256 bits as 64 hex digits.

    Each bit says whether one cell of a 16 by 16 grid is darker than its right neighbour (Krawetz 2013, "Kind of Like
    That"), after an area average; so a monotone change of grey values leaves nearly all bits.

    Args:
        pixels: float32 [rows, columns] in [0, 1].
    """
    small = np.asarray(Image.fromarray(pixels).resize((SIDE + 1, SIDE), Image.Resampling.BOX))
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()
