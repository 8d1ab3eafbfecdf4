"""Scores by sex, age, view, manufacturer and corpus: each group against the rest, with intervals by patient.

A gap is flagged where the interval of the difference excludes 0 and its p-value stays below 0.05 after Holm's
correction for all groups that a measure was compared for. The p-value is by the bootstrap's standard error, and not
less than that of dealing the queries at random: a small group in which all are missed has no spread of its own.
Missing metadata is a group of its own: who is not described is seldom a random part (Seyyed-Kalantari et al.,
"Underdiagnosis bias …", Nat. Med. 2021, is what this looks for).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from radrag.audit.attributes import ATTRIBUTES, Attributes
from radrag.audit.drift import ALPHA, holm
from radrag.audit.group_measures import BoolArray, FloatArray, Measure
from radrag.errors import UsageError
from radrag.evaluation.intervals import Estimate

SCHEMA = "radrag.audit_subgroups/1"
UNKNOWN = "unknown"
LEAST = 20
DRAWS = 2000
BLOCK = 250
"""Draws held at once."""

DEALS = 8 * BLOCK


@dataclass(frozen=True, slots=True)
class GroupScore:
    """One measure of one group; the numbers are None where it was not scored, and ``why`` says so.

    Attributes:
        n, patients: queries of the group that the measure counts, and whose they are.
        score, low, high: the measure and its 95 % interval.
        gap, gap_low, gap_high: the group minus all other queries.
        p: of the gap, corrected.
    """

    measure: str
    attribute: str
    group: str
    n: int
    patients: int
    score: float | None = None
    low: float | None = None
    high: float | None = None
    gap: float | None = None
    gap_low: float | None = None
    gap_high: float | None = None
    p: float | None = None
    why: str = ""

    @property
    def flagged(self) -> bool:
        """Whether the group differs from the rest."""
        if self.p is None or self.gap_low is None or self.gap_high is None:
            return False
        return self.p < ALPHA and not self.gap_low <= 0 <= self.gap_high

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"flagged": self.flagged}


@dataclass(frozen=True, slots=True)
class SubgroupAudit:
    """Every measure overall (attribute ``all``) and of every group.

    Attributes:
        undescribed: attributes that no query states; there is nothing to compare.
    """

    queries: int
    patients: int
    least: int
    rows: tuple[GroupScore, ...]
    undescribed: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "schema": SCHEMA,
            "queries": self.queries,
            "patients": self.patients,
            "least": self.least,
            "undescribed": list(self.undescribed),
            "groups": [one.as_dict() for one in self.rows],
        }


def audit_subgroups(
    measures: Sequence[Measure],
    attributes: Sequence[Attributes],
    patients: Sequence[str],
    *,
    by: Sequence[str] = ATTRIBUTES,
    least: int = LEAST,
    draws: int = DRAWS,
    seed: int = 0,
) -> SubgroupAudit:
    """Take measures of groups of queries.

    Args:
        measures: over the same queries.
        attributes: of each query.
        patients: of each query; draws take all queries of a patient.
        by: names of attributes.
        least: queries below which a group is listed and not scored.

    Raises:
        UsageError: there is no measure or no query, or ``by`` names what is no attribute (all such names are listed).
    """
    unknown = sorted(set(by) - set(ATTRIBUTES))
    if unknown:
        raise UsageError(f"No attributes: {', '.join(unknown)}.", hint=f"Valid: {', '.join(ATTRIBUTES)}.")
    if not measures or not patients:
        raise UsageError("There is nothing to group: no queries, or no measure that is defined for them.")
    everything = np.ones(len(patients), dtype=bool)
    groups: dict[tuple[str, str], BoolArray] = {("all", "all"): everything}
    undescribed = tuple(name for name in by if not any(getattr(one, name) for one in attributes))
    for name in (one for one in by if one not in undescribed):
        values = [getattr(one, name) or UNKNOWN for one in attributes]
        for value in sorted(set(values), key=lambda word: (word == UNKNOWN, word)):
            groups[name, value] = np.array([one == value for one in values], dtype=bool)
    owners = sorted(set(patients))
    place = {name: number for number, name in enumerate(owners)}
    of = np.array([place[name] for name in patients], dtype=np.int64)
    shares = np.full(len(owners), 1 / len(owners))
    drawn = np.random.default_rng(seed).multinomial(len(owners), shares, size=draws).astype(np.int16)
    rows: list[GroupScore] = []
    for measure in measures:
        rows += _corrected([_group(measure, key, rows_of, of, drawn, least, seed) for key, rows_of in groups.items()])
    return SubgroupAudit(len(patients), len(owners), least, tuple(rows), undescribed)


def _group(  # noqa: PLR0917 - one group of one measure, over all draws
    measure: Measure,
    key: tuple[str, str],
    rows: BoolArray,
    of: npt.NDArray[np.int64],
    drawn: npt.NDArray[np.int16],
    least: int,
    seed: int,
) -> GroupScore:
    counted = rows & measure.known
    n = int(counted.sum())
    made = GroupScore(measure.name, *key, n, len(set(of[counted].tolist())))
    why = f"fewer than {least}" if n < least else measure.lacks(rows)
    if why:
        return replace(made, why=why)
    whole = np.ones((1, len(of)))
    score = float(measure.at(whole * rows)[0])
    if made.patients < 2:
        return replace(made, score=score, why="one patient: no interval")
    rest = np.logical_not(rows)
    compared = bool((rest & measure.known).sum() >= least and not measure.lacks(rest))
    scores, gaps = [], []
    for start in range(0, len(drawn), BLOCK):
        weights = drawn[start : start + BLOCK][:, of].astype(np.float64)
        scores.append(measure.at(weights * rows))
        if compared:
            gaps.append(scores[-1] - measure.at(weights * rest))
    low, high = _interval(np.concatenate(scores))
    made = replace(made, score=score, low=low, high=high)
    if not compared:
        return made if key[0] == "all" else replace(made, why="too few others to compare with")
    gap = score - float(measure.at(whole * rest)[0])
    found = np.concatenate(gaps)
    gap_low, gap_high = _interval(found)
    p = _p_value(gap, found)
    if p < ALPHA:
        p = max(p, _dealt_p_value(measure, n, gap, seed))
    return replace(made, gap=gap, gap_low=gap_low, gap_high=gap_high, p=p)


def _interval(values: FloatArray) -> tuple[float | None, float | None]:
    known = Estimate.of(math.nan, values[np.logical_not(np.isnan(values))]).as_dict()
    return known["low"], known["high"]


def _p_value(gap: float, drawn: FloatArray) -> float:
    """Return the two-sided p-value of a difference by the normal distribution with the bootstrap's standard error."""
    deviation = float(np.nanstd(drawn))
    if deviation < 1e-12:
        return 1.0 if abs(gap) < 1e-12 else 0.0
    return math.erfc(abs(gap) / deviation / math.sqrt(2))


def _dealt_p_value(measure: Measure, n: int, gap: float, seed: int) -> float:
    """Return the share of random groups of ``n`` counted queries that differ as much from the rest."""
    known = np.flatnonzero(measure.known)
    generator = np.random.default_rng(seed)
    reached = 0
    for _ in range(0, DEALS, BLOCK):
        group = np.zeros((BLOCK, len(measure.known)))
        for row in group:
            row[generator.permutation(known)[:n]] = 1
        gaps = measure.at(group) - measure.at(1 - group)
        reached += int((np.abs(gaps) >= abs(gap) - 1e-12).sum())
    return (1 + reached) / (1 + DEALS)


def _corrected(rows: Sequence[GroupScore]) -> list[GroupScore]:
    tested = [number for number, row in enumerate(rows) if row.p is not None]
    corrected = holm([row.p for row in rows if row.p is not None])
    found: Mapping[int, float] = dict(zip(tested, corrected, strict=True))
    return [replace(row, p=found[number]) if number in found else row for number, row in enumerate(rows)]
