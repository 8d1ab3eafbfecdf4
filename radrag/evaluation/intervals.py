"""Means with bootstrap intervals, drawn by patient: a patient's images are no independent witnesses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radrag.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CONFIDENCE = 0.95
DRAWS = 2000
SEED = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries and its interval; all NaN where there are no queries.

    Attributes:
        low, high: 95 % percentile interval; NaN where there are fewer than two patients.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, of_draws: npt.NDArray[np.float64]) -> Estimate:
        """Return a value with the interval of its values in draws; without draws the interval is NaN."""
        import numpy as np

        if not len(of_draws):
            return cls(value, math.nan, math.nan)
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(of_draws, [tail, 1 - tail])
        return cls(value, float(low), float(high))

    def as_dict(self) -> dict[str, float | None]:
        """Return plain values; None for NaN."""
        named = {"mean": self.mean, "low": self.low, "high": self.high}
        return {name: None if math.isnan(value) else value for name, value in named.items()}


class PatientBootstrap:
    """Draws patients with replacement, the same draws for all values, so that differences are paired.

    The cluster bootstrap of Field & Welsh, "Bootstrapping clustered data", 2007: a draw takes all queries of a
    patient, and its statistic is the mean over the queries drawn. The order of the queries changes nothing.

    Args:
        patients: of each query.
    """

    def __init__(self, patients: Sequence[str], *, draws: int = DRAWS, seed: int = SEED) -> None:
        import numpy as np

        names = sorted(set(patients))
        place = {name: number for number, name in enumerate(names)}
        self.patients = len(names)
        self._of = np.array([place[name] for name in patients], dtype=np.int64)
        self._sizes = np.bincount(self._of, minlength=len(names)).astype(np.float64)
        shares = np.full(len(names), 1 / max(len(names), 1))
        generator = np.random.default_rng(seed)
        counts = generator.multinomial(len(names), shares, size=draws) if names else np.zeros((0, 0))
        self._draws = counts.astype(np.float64)

    def mean(self, values: Sequence[float] | npt.NDArray[np.float64]) -> Estimate:
        """Return the mean of one value a query, with its interval. Give differences for a paired comparison.

        Raises:
            UsageError: another number of values than of queries.
        """
        import numpy as np

        if len(values) != len(self._of):
            raise UsageError(f"{len(values)} values for {len(self._of)} queries.", hint="Give one value a query.")
        if not self.patients:
            return Estimate(math.nan, math.nan, math.nan)
        mean = math.fsum(values) / len(values)
        if self.patients < 2:
            return Estimate(mean, math.nan, math.nan)
        sums = np.bincount(self._of, weights=np.asarray(values, dtype=np.float64), minlength=self.patients)
        drawn = (self._draws @ sums) / (self._draws @ self._sizes)
        return Estimate.of(mean, drawn)

    def drawn(self, rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the sums of rows in each draw, [queries, columns] to [draws, columns]."""
        import numpy as np

        sums = np.zeros((self.patients, rows.shape[1]))
        np.add.at(sums, self._of, rows)
        return self._draws @ sums

    def f1(self, *findings: npt.NDArray[np.bool_]) -> tuple[Estimate, Estimate]:
        """Return macro and micro F1 with their intervals.

        Args:
            findings: right, made up and missed, each [queries, labels]; none of them where a label was not judged.
                Macro is the mean over the labels that are there in some query; a draw where one is neither there nor
                said leaves it out.
        """
        return _estimates(self._f1(*findings))

    def f1_difference(
        self, findings: Sequence[npt.NDArray[np.bool_]], others: Sequence[npt.NDArray[np.bool_]]
    ) -> tuple[Estimate, Estimate]:
        """Return macro and micro F1 of findings less those of others on the same queries, both as in :meth:`f1`."""
        return _estimates(self._f1(*findings) - self._f1(*others))

    def _f1(
        self, right: npt.NDArray[np.bool_], made_up: npt.NDArray[np.bool_], missed: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float64]:
        """Return macro and micro F1 of all queries, then of each draw, [1 + draws, 2]; NaN where no label is there."""
        import numpy as np

        from radrag.evaluation.f1 import f1_of

        there = (right | missed).any(axis=0)
        if not there.any():
            return np.full((1, 2), math.nan)
        rows = np.concatenate([right, made_up, missed], axis=1).astype(np.float64)
        sums = rows.sum(axis=0, keepdims=True)
        if self.patients > 1:
            sums = np.concatenate([sums, self.drawn(rows)])
        parts = np.split(sums, 3, axis=1)
        hits, extra, missing = (part[:, there] for part in parts)
        kept = (hits + extra + missing > 0).sum(axis=1)
        macro = f1_of(hits, extra, missing).sum(axis=1) / np.maximum(kept, 1)
        return np.stack([macro, f1_of(*(part.sum(axis=1) for part in parts))], axis=1)

    def mean_of_groups(self, groups: Sequence[tuple[Sequence[int], Sequence[float]]]) -> Estimate:
        """Return the mean over groups of their mean values, with its interval: a rare group counts as a common one.

        A draw without any patient of a group leaves that group out.

        Args:
            groups: for each, the places of its queries among those of the bootstrap, and a value for each of them.
        """
        import numpy as np

        if not self.patients or not groups:
            return Estimate(math.nan, math.nan, math.nan)
        mean = math.fsum(math.fsum(values) / len(values) for _, values in groups) / len(groups)
        if self.patients < 2:
            return Estimate(mean, math.nan, math.nan)
        total, number = np.zeros(len(self._draws)), np.zeros(len(self._draws))
        for places, values in groups:
            patients = self._of[np.asarray(places, dtype=np.int64)]
            sums = self._draws @ np.bincount(patients, weights=values, minlength=self.patients)
            counts = self._draws @ np.bincount(patients, minlength=self.patients)
            total += np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)
            number += counts > 0
        return Estimate.of(mean, total[number > 0] / number[number > 0])


def _estimates(values: npt.NDArray[np.float64]) -> tuple[Estimate, Estimate]:
    """Return two statistics with their intervals, of values [1 + draws, 2] whose first row is that of all queries."""
    first, second = (Estimate.of(float(column[0]), column[1:]) for column in values.T)
    return first, second
