"""Pictures that are as different from each other as radiographs are, and files of them."""

from pathlib import Path

import numpy as np
from PIL import Image


def film(seed: int, rows: int = 320, columns: int = 280) -> np.ndarray:
    """Return float32 [rows, columns] in [0, 1]: smooth structure of many sizes, as bones and vessels give."""
    random = np.random.default_rng(seed)
    total = np.zeros((rows, columns), np.float32)
    for cells in (3, 6, 12, 24):
        coarse = Image.fromarray(random.random((cells, cells), dtype=np.float32))
        total += np.asarray(coarse.resize((columns, rows), Image.Resampling.BICUBIC)) / cells
    return (total - total.min()) / (total.max() - total.min())


def write_film(path: Path, seed: int, *, gamma: float = 1.0, scale: float = 1.0, quality: int = 60) -> Path:
    """Write a film as PNG or JPEG, as the suffix says."""
    image = Image.fromarray((film(seed) ** gamma * 255).astype(np.uint8))
    if scale != 1.0:
        image = image.resize((int(image.width * scale), int(image.height * scale)))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        image.save(path)
    else:
        image.save(path, quality=quality)
    return path
