"""Images against images, by the vectors of one encoder; a case scores what the nearest of its images scores."""

from __future__ import annotations

from radrag.index.base import Neighbour, VectorIndex
from radrag.index.cases import search_cases
from radrag.retrieval.query import Query


class ImageChannel:
    """Cosine of image vectors; silent for queries without an image and for cases whose images are not held."""

    name = "image"

    def __init__(self, index: VectorIndex) -> None:
        self._index = index

    def search(self, query: Query, k: int) -> list[Neighbour]:
        """Rank by cosine with the study's vector."""
        if query.image is None or not len(self._index):
            return []
        return search_cases(self._index, query.image[None], k)[0]
