"""How well a report's findings are expected to agree with an image, given what an encoder thinks it sees.

The agreement of two sets of findings is their F1, and 1 where both are empty. The findings of an image are not known,
only their probabilities; so each case gets the expectation of its agreement over the images that those describe: F1
depends on a label and on how many others there are, whose distribution is known. Ranking by the expectation of a gain
maximises the expected cumulated gain (the probability ranking principle, Robertson 1977).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from radrag.reports.vocabulary import NAMES
from radrag.reports.wordings import report_names

FloatArray = npt.NDArray[np.float32]

OTHER = 0.15
"""What a stated finding that nobody assessed counts beside one that was: of two cases that fit alike, the plainer
one is nearer."""

SILENT = 0.02
"""What a report gains by denying what is not wanted, and loses by denying what is: of normal reports, those that say
more come first."""


class AgreementScorer:
    """Scores patterns against any number of images.

    Args:
        patterns: float32 [patterns, labels] over ``NAMES``: 1 stated, 0.5 possible, -1 denied, 0 not mentioned.
    """

    def __init__(self, patterns: FloatArray) -> None:
        # By columns, which are read one at a time, and as small numbers: twice what is stated, and whether denied.
        self._said = np.asfortranarray(np.maximum(2 * patterns, 0).astype(np.int8))
        self._denied = np.asfortranarray(patterns < 0)
        self._stated = lru_cache(maxsize=2)(self._find_stated)
        self._sizes = lru_cache(maxsize=8)(self._find_sizes)

    def scores(self, probabilities: Mapping[str, float], *, normal: float | None = None) -> FloatArray:
        """Return the expected agreement of each pattern.

        Args:
            probabilities: label → probability that the image shows it, of the labels that were assessed.
            normal: probability that it shows none of them; None takes it from ``probabilities``, as if they were
                independent. Findings come together, so the product is too small, and an encoder's own estimate better.

        Returns:
            float32 [patterns] in [0, 1], plus or minus :data:`SILENT`.
        """
        labels = tuple(name for name in NAMES if name in probabilities)
        chance = np.array([probabilities[name] for name in labels], dtype=np.float64)
        none, shown = _images(chance, normal)
        plain, weight = self._sizes(labels)
        agreement = np.float32(none) * plain
        for name, step in zip(labels, SILENT * (1 - 2 * chance) / max(len(labels), 1), strict=True):
            agreement += self._denied[:, NAMES.index(name)] * np.float32(step)
        possible = chance > 0
        stated = self._stated(tuple(name for name, there in zip(labels, possible, strict=True) if there))
        both = stated @ shown[possible].astype(np.float32)
        for count in range(np.count_nonzero(possible)):
            agreement += both[:, count] * (2 / (weight + np.float32(count + 1)))
        return agreement

    def _find_stated(self, labels: tuple[str, ...]) -> FloatArray:
        """Return what patterns state of some labels under any wording, float32 [patterns, labels] in [0, 1]."""
        columns = [self._said[:, _places(label)].max(axis=1) for label in labels]
        stated: FloatArray = np.array(columns, dtype=np.float32).reshape(-1, len(self._said)).T / np.float32(2)
        return stated

    def _find_sizes(self, labels: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
        """Return each pattern's agreement with an image that shows none of the assessed labels, and how much it states.

        Both float32 [patterns]; what is stated and was not assessed counts :data:`OTHER`.
        """
        number, other = np.zeros((2, len(self._said)), dtype=np.float32)
        for label in labels:
            number += self._said[:, _places(label)].max(axis=1) / np.float32(2)
        covered = {place for label in labels for place in _places(label)} | _family(labels)
        for place in set(range(len(NAMES))) - covered:
            other += self._said[:, place] / np.float32(2)
        return np.maximum(1 - number, 0) / (1 + OTHER * other), number + OTHER * other


def expected_agreement(
    patterns: FloatArray, probabilities: Mapping[str, float], *, normal: float | None = None
) -> FloatArray:
    """Score patterns against one image: :meth:`AgreementScorer.scores`."""
    return AgreementScorer(patterns).scores(probabilities, normal=normal)


def _places(label: str) -> list[int]:
    """Return the places in ``NAMES`` of a label's wordings."""
    return [NAMES.index(name) for name in report_names(label)]


@lru_cache(maxsize=64)
def _family(labels: tuple[str, ...]) -> frozenset[int]:
    """Return the places of what follows from the labels, of their kinds, and of the normal label: they say no more."""
    from radrag.reports.vocabulary import NO_FINDING, ancestors, descendants

    names = {NO_FINDING, *(other for label in labels for other in (*ancestors(label), *descendants(label)))}
    return frozenset(NAMES.index(name) for name in names)


def _images(chance: npt.NDArray[np.float64], normal: float | None) -> tuple[float, npt.NDArray[np.float64]]:
    """Return the images that probabilities describe: how likely none is shown, and each label beside how many others.

    Args:
        chance: float64 [labels], each label's, independent of the others.
        normal: probability that none is shown, to which the others are scaled; None, or where some label is certain,
            leaves what follows from independence.

    Returns:
        The probability of no label, and float64 [labels, labels]: that a label is shown and so many are in all, from 1
        (the Poisson binomial distribution of the other labels, by its recursion).
    """
    count = len(chance)
    others = np.zeros((count, count + 1))  # for each label: how many of the others are shown
    others[:, 0] = 1
    for place in range(count):
        each = np.where(np.arange(count) == place, 0.0, chance[place])[:, None]
        others[:, 1:] = others[:, 1:] * (1 - each) + others[:, :-1] * each
        others[:, :1] *= 1 - each
    none = float(np.prod(1 - chance))
    shown = chance[:, None] * others[:, :-1]
    if normal is not None and 0 < none < 1:
        shown *= (1 - normal) / (1 - none)
        none = normal
    return none, shown
