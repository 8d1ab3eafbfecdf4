"""Images against images, by the vectors of one encoder; a case scores what the nearest of its images scores."""

from __future__ import annotations

from radrag.corpus.catalogue import Catalogue
from radrag.index.base import VectorIndex
from radrag.index.cases import search_cases
from radrag.retrieval.channels.vectors import nearest_allowed
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import NOTHING, BoolArray, Ranked


class ImageChannel:
    """Cosine of image vectors; silent for queries without an image and for cases whose images are not held."""

    name = "image"

    def __init__(self, index: VectorIndex, catalogue: Catalogue) -> None:
        self._index = index
        self._catalogue = catalogue

    def search(self, query: Query, k: int, allowed: BoolArray | None = None) -> Ranked:
        """Rank by cosine with the study's vector."""
        if query.image is None or not len(self._index):
            return NOTHING
        vector = query.image[None]
        return nearest_allowed(lambda n: search_cases(self._index, vector, n)[0], self._catalogue, k, allowed)
