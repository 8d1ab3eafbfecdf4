"""One way of searching a channel: by stated findings, by words."""

from __future__ import annotations

from typing import Protocol

from radrag.corpus.vectors import query_vector
from radrag.encoders.base import TextEncoder
from radrag.index.base import Neighbour, VectorIndex
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


class LabelChannel:
    """Image findings, or findings that a text states, against the findings that reports state."""

    name = "labels"

    def __init__(self, index: VectorIndex) -> None:
        self._index = index

    def search(self, query: Query, k: int) -> list[Neighbour]:
        """Rank by what a report states of what is wanted, less what it denies of it."""
        if not query.weights:
            return []
        return self._index.search(query_vector(query.weights)[None], k)[0]


class TextChannel:
    """Words against report texts, by sentence embedding."""

    name = "text"

    def __init__(self, index: VectorIndex, encoder: TextEncoder) -> None:
        self._index = index
        self._encoder = encoder

    def search(self, query: Query, k: int) -> list[Neighbour]:
        """Rank by cosine."""
        if not query.text:
            return []
        return self._index.search(self._encoder.encode([query.text]), k)[0]
