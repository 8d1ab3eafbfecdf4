"""The ways of searching that are compared: each a name and a function from a query to ranked case ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from radrag.retrieval.channels import Channel
from radrag.retrieval.engine import Retriever
from radrag.retrieval.fusion import reciprocal_rank
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import Ranked
from radrag.retrieval.rerank import AgreementReranker, Bonuses
from radrag.retrieval.selection import diversified
from radrag.retrieval.weights import Weights

Search = Callable[[Query], Sequence[str]]
"""Ranked case ids, best first. May return more than are scored; the query's excluded cases do not count."""

SINGLE = "channel "
"""Names of single channels begin so: the best of them is what every other variant is compared with."""

ALL_CHANNELS = {"labels": 1.0, "profile": 1.0, "image": 0.4, "lexical": 0.2, "text": 0.2}
"""Weights that use every channel, for images too; set by hand."""

ADDED = 0.2
"""Weight of a channel that is not used for images, in the variant that adds it."""

BALANCE = 0.9
"""Of relevance against diversity, in the variant that diversifies."""

KEPT = 128
"""Queries whose channel rankings are kept: more than are searched by one variant after the other."""


def variants(
    retriever: Retriever, channels: Sequence[Channel], *, depth: int, baselines: Sequence[Channel] = ()
) -> dict[str, Search]:
    """Return name → search. The first is what radrag uses.

    Args:
        channels: the retriever's.
        depth: results wanted of each.
        baselines: further channels, which are searched alone and never fused.
    """
    rankings = _Rankings(retriever, depth)
    own = retriever.weights
    fused = {
        "fused, all channels": retriever.with_parts(weights=Weights(ALL_CHANNELS, ALL_CHANNELS)),
        "fused, no re-ranking": retriever.with_parts(reranker=AgreementReranker(retriever.cases, Bonuses(0, 0, 0, 0))),
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
        "fused, no coverage": lambda query: _first(retriever, rankings.of(query), query, depth),
        "fused, diverse": partial(_diverse, retriever, rankings, depth),
        **{name: partial(_covering, other, rankings, depth) for name, other in fused.items()},
        "reciprocal rank": lambda query: retriever.ids(
            retriever.without_twins(reciprocal_rank(rankings.of(query), retriever.cases.by_id))
        ),
        **{SINGLE + channel.name: partial(alone, retriever, channel, depth) for channel in (*channels, *baselines)},
    }


class _Rankings:
    """What each channel finds, kept for the last queries: texts are embedded once for all variants."""

    def __init__(self, retriever: Retriever, depth: int) -> None:
        self._retriever = retriever
        self._depth = depth
        self._kept: dict[int, tuple[Query, dict[str, Ranked]]] = {}

    def of(self, query: Query) -> dict[str, Ranked]:
        kept = self._kept.get(id(query))
        if kept is None or kept[0] is not query:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            kept = self._kept[id(query)] = (query, self._retriever.rankings(query, self._depth))
        return kept[1]


def _weighed(lists: Mapping[str, Ranked], retriever: Retriever, query: Query) -> dict[str, Ranked]:
    """Return the lists that a retriever's weights ask for: what another channel finds alone is not ranked at all."""
    weights = retriever.weights.of(query)
    return {name: found for name, found in lists.items() if weights.get(name, 0) > 0}


def _first(retriever: Retriever, lists: Mapping[str, Ranked], query: Query, depth: int) -> list[str]:
    return retriever.ids(retriever.ranked(query, _weighed(lists, retriever, query), depth))


def _covering(retriever: Retriever, rankings: _Rankings, depth: int, query: Query) -> list[str]:
    """Search as the retriever does with a fixed number of hits, from rankings that are there already."""
    ranked = retriever.ranked(query, _weighed(rankings.of(query), retriever, query), depth)
    return retriever.ids(retriever.chosen(query, ranked, depth))


def _diverse(retriever: Retriever, rankings: _Rankings, depth: int, query: Query) -> list[str]:
    ranked = retriever.ranked(query, _weighed(rankings.of(query), retriever, query), depth)
    return retriever.ids(diversified(ranked.first(5 * depth), depth, retriever.alike, balance=BALANCE))


def _with(weights: Weights, channel: str, weight: float) -> Weights:
    """Return the weights with another one for a channel; 0 leaves it out."""
    return replace(weights, image={**weights.image, channel: weight}, words={**weights.words, channel: weight})


def alone(retriever: Retriever, channel: Channel, depth: int, query: Query) -> list[str]:
    """One channel's order, of the cases that the query may find."""
    return retriever.ids(channel.search(query, depth, retriever.may_be_found(query)))
