"""Images against reports and words against images, in the space that an alignment gives both."""

from __future__ import annotations

from radrag.corpus.catalogue import Catalogue
from radrag.encoders.alignment import Alignment
from radrag.encoders.base import TextEncoder
from radrag.index.base import VectorIndex
from radrag.index.cases import search_cases
from radrag.reports.vocabulary import NO_FINDING
from radrag.retrieval.channels.vectors import nearest_allowed
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import NOTHING, BoolArray, Ranked


class SharedChannel:
    """Cosine across: an image finds reports, and words alone find images; what is of one kind others compare.

    Silent for images of another encoder than the alignment's, and for words where no images are held.

    Args:
        reports: vectors of the cases' reports in the shared space.
        images: of the images that they hold; None where none are.
        alignment: that they were mapped by.
        encoder: of texts, the one that the alignment stands behind.
        catalogue: knows the cases' rows.
    """

    name = "shared"

    def __init__(
        self,
        reports: VectorIndex,
        images: VectorIndex | None,
        alignment: Alignment,
        encoder: TextEncoder,
        catalogue: Catalogue,
    ) -> None:
        self._reports = reports
        self._images = images
        self._alignment = alignment
        self._encoder = encoder
        self._catalogue = catalogue

    def search(self, query: Query, k: int, allowed: BoolArray | None = None) -> Ranked:
        """Rank by cosine."""
        if query.image is not None:
            seen = dict(query.probabilities) | ({} if query.normal is None else {NO_FINDING: query.normal})
            vector = self._alignment.image_vectors(query.image[None], [seen])
            return nearest_allowed(lambda n: self._reports.search(vector, n)[0], self._catalogue, k, allowed)
        images = self._images
        if not query.text or images is None:
            return NOTHING
        vector = self._alignment.text_vectors(self._encoder.encode([query.text]))
        return nearest_allowed(lambda n: search_cases(images, vector, n)[0], self._catalogue, k, allowed)
