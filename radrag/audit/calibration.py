"""Whether probabilities mean what they say, and which thresholds they would support at which costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from radrag.audit.shares import Share
from radrag.audit.thresholds import Costs, Threshold, thresholds
from radrag.errors import UsageError

FloatArray = npt.NDArray[np.float64]

SCHEMA = "radrag.audit_calibration/1"
BINS = 10
LEAST = 20
"""Items below which a set is listed and not measured."""

DRAWS = 500
ONE_CLASS = "one class only: calibration in part, thresholds and resolution undefined"


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Probabilities of one kind, and what was true.

    Attributes:
        name: such as a label.
        probabilities: float64 [n] in [0, 1].
        truth: float64 [n], 1 or 0.
        owners: of each item, such as its patient; folds keep an owner's items together.
        threshold: from which the finding counts as present now; None where nothing is decided by it.

    Raises:
        UsageError: lengths differ, or a value is out of its range.
    """

    name: str
    probabilities: FloatArray
    truth: FloatArray
    owners: Sequence[str]
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Refuse what is no probability and no truth."""
        if not len(self.probabilities) == len(self.truth) == len(self.owners):
            raise UsageError(f"{self.name}: probabilities, truth and owners differ in number.")
        inside = (self.probabilities >= 0) & (self.probabilities <= 1)
        if not inside.all() or not np.isin(self.truth, (0.0, 1.0)).all():
            raise UsageError(f"{self.name}: probabilities lie in [0, 1], and truth is 0 or 1.")


@dataclass(frozen=True, slots=True)
class Bin:
    """Items of about equal probability: their mean, how often it was true, and its 95 % interval (Wilson)."""

    n: int
    probability: float
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """One kind of probabilities; measures are None where there are too few items, and ``why`` says so.

    Attributes:
        n, positives: items, and those that are true.
        probability: mean of the probabilities, to be compared with the share of positives.
        ece: expected calibration error: mean distance of probability and share over bins of equal mass, weighted.
        ece_by_chance: what it would be on average were the probabilities right, with as many items: bins of few items
            are never exact.
        p: share of draws from the probabilities themselves with as large an error (Bröcker & Smith, "Increasing the
            reliability of reliability diagrams", 2007).
        rms: root mean squared calibration error without the part that chance adds (Kumar, Liang & Ma, "Verified
            uncertainty calibration", NeurIPS 2019); 0 where chance explains all.
        brier: mean squared difference of probability and truth = miscalibration − discrimination + uncertainty.
        miscalibration, discrimination, uncertainty: by isotonic regression, exactly (Dimitriadis, Gneiting & Jordan,
            "Stable reliability diagrams …", PNAS 2021).
    """

    name: str
    n: int
    positives: int
    probability: float | None = None
    ece: float | None = None
    ece_by_chance: float | None = None
    p: float | None = None
    rms: float | None = None
    brier: float | None = None
    miscalibration: float | None = None
    discrimination: float | None = None
    uncertainty: float | None = None
    bins: tuple[Bin, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CalibrationAudit:
    """All kinds of probabilities."""

    costs: Costs
    rows: tuple[Calibration, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"schema": SCHEMA, "costs": asdict(self.costs), "calibration": [one.as_dict() for one in self.rows]}


def audit_calibration(
    sets: Sequence[Items], *, costs: Costs | None = None, bins: int = BINS, least: int = LEAST, seed: int = 0
) -> CalibrationAudit:
    """Measure sets of probabilities.

    Raises:
        UsageError: there is no set, or none has any item.
    """
    if not any(len(one.truth) for one in sets):
        raise UsageError("There is no probability with a known truth.")
    given = costs or Costs()
    return CalibrationAudit(given, tuple(_measured(one, given, bins, least, seed) for one in sets))


def _measured(items: Items, costs: Costs, bins: int, least: int, seed: int) -> Calibration:
    p, truth = items.probabilities, items.truth
    n, positives = len(truth), int(truth.sum())
    if n < least:
        return Calibration(items.name, n, positives, why=f"fewer than {least}")
    places = equal_mass_bins(p, bins)
    found = _bins(p, truth, places)
    ece = _ece(p, truth, places)
    generator = np.random.default_rng(seed)
    by_chance = np.array([_ece(p, (generator.random(n) < p).astype(np.float64), places) for _ in range(DRAWS)])
    brier = float(((p - truth) ** 2).mean())
    recalibrated = float(((isotonic(p, truth) - truth) ** 2).mean())
    share = positives / n
    one_class = positives in (0, n)
    return Calibration(
        items.name,
        n,
        positives,
        float(p.mean()),
        ece,
        float(by_chance.mean()),
        (1 + int((by_chance >= ece).sum())) / (1 + DRAWS),
        _debiased(found),
        brier,
        brier - recalibrated,
        None if one_class else share * (1 - share) - recalibrated,
        share * (1 - share),
        found,
        () if one_class else thresholds(p, truth, items.owners, costs, now=items.threshold),
        ONE_CLASS if one_class else "",
    )


def equal_mass_bins(probabilities: FloatArray, bins: int) -> npt.NDArray[np.int64]:
    """Return a bin's number for each probability: bins of about as many items each; equal probabilities share one.

    Bins of equal mass have less bias than bins of equal width (Roelofs et al., "Mitigating bias in calibration error
    estimation", AISTATS 2022).
    """
    _, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    of_value = np.minimum((middle * bins / len(probabilities)).astype(np.int64), bins - 1)
    found: npt.NDArray[np.int64] = np.unique(of_value[inverse], return_inverse=True)[1]
    return found


def isotonic(probabilities: FloatArray, truth: FloatArray) -> FloatArray:
    """Return the best rising function of the probabilities for the truth, float64 [n] (pool adjacent violators)."""
    values, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, weights=truth, minlength=len(values))
    pools: list[tuple[float, int, int]] = []  # (sum, items, values) of each pool
    for total, count in zip(sums.tolist(), counts.tolist(), strict=True):
        pool = (total, count, 1)
        while pools and pools[-1][0] * pool[1] >= pool[0] * pools[-1][1]:
            last = pools.pop()
            pool = (last[0] + pool[0], last[1] + pool[1], last[2] + pool[2])
        pools.append(pool)
    fitted = np.concatenate([np.full(width, total / count) for total, count, width in pools])
    found: FloatArray = fitted[inverse]
    return found


def _ece(p: FloatArray, truth: FloatArray, places: npt.NDArray[np.int64]) -> float:
    """Return the expected calibration error."""
    return float(np.abs(np.bincount(places, weights=truth - p)).sum() / len(p))


def _bins(p: FloatArray, truth: FloatArray, places: npt.NDArray[np.int64]) -> tuple[Bin, ...]:
    found = []
    for number in range(int(places.max()) + 1):
        inside = places == number
        share = Share(int(truth[inside].sum()), int(inside.sum()))
        low, high = share.interval
        found.append(Bin(share.of, float(p[inside].mean()), share.value or 0.0, low or 0.0, high or 0.0))
    return tuple(found)


def _debiased(bins: Sequence[Bin]) -> float | None:
    """Return the root mean squared calibration error without the bins' own variance; None where a bin has one item."""
    if any(one.n < 2 for one in bins):
        return None
    total = sum(one.n for one in bins)
    square = sum(
        one.n / total * ((one.probability - one.share) ** 2 - one.share * (1 - one.share) / (one.n - 1)) for one in bins
    )
    return math.sqrt(max(square, 0.0))
