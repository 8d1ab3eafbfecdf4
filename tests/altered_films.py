"""Many unlike chest films from one real one: RG1_UNCR.dcm of pydicom-data, every seventh pixel, with shadows put in."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_STEP = 7  # of 1955 × 1841 pixels


@lru_cache(maxsize=1)
def _film() -> Any:
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    return dcmread(str(get_testdata_file("RG1_UNCR.dcm", download=False))).pixel_array[::_STEP, ::_STEP]


def altered_film(*seed: int) -> Any:
    """Return the film with shadows and grain that the seed decides.

    Returns:
        uint16 [280, 263] in [0, 32767], 0 = white (MONOCHROME1).
    """
    import numpy as np

    film = _film().astype(float)
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[: film.shape[0], : film.shape[1]]
    for _ in range(6):
        row, column, size = (
            generator.uniform(0, film.shape[0]),
            generator.uniform(0, film.shape[1]),
            generator.uniform(20, 60),
        )
        weight = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * size**2))
        film += generator.choice([-1, 1]) * 9000 * weight
    film += generator.normal(0, 120, film.shape)
    return np.clip(film, 0, 32767).astype(np.uint16)
