"""Thresholds for a probability by the costs of missing and of raising a false alarm, and what each would do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radrag.errors import UsageError
from radrag.evaluation.fitting import FOLDS, fold_of

FloatArray = npt.NDArray[np.float64]

NOW, BY_COSTS, FITTED, NEVER, ALWAYS = "now", "by the costs", "fitted", "never", "always"


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one missed finding, and of one false alarm, in any unit.

    Raises:
        UsageError: one is negative or not finite, or both are 0.
    """

    miss: float = 1.0
    false: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what is no cost."""
        known = all(math.isfinite(value) and value >= 0 for value in (self.miss, self.false))
        if not known or not self.miss + self.false:
            raise UsageError("Costs are numbers from 0, not both 0.")


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a threshold does on the items that it was measured on.

    Attributes:
        name: ``now``; ``by the costs``: false / (false + miss), the best where probabilities are calibrated (Elkan,
            "The foundations of cost-sensitive learning", IJCAI 2001); ``fitted``: the cheapest on these items;
            ``never`` and ``always`` to compare with.
        value: items from here on count as present; None for ``never``.
        sensitivity, false_rate, precision: of the decisions; precision is None where nothing counts as present.
        missed, alarms: false negatives and false positives.
        cost: mean per item.
        held_out: of ``fitted``: mean cost of items by thresholds fitted to the other owners', which is what to expect.
    """

    name: str
    value: float | None
    sensitivity: float
    false_rate: float
    precision: float | None
    missed: int
    alarms: int
    cost: float
    held_out: float | None = None


def thresholds(
    probabilities: FloatArray, truth: FloatArray, owners: Sequence[str], costs: Costs, *, now: float | None = None
) -> tuple[Threshold, ...]:
    """Return the thresholds that there are and those that are proposed.

    Args:
        probabilities: float64 [n].
        truth: float64 [n], 1 and 0, both there.
        owners: of each item; an owner's items are in one fold.
        now: the threshold in use.
    """
    fitted = cheapest(probabilities, truth, costs)
    folds = fold_of(list(owners))
    held_out = None
    if len(set(owners)) >= FOLDS:
        spent = np.zeros(len(truth))
        for fold in range(FOLDS):
            inside = folds == fold
            value = cheapest(probabilities[~inside], truth[~inside], costs)
            spent[inside] = _costs(probabilities[inside] >= value, truth[inside], costs)
        held_out = float(spent.mean())
    given = {NOW: now, BY_COSTS: costs.false / (costs.false + costs.miss), FITTED: fitted, ALWAYS: 0.0, NEVER: math.inf}
    return tuple(
        _measured(name, value, probabilities, truth, costs, held_out=held_out if name == FITTED else None)
        for name, value in given.items()
        if value is not None
    )


def cheapest(probabilities: FloatArray, truth: FloatArray, costs: Costs) -> float:
    """Return the threshold with the least cost, the highest of equal ones; infinite where never is cheapest."""
    order = np.argsort(-probabilities, kind="stable")
    falling, there = probabilities[order], truth[order]
    caught = np.concatenate([[0.0], np.cumsum(there)])
    alarms = np.concatenate([[0.0], np.cumsum(1 - there)])
    spent = costs.miss * (there.sum() - caught) + costs.false * alarms
    possible = np.concatenate([[True], np.append(falling[1:] != falling[:-1], True)])  # equal ones fall together
    best = int(np.flatnonzero(possible)[np.argmin(spent[possible])])
    return math.inf if best == 0 else float(falling[best - 1])


def _costs(stated: npt.NDArray[np.bool_], truth: FloatArray, costs: Costs) -> FloatArray:
    return np.where(truth == 1, costs.miss * ~stated, costs.false * stated)


def _measured(
    name: str,
    value: float,
    probabilities: FloatArray,
    truth: FloatArray,
    costs: Costs,
    *,
    held_out: float | None,
) -> Threshold:
    stated = probabilities >= value
    there, absent = truth == 1, truth == 0
    caught, alarms = int((stated & there).sum()), int((stated & absent).sum())
    return Threshold(
        name,
        value if math.isfinite(value) else None,
        caught / int(there.sum()),
        alarms / int(absent.sum()),
        caught / (caught + alarms) if caught + alarms else None,
        int(there.sum()) - caught,
        alarms,
        float(_costs(stated, truth, costs).mean()),
        held_out,
    )
