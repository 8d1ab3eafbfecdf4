"""Which of the ranked cases become hits: how many (a :class:`Selector` says), and some for every finding asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import exp, log, prod
from typing import Protocol

import numpy as np

from radrag.retrieval.ranked import BoolArray, FloatArray, IntArray, Ranked

AT_LEAST = 3
"""Cases wanted for each finding; without them a finding that is rare beside the others would have no evidence."""

States = Callable[[IntArray, str], BoolArray]
"""Which of some cases (rows) state a label: bool [rows]."""

Likeness = Callable[[IntArray], FloatArray]
"""How alike some cases (rows) are, each pair in [0, 1]: float64 [rows, rows]."""


class Selector(Protocol):
    """Decides how many of the ranked cases become hits."""

    @property
    def name(self) -> str:
        """Name in settings and tables."""
        ...

    def count(self, ranked: Ranked, k: int, probabilities: Mapping[str, float], states: States) -> int:
        """Return a number from 0 to the smaller of ``k`` and ``len(ranked)``.

        Args:
            ranked: cases, best first.
            k: how many hits there may be.
            probabilities: label → calibrated probability that the image shows it; empty for words.
            states: which cases state a label.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedCount:
    """Always ``k``."""

    name: str = "fixed"

    def count(self, ranked: Ranked, k: int, probabilities: Mapping[str, float], states: States) -> int:  # noqa: ARG002 - the protocol's
        """Return k, or as many as there are."""
        return max(min(k, len(ranked)), 0)


@dataclass(frozen=True, slots=True)
class SimilarityGap:
    """As many as come before the widest gap between neighbouring scores, where that is wide enough.

    Attributes:
        least: fewer are never returned where there are as many.
        width: a gap counts that takes at least this share of the first score.
    """

    least: int = AT_LEAST
    width: float = 0.05
    name: str = "gap"

    def count(self, ranked: Ranked, k: int, probabilities: Mapping[str, float], states: States) -> int:  # noqa: ARG002 - the protocol's
        """Return the place of the widest gap from ``least`` on; k where none is wide enough."""
        most = max(min(k, len(ranked)), 0)
        scores = ranked.scores[:most]
        gaps = scores[self.least - 1 : -1] - scores[self.least :]
        if not len(gaps) or not gaps.max() >= self.width * scores[0] > 0:
            return most
        return self.least + int(gaps.argmax())


@dataclass(frozen=True, slots=True)
class CalibratedRisk:
    """The fewest whose majority is unlikely to state a finding that the image does not show.

    The first n cases assert a finding when more than half of them state it. The chance that an asserted finding is
    there is a logistic function of the image's probability and of the vote, fitted on held-out images; asserted
    findings are taken as independent, so that the risk of n is one less the product of their chances. The smallest n
    from ``least`` to k counts whose risk stays within the bound, else the n of the smallest risk.

    Attributes:
        bound: largest accepted risk, in [0, 1].
        least: fewer are never returned where there are as many.
        intercept, of_probability, of_vote: of the logistic function, over the probability's log-odds and the share of
            the cases that state the finding (see :func:`radrag.evaluation.fitting.fit_risk`).
    """

    bound: float
    intercept: float
    of_probability: float
    of_vote: float
    least: int = AT_LEAST
    name: str = "risk"

    def count(self, ranked: Ranked, k: int, probabilities: Mapping[str, float], states: States) -> int:
        """Return the smallest number within the bound; k where the image was not assessed."""
        most = max(min(k, len(ranked)), 0)
        if not probabilities or most <= self.least:
            return most
        shares = shares_by_depth(ranked.first(most), probabilities, states)
        risks = {}
        for place in range(self.least, most + 1):
            risks[place] = self.risk(probabilities, {name: float(of[place - 1]) for name, of in shares.items()})
            if risks[place] <= self.bound:
                return place
        return min(risks, key=lambda place: (risks[place], -place))

    def risk(self, probabilities: Mapping[str, float], shares: Mapping[str, float]) -> float:
        """Return the chance that the majority asserts something that is not there, in [0, 1].

        Args:
            probabilities: label → probability of the image.
            shares: label → share of the cases that state it.
        """
        return 1 - prod(self.chance(probabilities[name], share) for name, share in shares.items() if share > 0.5)

    def chance(self, probability: float, share: float) -> float:
        """Return the chance that a finding is there which this share of the cases states."""
        value = self.intercept + self.of_probability * log_odds(probability) + self.of_vote * share
        return 1 / (1 + exp(-max(min(value, 30.0), -30.0)))


