"""Several ranked lists to one, by weighted scores or by reciprocal rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RANK_OFFSET = 60
"""The k of Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet …", SIGIR 2009."""

Ranked = Sequence[tuple[str, float]]
"""Ids with scores, best first."""


@dataclass(frozen=True, slots=True)
class Fused:
    """One fused result; ``channels`` maps a channel's name to (rank from 1, that channel's score)."""

    id: str
    score: float
    channels: Mapping[str, tuple[int, float]]


def reciprocal_rank(lists: Mapping[str, Ranked], *, weights: Mapping[str, float] | None = None) -> list[Fused]:
    """Fuse ranked lists: the score of an id is the sum over channels of weight / (60 + rank).

    Equal scores come in ascending order of id, so that the answer does not depend on the order of ``lists``.

    Args:
        lists: channel name → ids with scores, best first, no id twice in a channel.
        weights: channel name → weight ≥ 0; 1 where not given.
    """
    places: dict[str, dict[str, tuple[int, float]]] = {}
    for channel in sorted(lists):
        for rank, (name, score) in enumerate(lists[channel], start=1):
            places.setdefault(name, {})[channel] = (rank, score)
    weight = weights or {}
    fused = [
        Fused(name, sum(weight.get(channel, 1.0) / (RANK_OFFSET + rank) for channel, (rank, _) in found.items()), found)
        for name, found in places.items()
    ]
    return sorted(fused, key=lambda item: (-item.score, item.id))


def weighted_scores(lists: Mapping[str, Ranked], *, weights: Mapping[str, float]) -> list[Fused]:
    """Fuse ranked lists: the score of an id is the weighted mean over channels of its scores, each cut to [0, 1].

    A channel that does not rank an id gives it 0, so that being found can only help. Scores equal at six decimals come
    in ascending order of id, so that the answer does not depend on the order of ``lists``.

    Args:
        lists: channel name → ids with scores on a scale from 0 (nothing in common) to 1, best first.
        weights: channel name → weight ≥ 0; channels without a weight only explain.
    """
    places: dict[str, dict[str, tuple[int, float]]] = {}
    sums: dict[str, float] = {}
    total = sum(weights.get(channel, 0.0) for channel in sorted(lists)) or 1.0
    for channel in sorted(lists):
        weight = weights.get(channel, 0.0) / total
        for rank, (name, score) in enumerate(lists[channel], start=1):
            places.setdefault(name, {})[channel] = (rank, score)
            sums[name] = sums.get(name, 0.0) + weight * min(max(score, 0.0), 1.0)
    order = sorted((-round(score, 6), name) for name, score in sums.items())
    return [Fused(name, -score, places[name]) for score, name in order]
