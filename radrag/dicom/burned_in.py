"""Text burned into pixels, found as far as a detector can, and blanked. Nothing guarantees that all is found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radrag.optional import require

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are the first that no longer belong."""

SIDES = (1920, 960)  # of the copies that are looked at: small text is found in the larger, large in the smaller
MARGIN = 0.5  # of a line's height, around it: detectors cut off the feet of letters
Detector = Callable[[npt.NDArray[np.uint8]], Sequence[Box]]


def text_detector() -> Detector:
    """Return a detector of lines of text: PP-OCR's, whose weights rapidocr brings along.

    Raises:
        MissingDependency: rapidocr is not installed.
    """
    rapidocr = require("rapidocr", extra="deidentify")
    require("onnxruntime", extra="deidentify")
    weights = sorted(Path(rapidocr.__path__[0], "models").glob("*det*.onnx"))
    engine = rapidocr.RapidOCR(
        params={
            "Global.use_cls": False,
            "Global.use_rec": False,
            "Global.log_level": "critical",
            "Det.model_path": str(weights[0]),  # named, so that nothing is fetched
            "Det.limit_type": "max",
            "Det.limit_side_len": max(SIDES),
        }
    )

    def detect(grey: npt.NDArray[np.uint8]) -> list[Box]:
        found: Any = engine(np.repeat(grey[..., None], 3, axis=2), use_det=True, use_cls=False, use_rec=False)
        corners = [] if found.boxes is None else [np.asarray(one) for one in found.boxes]
        return [
            (*np.floor(one.min(axis=0)).astype(int).tolist(), *np.ceil(one.max(axis=0)).astype(int).tolist())
            for one in corners
        ]

    return detect


def find_text(values: npt.NDArray[Any], detect: Detector) -> list[Box]:
    """Return where an image seems to hold text, with a margin.

    Args:
        values: stored values, [rows, columns].
        detect: given copies of the image as uint8.
    """
    from PIL import Image

    low, high = np.percentile(values[::4, ::4], (0.5, 99.5))
    scaled = (values.astype(np.float32) - low) / max(float(high - low), 1.0)
    grey = Image.fromarray((scaled.clip(0, 1) * 255).astype(np.uint8))
    found: list[Box] = []
    for side in SIDES:
        small = grey.copy()
        small.thumbnail((side, side))
        factor = grey.width / small.width
        for left, top, right, bottom in detect(np.asarray(small)):
            margin = MARGIN * (bottom - top)
            box = (left - margin, top - margin, right + margin, bottom + margin)
            found.append(_within(tuple(round(one * factor) for one in box), values.shape))
    return list(dict.fromkeys(found))


def blanked(values: npt.NDArray[Any], boxes: Sequence[Box]) -> npt.NDArray[Any]:
    """Return a copy of an image in which boxes hold the image's smallest value, and nothing of what was there."""
    clean = values.copy()
    least = values.min()
    for left, top, right, bottom in (_within(box, values.shape) for box in boxes):
        clean[top:bottom, left:right] = least
    return clean


def border(shape: tuple[int, ...], percent: float) -> list[Box]:
    """Return the four edges of an image, each as wide as a share of that side, rounded up."""
    rows, columns = shape[:2]
    high, wide = math.ceil(rows * percent / 100), math.ceil(columns * percent / 100)
    edges = [
        (0, 0, columns, high),
        (0, rows - high, columns, rows),
        (0, 0, wide, rows),
        (columns - wide, 0, columns, rows),
    ]
    return edges if percent else []


def _within(box: Sequence[int], shape: tuple[int, ...]) -> Box:
    rows, columns = shape[:2]
    left, top, right, bottom = box
    return max(left, 0), max(top, 0), min(right, columns), min(bottom, rows)
