"""The ways of searching that are compared: each a name and a function from a query to ranked case ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from radrag.retrieval.channels import Channel
from radrag.retrieval.engine import Retriever
from radrag.retrieval.query import Query

Search = Callable[[Query], Sequence[str]]
"""Ranked case ids, best first. May return more than are scored; the query's excluded cases do not count."""

SINGLE = "channel "
"""Names of single channels begin so: the best of them is what every other variant is compared with."""


def variants(retriever: Retriever, channels: Sequence[Channel], *, depth: int) -> dict[str, Search]:
    """Return name → search. The first is what radrag uses.

    Args:
        depth: results wanted of each.
    """
    return {
        "fused": lambda query: [hit.case_id for hit in retriever.search(query, depth)],
        **{SINGLE + channel.name: partial(_alone, channel, depth) for channel in channels},
    }


def _alone(channel: Channel, depth: int, query: Query) -> list[str]:
    """One channel's order, deep enough that ``depth`` cases are left after the exclusions."""
    return [case_id for case_id, _ in channel.search(query, depth + len(query.exclude_cases))]
