"""Words against reports, by the meaning of whole texts."""

from __future__ import annotations

from radrag.corpus.catalogue import Catalogue
from radrag.encoders.base import TextEncoder
from radrag.index.base import VectorIndex
from radrag.retrieval.channels.vectors import nearest_allowed
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import NOTHING, BoolArray, Ranked


class TextChannel:
    """Cosine of sentence embeddings. They hardly tell "effusion" from "no effusion"; other channels do."""

    name = "text"

    def __init__(self, index: VectorIndex, encoder: TextEncoder, catalogue: Catalogue) -> None:
        self._index = index
        self._encoder = encoder
        self._catalogue = catalogue

    def search(self, query: Query, k: int, allowed: BoolArray | None = None) -> Ranked:
        """Rank by cosine."""
        if not query.text or not len(self._index):
            return NOTHING
        vector = self._encoder.encode([query.text])
        return nearest_allowed(lambda n: self._index.search(vector, n)[0], self._catalogue, k, allowed)
