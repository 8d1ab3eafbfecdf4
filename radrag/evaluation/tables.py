"""Scores by variant, measure and query, with means and intervals over the queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from radrag.evaluation.intervals import Estimate, PatientBootstrap
from radrag.evaluation.ranking import Scores

Estimates = Mapping[str, Estimate]
"""Measure → mean and interval."""


@dataclass(frozen=True, slots=True)
class Table:
    """Scores of one set of queries.

    Attributes:
        queries: ids, in order.
        patients: how many different ones.
        relevant: mean number of relevant cases a query.
        values: variant → measure → a value for each query.
        estimates: variant → measure → mean and interval.
    """

    queries: tuple[str, ...]
    patients: int
    relevant: float
    values: Mapping[str, Mapping[str, tuple[float, ...]]]
    estimates: Mapping[str, Estimates]


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much a variant is better than another, over the same queries."""

    variant: str
    against: str
    estimates: Estimates


@dataclass(slots=True)
class Sheet:
    """Scores as they come in: variant → query → measure → sum over its orders; ``relevant`` has a number a query."""

    measures: tuple[str, ...]
    relevant: dict[str, int] = field(default_factory=dict)
    sums: dict[str, Scores] = field(default_factory=dict)
    orders: dict[str, int] = field(default_factory=dict)

    def add(self, variant: str, scores: Scores, *, orders: int = 1) -> None:
        """Add some queries' scores; a variant of several orders adds each of them, and their mean counts."""
        self.orders[variant] = orders
        for query, of_query in scores.items():
            kept = self.sums.setdefault(variant, {}).setdefault(query, dict.fromkeys(self.measures, 0.0))
            for name, value in of_query.items():
                kept[name] += value

    def table(self, bootstrap: PatientBootstrap) -> Table:
        """Return the table; ``bootstrap`` is of the same queries in the order of ``relevant``."""
        queries = tuple(self.relevant)
        values = {
            variant: {
                name: tuple(of[query][name] / self.orders[variant] for query in queries) for name in self.measures
            }
            for variant, of in self.sums.items()
        }
        return Table(
            queries,
            bootstrap.patients,
            sum(self.relevant.values()) / max(len(queries), 1),
            values,
            {variant: {name: bootstrap.mean(row) for name, row in of.items()} for variant, of in values.items()},
        )


def difference(table: Table, variant: str, against: str, bootstrap: PatientBootstrap) -> Difference:
    """Return the paired difference of two variants in every measure."""

    def paired(first: Sequence[float], second: Sequence[float]) -> Estimate:
        return bootstrap.mean([a - b for a, b in zip(first, second, strict=True)])

    ours, theirs = table.values[variant], table.values[against]
    return Difference(variant, against, {name: paired(ours[name], theirs[name]) for name in ours})
