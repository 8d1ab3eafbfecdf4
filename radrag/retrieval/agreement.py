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
        self._patterns = np.asfortranarray(patterns)  # a label's column is read at once
        self._said = lru_cache(maxsize=8)(self._find_said)

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
        stated, denied, plain, weight = self._said(labels)
        chance = np.array([probabilities[name] for name in labels], dtype=np.float64)
        none, shown = _images(chance, normal)
        agreement = denied @ (SILENT * (1 - 2 * chance) / max(len(labels), 1)).astype(np.float32)
        agreement += np.float32(none) * plain
        both = stated @ shown.astype(np.float32)
        for count in range(len(labels)):
            agreement += both[:, count] * (2 / (weight + np.float32(count + 1)))
        return agreement

    def _find_said(self, labels: tuple[str, ...]) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return what patterns say of the labels; kept, since an encoder always assesses the same.

        Returns:
            What each states of them, float32 [patterns, labels], and denies of them, as 0 or 1; its agreement with an
            image that shows none [patterns]; how much it states in all [patterns], what was not assessed at
            :data:`OTHER`.
        """
        stated, other = _stated(self._patterns, labels)
        denied = np.maximum(-self._patterns[:, [NAMES.index(name) for name in labels]], 0)
        number = stated.sum(axis=1)
        return stated, denied, np.maximum(1 - number, 0) / (1 + OTHER * other), number + OTHER * other


def expected_agreement(
    patterns: FloatArray, probabilities: Mapping[str, float], *, normal: float | None = None
) -> FloatArray:
    """Score patterns against one image: :meth:`AgreementScorer.scores`."""
    return AgreementScorer(patterns).scores(probabilities, normal=normal)


def _stated(patterns: FloatArray, labels: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Return what patterns state of the assessed labels [n, labels] under any wording, and how much else [n]."""
    said = np.maximum(patterns, 0)
    columns = [[NAMES.index(name) for name in report_names(label)] for label in labels]
    stated = np.array([said[:, places].max(axis=1) for places in columns], dtype=np.float32).reshape(-1, len(said)).T
    covered = {place for places in columns for place in places} | _family(labels)
    rest = [place for place in range(len(NAMES)) if place not in covered]
    return stated, said[:, rest].sum(axis=1)


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
