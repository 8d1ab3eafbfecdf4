"""Orders that know nothing, and the order that knows everything: floor and ceiling of a ranking."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from radrag.evaluation.ranking import Judged, Ranking

if TYPE_CHECKING:
    import numpy as np

RANDOM, ORACLE = "random", "oracle"

RANDOM_ORDERS = 20
"""Orders drawn for each query; its random score is their mean."""


def random_ranking(
    ids: Sequence[str], excluded: Collection[str], depth: int, generator: np.random.Generator
) -> Ranking:
    """Return ``depth`` cases drawn without replacement, none of the excluded."""
    size = min(depth + len(excluded), len(ids))
    places = generator.choice(len(ids), size=size, replace=False)
    return [case for place in places if (case := ids[place]) not in excluded][:depth]


def best_ranking(judged: Judged, depth: int) -> Ranking:
    """Return the cases with the greatest gains, equal ones by id."""
    return sorted(judged, key=lambda case: (-judged[case], case))[:depth]
