"""Ways of searching: each file is one."""

from __future__ import annotations

from typing import Protocol

from radrag.index.base import Neighbour
from radrag.retrieval.query import Query


class Channel(Protocol):
    """Ranks cases for a query by one kind of likeness."""

    @property
    def name(self) -> str:
        """Name in hits and settings."""
        ...

    def search(self, query: Query, k: int) -> list[Neighbour]:
        """Return up to ``k`` (case id, score), best first; empty when the query has nothing for this channel."""
        ...
