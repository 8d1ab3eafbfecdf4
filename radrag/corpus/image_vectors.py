"""Vectors of the images that cases hold, read from their files."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from radrag.dicom.read import LoadedImage, load_image
from radrag.domain import Case, StudyImage
from radrag.encoders.base import ImageEncoder
from radrag.errors import StudyRefused
from radrag.index.cases import part_id

if TYPE_CHECKING:
    import numpy as np

IMAGES = 16
"""Images that are decoded and encoded at once."""


def image_vectors(cases: Sequence[Case], encoder: ImageEncoder) -> tuple[list[str], np.ndarray, list[dict[str, float]]]:
    """Return ids ``case#number``, unit vectors float32 [n, d] and findings of the held images that can still be read.

    Findings are label → probability, of the labels that the encoder was trained for in that view.

    An image that is gone or broken since it was added has no vector; ``radrag corpus verify`` names it.
    """
    import numpy as np

    held = [
        (part_id(case.case_id, str(number)), image)
        for case in cases
        for number, image in enumerate(case.images)
        if image.path
    ]
    ids: list[str] = []
    vectors: list[np.ndarray] = []
    findings: list[dict[str, float]] = []
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(held), IMAGES):
            group = held[start : start + IMAGES]
            loaded = list(pool.map(_load, [image for _, image in group]))
            good = [(name, image, one) for (name, image), one in zip(group, loaded, strict=True) if one is not None]
            if good:
                pixels = [one.pixels for _, _, one in good]
                encoding = encoder.encode(pixels, [image.view for _, image, _ in good])
                vectors.append(encoding.vectors)
                findings += [{one.label: one.probability for one in of if one.trained} for of in encoding.findings]
                ids += [name for name, _, _ in good]
    empty = np.zeros((0, encoder.card.dimension), dtype=np.float32)
    return ids, np.concatenate(vectors) if vectors else empty, findings


def _load(image: StudyImage) -> LoadedImage | None:
    try:
        return load_image(Path(image.path))
    except StudyRefused:
        return None
