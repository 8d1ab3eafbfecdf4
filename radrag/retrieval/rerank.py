"""The best of the fused cases in a finer order: which side, and who and how the patient was.

Each agreement adds a small bonus to the fused score, small enough to order only cases that fit about alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from radrag.corpus.catalogue import Catalogue, view_bits
from radrag.domain import Side, View
from radrag.reports.wordings import report_names
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import FloatArray, IntArray, Ranked, ordered

POOL = 300
"""How many cases are looked at; what fusion ranks behind them keeps its place."""

YEARS = 20.0
"""Difference of age at which likeness in age ends."""


class Reranker(Protocol):
    """Orders fused cases anew."""

    def rerank(self, fused: Ranked, query: Query) -> Ranked:
        """Return the same cases, each once, best first.

        A case's new score depends on this case and the query alone, so that another case never lifts it.
        """
        ...

    def reasons(self, row: int, query: Query) -> tuple[str, ...]:
        """Say in a few words each what raised or lowered a case, such as "same side"."""
        ...


@dataclass(frozen=True, slots=True)
class Bonuses:
    """What full agreement adds to a fused score in [0, 1]; 0 turns a comparison off.

    Attributes:
        side: of the sides that the query names; a case that names the other side loses as much. Of the first ten cases
            for words with a side, 57 % name that side and 19 % the other without it, 80 % and 4 % with it; more costs
            agreement in findings (docs/retrieval.md).
        sex: the same sex.
        age: the same age, falling to 0 at :data:`YEARS` of difference.
        view: an image of one of the query's projections.
        trusted: taken from a case whose sentences readers called misleading: this much for one of them, more for
            several, at most twice as much.
    """

    side: float = 0.03
    sex: float = 0.01
    age: float = 0.01
    view: float = 0.01
    trusted: float = 0.0


class AgreementReranker:
    """Adds bonuses for what is known on both sides; what is unknown on either adds nothing.

    Args:
        misleading: case id → how many of its sentences readers called misleading.
    """

    def __init__(
        self, catalogue: Catalogue, bonuses: Bonuses | None = None, *, misleading: Mapping[str, int] | None = None
    ) -> None:
        self._catalogue = catalogue
        self._bonuses = bonuses or Bonuses()
        # 1 for one sentence, nearing 2: no number of marks takes more than twice the bonus.
        self._distrust = {case_id: 2.0 - 2.0 / (1 + count) for case_id, count in (misleading or {}).items() if count}

    def rerank(self, fused: Ranked, query: Query) -> Ranked:
        """Return the cases with the bonuses added to the scores of the first :data:`POOL`; ties by id."""
        pool = fused.first(POOL)
        agreements = self._agreements(pool.rows, query)
        if not agreements:
            return fused
        bonuses = {name: float(getattr(self._bonuses, name)) for name in agreements}
        scores = pool.scores + sum((bonuses[name] * agreements[name] for name in agreements), np.zeros(len(pool)))
        best = ordered(pool.rows, scores, self._catalogue.by_id)
        rest = fused.at(slice(POOL, None))
        return Ranked(np.concatenate([best.rows, rest.rows]), np.concatenate([best.scores, rest.scores]))

    def reasons(self, row: int, query: Query) -> tuple[str, ...]:
        """Say what of side, sex, age and view agrees, and which side or view does not."""
        agreements = self._agreements(np.array([row]), query)
        return tuple(said for name, values in agreements.items() if (said := _said(name, float(values[0]))))

    def _agreements(self, rows: IntArray, query: Query) -> dict[str, FloatArray]:
        """Return what can be compared for a query: name → agreement of each case, float64 [rows] in [-1, 1]."""
        catalogue, bonus = self._catalogue, self._bonuses
        views = query.views - {View.UNKNOWN}
        found: dict[str, FloatArray] = {}
        if query.sides and bonus.side:
            found["side"] = np.array([same_sides(query.sides, catalogue.sides(row)) for row in rows.tolist()])
        if query.sex and bonus.sex:
            found["sex"] = catalogue.equal("sex", query.sex)[rows].astype(np.float64)
        if query.age is not None and bonus.age:
            found["age"] = same_age(query.age, catalogue.ages[rows].astype(np.float64))
        if views and bonus.view:
            found["view"] = ((catalogue.views[rows] & view_bits(views)) > 0).astype(np.float64)
        if self._distrust and bonus.trusted:
            ids = catalogue.ids
            found["trusted"] = np.array([-self._distrust.get(ids[row], 0.0) for row in rows.tolist()])
        return found


def _said(name: str, agreement: float) -> str:
    if name == "side" and agreement:
        return "same side" if agreement > 0 else "other side"
    if name == "view":
        return "same view" if agreement else "another view"
    if name == "trusted":
        return "called misleading" if agreement else ""
    if name == "age":
        return "about the same age" if agreement >= 0.5 else ""
    return f"same {name}" if agreement else ""


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


def same_age(wanted: float, there: FloatArray) -> FloatArray:
    """Return the likeness of ages in years [n] to one, in [0, 1]; 0 where an age is NaN."""
    likeness: FloatArray = np.nan_to_num(np.maximum(0.0, 1 - np.abs(wanted - there) / YEARS))
    return likeness
