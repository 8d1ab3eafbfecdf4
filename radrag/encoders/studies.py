"""One vector for a study with several images: which images count, and how they are put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radrag.domain import View
from radrag.encoders.base import FloatArray, unit_rows
from radrag.errors import UsageError
from radrag.models.card import ModelCard


def images_used(views: Sequence[View], card: ModelCard) -> tuple[int, ...]:
    """Return the numbers of the images that describe a study to this encoder.

    Images of a projection that the encoder was trained on; an unknown projection counts as frontal, since most
    are. Where the card names no projections, or the study has none of them, all images: a vector of a view that the
    encoder never saw is a poor one, but a study without any could not be found at all.
    """
    if not card.views:
        return tuple(range(len(views)))
    known = {*card.views, View.UNKNOWN.value} if {"PA", "AP"} & {*card.views} else set(card.views)
    return tuple(number for number, view in enumerate(views) if view.value in known) or tuple(range(len(views)))


def study_vector(vectors: FloatArray, views: Sequence[View], card: ModelCard) -> FloatArray:
    """Return one vector for a study: the mean of the vectors of :func:`images_used`, scaled to unit length.

    The mean of unit vectors is the point whose inner product with any query is the images' mean cosine, so a study is
    as near to a query as its images are on average, whatever their number.

    Args:
        vectors: float32 [n, d], unit rows, from one encoder.
        views: projection of each image.
        card: of the encoder.

    Returns:
        float32 [d], of unit length.

    Raises:
        UsageError: no images, or another number of views than of vectors.
    """
    if len(vectors) == 0 or len(views) != len(vectors):
        raise UsageError(
            f"{len(vectors)} vectors and {len(views)} views make no study.", hint="Give one view a vector."
        )
    mean = vectors[list(images_used(views, card))].mean(axis=0, dtype=np.float64)
    one: FloatArray = unit_rows(mean[None].astype(np.float32))[0]
    return one
