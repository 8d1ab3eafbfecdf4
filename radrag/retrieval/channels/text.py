"""Words against reports, by the meaning of whole texts."""

from __future__ import annotations

from radrag.encoders.base import TextEncoder
from radrag.index.base import Neighbour, VectorIndex
from radrag.retrieval.query import Query


class TextChannel:
    """Cosine of sentence embeddings. They hardly tell "effusion" from "no effusion"; other channels do."""

    name = "text"

    def __init__(self, index: VectorIndex, encoder: TextEncoder) -> None:
        self._index = index
        self._encoder = encoder

    def search(self, query: Query, k: int) -> list[Neighbour]:
        """Rank by cosine."""
        return self._index.search(self._encoder.encode([query.text]), k)[0] if query.text else []
