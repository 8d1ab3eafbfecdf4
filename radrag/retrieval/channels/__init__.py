"""Ways of searching: each file is one."""

from __future__ import annotations

from typing import Protocol

from radrag.retrieval.query import Query
from radrag.retrieval.ranked import BoolArray, FloatArray, Ranked


class Channel(Protocol):
    """Ranks cases for a query by one kind of likeness."""

    @property
    def name(self) -> str:
        """Name in hits and settings."""
        ...

    def search(self, query: Query, k: int, allowed: BoolArray | None = None) -> Ranked:
        """Return up to ``k`` cases, best first; empty when the query has nothing for this channel.

        Scores are on a scale from 0 (nothing in common) to 1, and may be below; cases equal at six decimals come by id.

        Args:
            query: what is searched for.
            k: how many; at least 1.
            allowed: bool [all rows], which cases may be found; None for all.
        """
        ...


class ScoringChannel(Channel, Protocol):
    """A channel that can say of every case how well it fits, not only which are the best."""

    def scores(self, query: Query) -> FloatArray:
        """Return the score of every case, float64 [all rows]; the query has something for this channel."""
        ...
