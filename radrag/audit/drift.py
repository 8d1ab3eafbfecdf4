"""Whether later queries differ from the first ones: energy distance, with p-values by permutation.

The energy distance (Székely & Rizzo, "Energy statistics", J. Stat. Plan. Inference 2013) of two samples is 0 only where
they come from the same distribution; it is a maximum mean discrepancy with a distance as kernel (Sejdinovic et al.,
Ann. Stat. 2013), so that no bandwidth has to be chosen. Two-sample tests on what a network sees find shifts in images
earlier than accuracy does (Rabanser, Günnemann & Lipton, "Failing loudly", NeurIPS 2019). Permutation needs
exchangeable units: one query a patient is taken of each block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

LEAST = 20
"""Patients below which a block is not tested."""

MOST = 500
"""Patients of a block that are compared; more are drawn down to as many."""

PERMUTATIONS = 999
BLOCKS = 6
"""Blocks of the manifest's order, where there are no dates."""

ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Block:
    """Queries of one month, or of one part of the manifest, against those of the first block.

    Attributes:
        queries, patients: in it.
        distance: energy distance of what the encoder says, in its units; None for the first block and small ones.
        p: of the permutation test, corrected by Holm for all tests of all blocks.
        score: median score of the first hit; None where nothing was found.
        score_p: the same test on the first hits' scores: whether the index answers otherwise than it did; None where
            too few have one.
        empty: queries without any hit.
    """

    name: str
    queries: int
    patients: int
    distance: float | None
    p: float | None
    score: float | None
    score_p: float | None
    empty: int

    @property
    def drifted(self) -> bool:
        """Whether the block differs from the first."""
        return any(p is not None and p < ALPHA for p in (self.p, self.score_p))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"drifted": self.drifted}


def blocks_of(dates: Sequence[str]) -> list[str]:
    """Return a block's name for each query: its month, or "part 1" … by the manifest's order where none has a date.

    Args:
        dates: ISO 8601 of each query; empty where unknown (``no date`` is then a block of its own).
    """
    if not any(dates):
        count = min(BLOCKS, max(1, len(dates) // LEAST))
        return [f"part {1 + place * count // len(dates)}" for place in range(len(dates))]
    return [date[:7] or "no date" for date in dates]


def drift(
    blocks: Sequence[str],
    patients: Sequence[str],
    vectors: FloatArray,
    scores: FloatArray,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> tuple[Block, ...]:
    """Compare each block with the first one that has enough patients.

    Args:
        blocks: of each query, as :func:`blocks_of` names them; they come in the order of their names.
        patients: of each query.
        vectors: float64 [n, d], what the encoder says of each query; rows with NaN are left out.
        scores: float64 [n], of the first hits; NaN where there is none.
        seed: of draws and permutations.
    """
    generator = np.random.default_rng(seed)
    names = sorted(set(blocks))
    chosen = {name: _one_a_patient(blocks, patients, name, generator) for name in names}
    known = [not any(row) for row in np.isnan(vectors).tolist()]
    usable = {
        name: np.array([row for row in rows.tolist() if known[row]], dtype=np.int64) for name, rows in chosen.items()
    }
    first = next((name for name in names if len(usable[name]) >= LEAST and name != "no date"), "")
    tested = [name for name in names if first and name != first and len(usable[name]) >= LEAST]
    distances, raw = [], []
    of_scores: dict[str, float] = {}
    for name in tested:
        distance, p = energy_test(vectors[usable[first]], vectors[usable[name]], permutations, generator)
        distances.append(distance)
        raw.append(p)
        sides = [scores[chosen[one]] for one in (first, name)]
        a, b = (side[~np.isnan(side)][:, None] for side in sides)
        if min(len(a), len(b)) >= LEAST:
            of_scores[name] = energy_test(a, b, permutations, generator)[1]
    corrected = holm([*raw, *of_scores.values()])
    score_p = dict(zip(of_scores, corrected[len(raw) :], strict=True))
    result = {
        name: (distance, p, score_p.get(name))
        for name, distance, p in zip(tested, distances, corrected[: len(raw)], strict=True)
    }
    return tuple(_block(name, blocks, patients, scores, result.get(name)) for name in names)


def _one_a_patient(
    blocks: Sequence[str], patients: Sequence[str], name: str, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return the rows of a block's queries, the first of each patient, at most :data:`MOST`."""
    first: dict[str, int] = {}
    for row, (block, patient) in enumerate(zip(blocks, patients, strict=True)):
        if block == name:
            first.setdefault(patient, row)
    rows = np.array(sorted(first.values()), dtype=np.int64)
    return rows if len(rows) <= MOST else np.sort(generator.choice(rows, MOST, replace=False))


def _block(
    name: str,
    blocks: Sequence[str],
    patients: Sequence[str],
    scores: FloatArray,
    result: tuple[float, float, float | None] | None,
) -> Block:
    rows = [row for row, block in enumerate(blocks) if block == name]
    found = scores[rows][~np.isnan(scores[rows])]
    distance, p, score_p = result or (None, None, None)
    middle = float(np.median(found)) if len(found) else None
    owners = len({patients[row] for row in rows})
    return Block(name, len(rows), owners, distance, p, middle, score_p, len(rows) - len(found))


def energy_test(a: FloatArray, b: FloatArray, permutations: int, generator: np.random.Generator) -> tuple[float, float]:
    """Return the energy distance 2E|X − Y| − E|X − X'| − E|Y − Y'| of two samples, and its p-value by permutation.

    Args:
        a, b: [n, d] and [m, d], a row a unit.
    """
    both = np.concatenate([a, b])
    squares = (both**2).sum(axis=1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * both @ both.T, 0))
    np.fill_diagonal(distances, 0)
    sides = np.zeros((permutations + 1, len(both)))
    sides[0, : len(a)] = 1
    for row in sides[1:]:
        row[generator.permutation(len(both))[: len(a)]] = 1
    sums = distances.sum()
    within_a = ((sides @ distances) * sides).sum(axis=1)
    of_a = sides @ distances.sum(axis=1)
    across = of_a - within_a
    within_b = sums - within_a - 2 * across
    n, m = len(a), len(b)
    statistic = 2 * across / (n * m) - within_a / n**2 - within_b / m**2
    reached = int((statistic[1:] >= statistic[0] - 1e-12).sum())
    return float(max(statistic[0], 0.0)), (1 + reached) / (1 + permutations)


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm, "A simple sequentially rejective …", 1979), in their order."""
    order = sorted(range(len(values)), key=values.__getitem__)
    corrected, largest = [0.0] * len(values), 0.0
    for place, number in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - place) * values[number]))
        corrected[number] = largest
    return corrected
