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
        self._draws = generator.multinomial(len(names), shares, size=draws).astype(np.float64) if names else None

    def mean(self, values: Sequence[float] | npt.NDArray[np.float64]) -> Estimate:
        """Return the mean of one value a query, with its interval. Give differences for a paired comparison.

        Raises:
            UsageError: another number of values than of queries.
        """
        import numpy as np

        if len(values) != len(self._of):
            raise UsageError(f"{len(values)} values for {len(self._of)} queries.", hint="Give one value a query.")
        if self._draws is None:
            return Estimate(math.nan, math.nan, math.nan)
        mean = math.fsum(values) / len(values)
        if self.patients < 2:
            return Estimate(mean, math.nan, math.nan)
        sums = np.bincount(self._of, weights=np.asarray(values, dtype=np.float64), minlength=self.patients)
        drawn = (self._draws @ sums) / (self._draws @ self._sizes)
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail])
        return Estimate(mean, float(low), float(high))
