"""The best of the fused cases in a finer order: which side, and who and how the patient was.

Each agreement adds a small bonus to the fused score, small enough to order only cases that fit about alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from radrag.corpus.catalogue import IndexedCase
from radrag.domain import Side, View
from radrag.reports.wordings import report_names
from radrag.retrieval.fusion import Fused
from radrag.retrieval.query import Query

POOL = 300
"""How many cases are looked at; what fusion ranks behind them keeps its place."""

YEARS = 20.0
"""Difference of age at which likeness in age ends."""


class Reranker(Protocol):
    """Orders fused cases anew."""

    def rerank(self, fused: Sequence[Fused], query: Query) -> list[Fused]:
        """Return the same cases, each once, best first.

        A case's new score depends on this case and the query alone, so that another case never lifts it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Bonuses:
    """What full agreement adds to a fused score in [0, 1]; 0 turns a comparison off.

    Attributes:
        side: of the sides that the query names; a case that names the other side loses as much.
        sex: the same sex.
        age: the same age, falling to 0 at :data:`YEARS` of difference.
        view: an image of one of the query's projections.
    """

    side: float = 0.1
    sex: float = 0.01
    age: float = 0.01
    view: float = 0.01


class AgreementReranker:
    """Adds bonuses for what is known on both sides; what is unknown on either adds nothing.

    Args:
        cases: the indexed cases by id.
    """

    def __init__(self, cases: Mapping[str, IndexedCase], bonuses: Bonuses | None = None) -> None:
        self._cases = cases
        self._bonuses = bonuses or Bonuses()

    def rerank(self, fused: Sequence[Fused], query: Query) -> list[Fused]:
        """Return the cases with the bonuses added to the scores of the first :data:`POOL`; ties by id."""
        tests = self._tests(query)
        if not tests:
            return list(fused)
        pool = [replace(item, score=round(item.score + _sum(tests, self._cases[item.id]), 6)) for item in fused[:POOL]]
        return sorted(pool, key=lambda item: (-item.score, item.id)) + list(fused[POOL:])

    def _tests(self, query: Query) -> list[Callable[[IndexedCase], float]]:
        """Return what can be compared for a query, each a function from a case to its bonus."""
        bonus = self._bonuses
        tests: list[Callable[[IndexedCase], float]] = []
        if query.sides and bonus.side:
            tests.append(lambda case: bonus.side * same_sides(query.sides, case.sides))
        if query.sex and bonus.sex:
            tests.append(lambda case: bonus.sex * (case.sex == query.sex))
        if query.age is not None and bonus.age:
            tests.append(lambda case: bonus.age * same_age(query.age, case.age))
        if query.views - {View.UNKNOWN} and bonus.view:
            tests.append(lambda case: bonus.view * bool(case.views & query.views - {View.UNKNOWN}))
        return tests


def same_sides(wanted: Mapping[str, Side], there: Mapping[str, Side]) -> float:
    """Return how well sides agree, in [-1, 1]: the mean over the wanted findings.

    1 for the same side, -1 for the other, 0.5 where one of the two is bilateral, 0 where the case names no side.
    """
    return sum(
        max((_same_side(side, there.get(name)) for name in report_names(label)), key=abs)
        for label, side in wanted.items()
    ) / max(len(wanted), 1)


def _same_side(wanted: Side, there: Side | None) -> float:
    if there is None:
        return 0.0
    if wanted is there:
        return 1.0
    return 0.5 if Side.BILATERAL in (wanted, there) else -1.0


def same_age(wanted: float | None, there: float | None) -> float:
    """Return the likeness of two ages in years, in [0, 1]; 0 where one is unknown."""
    if wanted is None or there is None:
        return 0.0
    return max(0.0, 1 - abs(wanted - there) / YEARS)


def _sum(tests: Sequence[Callable[[IndexedCase], float]], case: IndexedCase) -> float:
    return sum(test(case) for test in tests)
