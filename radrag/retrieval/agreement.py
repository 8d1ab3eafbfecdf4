"""How well a report's findings are expected to agree with an image, given what an encoder thinks it sees.

The agreement of two sets of findings is their F1, and 1 where both are empty. The findings of an image are not known,
only their probabilities; so each case gets the expectation of its agreement over images that those describe. Ranking
by the expectation of a gain maximises the expected cumulated gain (the probability ranking principle, Robertson 1977).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from radrag.reports.vocabulary import NAMES
from radrag.reports.wordings import report_names

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.intp]

SAMPLES = 256
"""Images drawn for the expectation; with them the score of a case is known to about 0.02."""

OTHER = 0.15
"""What a stated finding that nobody assessed counts beside one that was: of two cases that fit alike, the plainer
one is nearer."""

SILENT = 0.02
"""What a report gains by denying what is not wanted, and loses by denying what is: of normal reports, those that say
more come first."""


class AgreementScorer:
    """Scores patterns against any number of images.

    Reports differ more in what they deny and in what no image shows than in what was assessed, so each distinct
    statement about the assessed labels is scored once; they are found when a set of labels is first asked for.

    Args:
        patterns: float32 [patterns, labels] over ``NAMES``: 1 stated, 0.5 possible, -1 denied, 0 not mentioned.
    """

    def __init__(self, patterns: FloatArray) -> None:
        self._patterns = patterns
        self._distinct = lru_cache(maxsize=8)(self._find_distinct)

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
        stated, other, place, denied = self._distinct(labels)
        chance = np.array([probabilities[name] for name in labels], dtype=np.float32)
        shown = (_draws(len(NAMES))[:, [NAMES.index(name) for name in labels]] < chance).astype(np.float32)
        count = shown.sum(axis=1)
        said = stated.sum(axis=1) + OTHER * other
        agreement = 2 * (stated @ shown.T) / np.maximum(said[:, None] + count[None], 1e-6)
        plain = np.maximum(1 - stated.sum(axis=1), 0) / (1 + OTHER * other)
        agreement[:, count == 0] = plain[:, None]
        tie = SILENT * (denied @ (1 - 2 * chance)) / max(len(labels), 1)
        expected: FloatArray = ((agreement @ _weights(count, normal))[place] + tie).astype(np.float32)
        return expected

    def _find_distinct(self, labels: tuple[str, ...]) -> tuple[FloatArray, FloatArray, IntArray, FloatArray]:
        """Return the distinct statements and where each pattern finds its own.

        Returns:
            What is stated of the labels [distinct, labels], how much else [distinct], which of these each pattern is
            [patterns], and what each pattern denies of the labels [patterns, labels], 0 or 1.
        """
        stated, other = _stated(self._patterns, labels)
        rows, place = np.unique(np.column_stack([stated, other]), axis=0, return_inverse=True)
        denied = np.maximum(-self._patterns[:, [NAMES.index(name) for name in labels]], 0)
        return np.ascontiguousarray(rows[:, :-1]), rows[:, -1], place.reshape(-1), denied


def expected_agreement(
    patterns: FloatArray, probabilities: Mapping[str, float], *, normal: float | None = None
) -> FloatArray:
    """Score patterns against one image: :meth:`AgreementScorer.scores`."""
    return AgreementScorer(patterns).scores(probabilities, normal=normal)


def _stated(patterns: FloatArray, labels: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Return what patterns state of the assessed labels [n, labels] under any wording, and how much else [n]."""
    said = np.maximum(patterns, 0)
    columns = [[NAMES.index(name) for name in report_names(label)] for label in labels]
    stated = np.stack([said[:, places].max(axis=1) for places in columns], axis=1) if labels else said[:, :0]
    covered = {place for places in columns for place in places} | _family(labels)
    rest = [place for place in range(len(NAMES)) if place not in covered]
    return stated, said[:, rest].sum(axis=1)


@lru_cache(maxsize=64)
def _family(labels: tuple[str, ...]) -> frozenset[int]:
    """Return the places of what follows from the labels, of their kinds, and of the normal label: they say no more."""
    from radrag.reports.vocabulary import NO_FINDING, ancestors, descendants

    names = {NO_FINDING, *(other for label in labels for other in (*ancestors(label), *descendants(label)))}
    return frozenset(NAMES.index(name) for name in names)


def _weights(count: FloatArray, normal: float | None) -> FloatArray:
    """Return the weight of each drawn image, so that those without any finding weigh ``normal`` together."""
    none = count == 0
    weights = np.full(len(count), 1 / len(count), dtype=np.float32)
    if normal is not None and none.any() and not none.all():
        weights[none] = normal / none.sum()
        weights[~none] = (1 - normal) / (~none).sum()
    return weights


@lru_cache(maxsize=4)
def _draws(labels: int) -> FloatArray:
    """Return the same uniform numbers each time, float32 [samples, labels], each column evenly over [0, 1]."""
    chance = np.random.default_rng(0)
    steps = np.stack([chance.permutation(SAMPLES) for _ in range(labels)], axis=1)
    draws: FloatArray = ((steps + 0.5) / SAMPLES).astype(np.float32)
    return draws
