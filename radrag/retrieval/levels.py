"""Findings at the coarsest level that vocabularies share, where what two sides state can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from radrag.reports.vocabulary import NAMES, NO_FINDING, ancestors, to_chexpert

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def level(label: str) -> str:
    """Return the label at the coarsest common level: CheXpert's, where it has one for it, else its own.

    NIH's infiltration and IU's airspace disease are both a lung opacity there, a mass and a nodule a lung lesion.
    """
    return to_chexpert(label) or label


LEVELS: tuple[str, ...] = tuple(sorted({level(name) for name in NAMES} - {NO_FINDING}))
PLACE: Mapping[str, int] = {name: place for place, name in enumerate(LEVELS)}
"""Level → its place in :data:`LEVELS`."""


@lru_cache(maxsize=256)
def level_places(label: str) -> tuple[int, ...]:
    """Return the places of what a label states at the common level: its own and its ancestors'.

    None for the normal label and for names that are no labels.
    """
    if label not in NAMES or label == NO_FINDING:
        return ()
    own = level(label)
    return tuple(sorted({PLACE[name] for name in (own, *(level(parent) for parent in ancestors(own)))}))


def at_level(labels: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """Return what is stated as float64 [len(LEVELS)] in [0, 1], ancestors included; what is denied is 0."""
    import numpy as np

    row = np.zeros(len(LEVELS))
    for label, weight in labels.items():
        for place in level_places(label):
            row[place] = max(row[place], weight)
    return row


def at_levels(values: npt.NDArray[np.generic], labels: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return what rows state at the common level, float32 [rows, len(LEVELS)] in [0, 1], ancestors included.

    Args:
        values: [rows, labels], how much each row states each label; what is not above 0 is not stated.
        labels: of the columns.
    """
    import numpy as np

    found = np.zeros((len(values), len(LEVELS)), dtype=np.float32)
    for column, label in enumerate(labels):
        for place in level_places(label):
            found[:, place] = np.maximum(found[:, place], values[:, column])
    return found
