"""Which of the ranked cases become hits: how many (a :class:`Selector` says), and some for every finding asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import exp, log, prod
from typing import Protocol

from radrag.retrieval.fusion import Fused

AT_LEAST = 3
"""Cases wanted for each finding; without them a finding that is rare beside the others would have no evidence."""

States = Callable[[str, str], bool]
"""Whether a case (id) states a label."""


class Selector(Protocol):
    """Decides how many of the ranked cases become hits."""

    @property
    def name(self) -> str:
        """Name in settings and tables."""
        ...

    def count(self, ranked: Sequence[Fused], k: int, probabilities: Mapping[str, float], states: States) -> int:
        """Return a number from 0 to the smaller of ``k`` and ``len(ranked)``.

        Args:
            ranked: cases, best first.
            k: how many hits there may be.
            probabilities: label → calibrated probability that the image shows it; empty for words.
            states: whether a case states a label.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedCount:
    """Always ``k``."""

    name: str = "fixed"

    def count(self, ranked: Sequence[Fused], k: int, probabilities: Mapping[str, float], states: States) -> int:  # noqa: ARG002 - the protocol's
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

    def count(self, ranked: Sequence[Fused], k: int, probabilities: Mapping[str, float], states: States) -> int:  # noqa: ARG002 - the protocol's
        """Return the place of the widest gap from ``least`` on; k where none is wide enough."""
        most = max(min(k, len(ranked)), 0)
        gaps = {place: ranked[place - 1].score - ranked[place].score for place in range(self.least, most)}
        widest = max(gaps, key=lambda place: (gaps[place], -place), default=most)
        return widest if widest in gaps and gaps[widest] >= self.width * ranked[0].score > 0 else most


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
            the cases that state the finding (see :func:`radrag.retrieval.learning.fit_risk`).
    """

    bound: float
    intercept: float
    of_probability: float
    of_vote: float
    least: int = AT_LEAST
    name: str = "risk"

    def count(self, ranked: Sequence[Fused], k: int, probabilities: Mapping[str, float], states: States) -> int:
        """Return the smallest number within the bound; k where the image was not assessed."""
        most = max(min(k, len(ranked)), 0)
        if not probabilities or most <= self.least:
            return most
        risks = {}
        for place, votes in votes_by_depth(ranked[:most], probabilities, states):
            if place >= self.least:
                risks[place] = self.risk(probabilities, {name: votes[name] / place for name in votes})
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


def votes_by_depth(
    ranked: Sequence[Fused], labels: Iterable[str], states: States
) -> Iterable[tuple[int, Mapping[str, int]]]:
    """Yield (n, label → how many of the first n cases state it) for each n from 1; the mapping is the same object."""
    votes = dict.fromkeys(labels, 0)
    for place, item in enumerate(ranked, start=1):
        for name in votes:
            votes[name] += states(item.id, name)
        yield place, votes


def log_odds(probability: float) -> float:
    """Return the log-odds of a probability, which is kept a hundredth of a per cent away from 0 and 1."""
    inside = min(max(probability, 1e-4), 1 - 1e-4)
    return log(inside / (1 - inside))


def select(ranked: Sequence[Fused], k: int, wanted: Iterable[str], states: States) -> list[Fused]:
    """Return ``k`` cases in their order, at least :data:`AT_LEAST` for each wanted finding where there are as many.

    Room for a finding's cases is made by leaving out the last ones that no finding needs.

    Args:
        ranked: cases, best first, none twice.
        k: how many; none where it is below 1.
        wanted: labels that the query asks for.
        states: whether a case (id) states a label.
    """
    needed: set[str] = set()
    for label in sorted(wanted):
        needed |= {item.id for item in islice((item for item in ranked if states(item.id, label)), AT_LEAST)}
    chosen = {item.id for item in islice((item for item in ranked if item.id in needed), max(k, 0))}
    for item in ranked:
        if len(chosen) >= k:
            break
        chosen.add(item.id)
    return [item for item in ranked if item.id in chosen]


def diversified(
    ranked: Sequence[Fused], count: int, alike: Callable[[str, str], float], *, balance: float
) -> list[Fused]:
    """Return the cases with the first ``count`` chosen by maximal marginal relevance, the others after them in order.

    Each next case has the highest ``balance · score − (1 − balance) · greatest likeness to one chosen before``
    (Carbonell & Goldstein, "The use of MMR …", SIGIR 1998); equal ones come in the order they had.

    Args:
        ranked: cases, best first.
        count: how many are chosen so.
        alike: likeness of two cases (ids), in [0, 1].
        balance: 1 keeps the order, less prefers cases unlike those before, in [0, 1].
    """
    left = list(ranked)
    nearest = dict.fromkeys((item.id for item in left), 0.0)
    chosen: list[Fused] = []
    while left and len(chosen) < count:
        best = max(left, key=lambda item: balance * item.score - (1 - balance) * nearest[item.id])
        left.remove(best)
        chosen.append(best)
        for item in left:
            nearest[item.id] = max(nearest[item.id], alike(best.id, item.id))
    return chosen + left
