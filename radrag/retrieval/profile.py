"""How well all that a report states is expected to agree with all that an image shows.

Beside :mod:`radrag.retrieval.agreement`, which compares finding by finding as they are named, this knows which names
mean about the same (agreement is F1 at the level that vocabularies share, ancestors included:
:mod:`radrag.retrieval.levels`) and which findings come together: half of the expectation takes them as independent,
half over the sets of findings that the index's own reports state. What that gains: docs/retrieval.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from radrag.reports.vocabulary import NAMES, NO_FINDING
from radrag.retrieval.levels import PLACE, at_levels, level, level_places

FloatArray = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

TOGETHER = 0.5
"""Share of the expectation over sets that reports state; the rest takes findings as independent."""

MOST_SETS = 2000
"""Sets of the reports that are told apart; rarer ones are left out."""

MOST_LABELS, LARGEST = 14, 4
"""Sets of independent findings have up to so many of the likeliest ones that are neither certain nor ruled out."""

LEAST = 1e-3
"""Probabilities, and shares of reports, nearer to 0 or 1 than this count as this."""


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """What depends on which labels were assessed, not on their probabilities.

    Attributes:
        sets: bool [sets, labels], what reports state; the first is empty.
        counts: float64 [sets], reports that state each.
        judged: places in ``LEVELS`` of the labels.
        implied: places of their ancestors that no label was assessed for; they count where something implies them.
        stated: float32 [rows, judged + implied], what patterns state, each combination once.
        row: intp [patterns], the row of each pattern.
    """

    sets: BoolArray
    counts: Numbers
    judged: list[int]
    implied: list[int]
    stated: FloatArray
    row: npt.NDArray[np.intp]


class ProfileScorer:
    """Scores patterns against any number of images.

    Args:
        patterns: float32 [patterns, labels] over ``NAMES``: 1 stated, 0.5 possible, -1 denied, 0 not mentioned.
        counts: [patterns], cases that have each.
    """

    def __init__(self, patterns: FloatArray, counts: npt.NDArray[np.integer]) -> None:
        self._patterns = patterns
        self._counts = counts
        self._frame = lru_cache(maxsize=4)(self._make_frame)

    def scores(self, probabilities: Mapping[str, float], *, normal: float | None = None) -> FloatArray:
        """Return the expected agreement of each pattern.

        Args:
            probabilities: label → probability that the image shows it, of the labels that were assessed.
            normal: probability that it shows none of them; None leaves it to the sets.

        Returns:
            float32 [patterns] in [0, 1]; what was not assessed costs nothing.
        """
        labels = tuple(name for name in NAMES if name in probabilities and name != NO_FINDING)
        frame = self._frame(labels)
        chance = np.array([probabilities[name] for name in labels], dtype=np.float64)
        free, likely = independent_sets(chance)
        weights = np.concatenate(
            [
                (1 - TOGETHER) * _with_normal(free, likely, normal),
                TOGETHER * _with_normal(frame.sets, stated_sets(frame.sets, frame.counts, chance), normal),
            ]
        )
        shown = at_levels(np.vstack([free, frame.sets]), labels)[:, [*frame.judged, *frame.implied]]
        judged = len(frame.judged)
        # Sets that count alike, as many levels and the same implied ones, are one kind.
        code = shown.sum(axis=1) * 2.0 ** len(frame.implied) + shown[:, judged:] @ 2.0 ** np.arange(len(frame.implied))
        _, one, kind = np.unique(code, return_index=True, return_inverse=True)
        of_kind = np.zeros((len(one), len(weights)))
        of_kind[kind, np.arange(len(weights))] = weights
        both = frame.stated @ (of_kind @ shown).T.astype(np.float32)
        number = frame.stated[:, :judged].sum(axis=1)
        found = np.where(number == 0, np.float32(weights[~shown.any(axis=1)].sum()), np.float32(0))
        for place, example in enumerate(shown[one].astype(np.float32)):
            if example.any():
                size = number + frame.stated[:, judged:] @ example[judged:]
                found += 2 * both[:, place] / (size + example.sum())
        return found[frame.row]

    def _make_frame(self, labels: tuple[str, ...]) -> _Frame:
        seen = self._patterns[:, [NAMES.index(name) for name in labels]] > 0
        sets, of = np.unique(np.vstack([np.zeros((1, len(labels)), dtype=bool), seen]), axis=0, return_inverse=True)
        counts = np.zeros(len(sets))
        np.add.at(counts, of.ravel()[1:], self._counts)
        order = np.lexsort((np.arange(len(sets)), -counts, sets.any(axis=1)))[:MOST_SETS]  # the empty set first
        judged = sorted({PLACE[level(name)] for name in labels})
        implied = sorted({place for name in labels for place in level_places(name)} - set(judged))
        stated = at_levels(self._patterns, NAMES)[:, [*judged, *implied]]
        rows, row = np.unique(stated, axis=0, return_inverse=True)
        return _Frame(sets[order], counts[order], judged, implied, rows, row.ravel())


def independent_sets(chance: Numbers) -> tuple[BoolArray, Numbers]:
    """Return sets of findings, bool [sets, labels], and how likely each is (up to a factor) if they are independent.

    Args:
        chance: float64 [labels], probability of each finding.
    """
    open_ = np.flatnonzero((chance > LEAST) & (chance < 1 - LEAST))
    open_ = open_[np.argsort(-chance[open_], kind="stable")[:MOST_LABELS]]
    chosen = _choices(len(open_))
    sets = np.repeat((chance >= 1 - LEAST)[None], len(chosen), axis=0)
    sets[:, open_] = chosen
    odds = np.log(chance[open_] / (1 - chance[open_]))
    return sets, np.exp(chosen @ odds)


def stated_sets(sets: BoolArray, counts: Numbers, chance: Numbers) -> Numbers:
    """Return how likely (up to a factor) sets are that reports state, given what an image shows.

    Bayes' rule: the number of reports, times for each finding its odds in the image over its odds in the reports.

    Args:
        sets: bool [sets, labels].
        counts: float64 [sets], reports that state each.
        chance: float64 [labels], probability of each finding in the image.
    """
    known = np.clip(counts @ sets / max(counts.sum(), 1), LEAST, 1 - LEAST)
    shown = np.clip(chance, LEAST, 1 - LEAST)
    power = sets @ (np.log(shown / (1 - shown)) - np.log(known / (1 - known)))
    with np.errstate(divide="ignore"):
        likely = np.log(counts) + power
    most = likely.max()
    return np.exp(likely - most) if np.isfinite(most) else np.zeros(len(sets))


def _with_normal(sets: BoolArray, weights: Numbers, normal: float | None) -> Numbers:
    """Return weights that sum to 1, that of the empty set being ``normal``, where both it and others have some."""
    weights = weights / (weights.sum() or 1.0)
    empty = ~sets.any(axis=1)
    none = float(weights[empty].sum())
    if normal is None or not 0 < none < 1:
        return weights
    return weights * np.where(empty, normal / none, (1 - normal) / (1 - none))


@lru_cache(maxsize=MOST_LABELS + 1)
def _choices(number: int) -> BoolArray:
    """Return every choice of up to :data:`LARGEST` of a number of things, bool [choices, number]."""
    chosen = [one for size in range(LARGEST + 1) for one in combinations(range(number), size)]
    found = np.zeros((len(chosen), number), dtype=bool)
    for place, one in enumerate(chosen):
        found[place, list(one)] = True
    return found