def shares_by_depth(ranked: Ranked, labels: Iterable[str], states: States) -> dict[str, FloatArray]:
    """Return label → share of the first 1, 2, … cases that state it, float64 [n] in [0, 1]."""
    depth = np.arange(1, len(ranked) + 1)
    return {label: np.cumsum(states(ranked.rows, label)) / depth for label in labels}


def log_odds(probability: float) -> float:
    """Return the log-odds of a probability, which is kept a hundredth of a per cent away from 0 and 1."""
    inside = min(max(probability, 1e-4), 1 - 1e-4)
    return log(inside / (1 - inside))


def cases_wanted(weights: Mapping[str, float], k: int) -> dict[str, int]:
    """Return how many of ``k`` cases should state each finding: in proportion to its weight, :data:`AT_LEAST` at least.

    Cases that are most like the image as a whole deny what is rare beside its other findings, so that one finding's
    neighbours would outvote another's; see docs/retrieval.md for what this changes.

    Args:
        weights: label that the query asks for → weight > 0.
        k: how many hits there may be.
    """
    total = sum(weights.values())
    return {label: max(AT_LEAST, round(k * weights[label] / total)) for label in sorted(weights)}


def select(ranked: Ranked, k: int, wanted: Mapping[str, int], states: States) -> Ranked:
    """Return ``k`` cases in their order, as many of them for each wanted finding as are wanted, where there are.

    Room for a finding's cases is made by leaving out the last ones that no finding needs. Where there is not room for
    all, each finding gets its part of it.

    Args:
        ranked: cases, best first, none twice.
        k: how many; none where it is below 1.
        wanted: label that the query asks for → cases that state it.
        states: which cases state a label.
    """
    turn = np.full(len(ranked), np.inf)  # share of its cases that a finding has before this one
    for label, count in wanted.items():
        needed = np.flatnonzero(states(ranked.rows, label))[:count]
        turn[needed] = np.minimum(turn[needed], np.arange(len(needed)) / max(count, 1))
    first = np.argsort(turn, kind="stable")[: max(k, 0)]
    return ranked.at(np.sort(first))


def diversified(ranked: Ranked, count: int, alike: Likeness, *, balance: float) -> Ranked:
    """Return the cases with the first ``count`` chosen by maximal marginal relevance, the others after them in order.

    Each next case has the highest ``balance · score − (1 − balance) · greatest likeness to one chosen before``
    (Carbonell & Goldstein, "The use of MMR …", SIGIR 1998); equal ones come in the order they had.

    Args:
        ranked: cases, best first.
        count: how many are chosen so.
        alike: likeness of cases.
        balance: 1 keeps the order, less prefers cases unlike those before, in [0, 1].
    """
    likeness = alike(ranked.rows)
    nearest = np.zeros(len(ranked))
    left = np.ones(len(ranked), dtype=bool)
    chosen: list[int] = []
    for _ in range(min(count, len(ranked))):
        value = np.where(left, balance * ranked.scores - (1 - balance) * nearest, -np.inf)
        best = int(value.argmax())
        left[best] = False
        chosen.append(best)
        nearest = np.maximum(nearest, likeness[best])
    return ranked.at(np.concatenate([np.array(chosen, dtype=np.intp), np.flatnonzero(left)]))
