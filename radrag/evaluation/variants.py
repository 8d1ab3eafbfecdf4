"""The ways of searching that are compared: each a name and a function from a query to ranked case ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from radrag.index.base import Neighbour
from radrag.retrieval.channels import Channel
from radrag.retrieval.engine import DEPTH, Retriever
from radrag.retrieval.fusion import reciprocal_rank
from radrag.retrieval.query import Query
from radrag.retrieval.rerank import AgreementReranker, Bonuses
from radrag.retrieval.selection import diversified, select
from radrag.retrieval.weights import Weights

Search = Callable[[Query], Sequence[str]]
"""Ranked case ids, best first. May return more than are scored; the query's excluded cases do not count."""

SINGLE = "channel "
"""Names of single channels begin so: the best of them is what every other variant is compared with."""

ALL_CHANNELS = {"labels": 1.0, "image": 0.2, "lexical": 0.1, "text": 0.1}
"""Weights that use every channel, for images too; set by hand."""

ADDED = 0.1
"""Weight of a channel that is not used for images, in the variant that adds it."""

BALANCE = 0.9
"""Of relevance against diversity, in the variant that diversifies."""

KEPT = 128
"""Queries whose channel rankings are kept: more than are searched by one variant after the other."""


def variants(retriever: Retriever, channels: Sequence[Channel], *, depth: int) -> dict[str, Search]:
    """Return name → search. The first is what radrag uses.

    Args:
        depth: results wanted of each.
    """
    rankings = _Rankings(retriever)
    own = retriever.weights
    fused = {
        "fused, all channels": retriever.with_parts(weights=Weights(ALL_CHANNELS, ALL_CHANNELS)),
        "fused, no re-ranking": retriever.with_parts(reranker=AgreementReranker({}, Bonuses(0, 0, 0, 0))),
        **{
            f"fused, with {channel.name}": retriever.with_parts(weights=_with(own, channel.name, ADDED))
            for channel in channels
            if not own.image.get(channel.name)
        },
        **{
            f"fused, no {channel.name}": retriever.with_parts(weights=_with(own, channel.name, 0.0))
            for channel in channels
            if own.image.get(channel.name) and any(own.image.get(other.name) for other in channels if other != channel)
        },
    }
    return {
        "fused": lambda query: [hit.case_id for hit in retriever.search(query, depth)],
        "fused, no coverage": lambda query: _first(retriever, rankings.of(query), query),
        "fused, diverse": partial(_diverse, retriever, rankings, depth),
        **{name: partial(_covering, other, rankings, depth) for name, other in fused.items()},
        "reciprocal rank": lambda query: [
            item.id for item in retriever.without_twins(reciprocal_rank(rankings.of(query)))
        ],
        **{SINGLE + channel.name: partial(alone, channel, depth) for channel in channels},
    }


class _Rankings:
    """What each channel finds, kept for the last queries: texts are embedded once for all variants."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self._kept: dict[int, tuple[Query, dict[str, list[Neighbour]]]] = {}

    def of(self, query: Query) -> dict[str, list[Neighbour]]:
        kept = self._kept.get(id(query))
        if kept is None or kept[0] is not query:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            kept = self._kept[id(query)] = (query, self._retriever.rankings(query, DEPTH))
        return kept[1]


def _weighed(lists: Mapping[str, list[Neighbour]], retriever: Retriever, query: Query) -> dict[str, list[Neighbour]]:
    """Return the lists that a retriever's weights ask for: what another channel finds alone is not ranked at all."""
    weights = retriever.weights.of(query)
    return {name: found for name, found in lists.items() if weights.get(name, 0) > 0}


def _first(retriever: Retriever, lists: Mapping[str, list[Neighbour]], query: Query) -> list[str]:
    return [item.id for item in retriever.ranked(query, _weighed(lists, retriever, query))]


def _covering(retriever: Retriever, rankings: _Rankings, depth: int, query: Query) -> list[str]:
    """Search as the retriever does with a fixed number of hits, from rankings that are there already."""
    ranked = retriever.ranked(query, _weighed(rankings.of(query), retriever, query))
    return [item.id for item in select(ranked, depth, query.findings, retriever.states)]


def _diverse(retriever: Retriever, rankings: _Rankings, depth: int, query: Query) -> list[str]:
    ranked = retriever.ranked(query, _weighed(rankings.of(query), retriever, query))
    found = diversified(ranked[: 5 * depth], depth, retriever.alike, balance=BALANCE)
    return [item.id for item in found]


def _with(weights: Weights, channel: str, weight: float) -> Weights:
    """Return the weights with another one for a channel; 0 leaves it out."""
    return replace(weights, image={**weights.image, channel: weight}, words={**weights.words, channel: weight})


def alone(channel: Channel, depth: int, query: Query) -> list[str]:
    """One channel's order, deep enough that ``depth`` cases are left after the exclusions."""
    return [case_id for case_id, _ in channel.search(query, depth + len(query.exclude_cases))]
