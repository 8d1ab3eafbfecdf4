"""What an encoder is: images or texts in, unit vectors and calibrated findings out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from radrag.dicom.greys import Greys
from radrag.domain import ImageFinding, View
from radrag.encoders.regions import Activation
from radrag.errors import UsageError
from radrag.models.card import ModelCard

FloatArray = npt.NDArray[np.float32]

SMALLEST_SIDE = 2
ROUNDING = 1e-5
"""Values may pass [0, 1] by this much: resampling and rescaling round."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageEncoding:
    """What an image encoder returns for n images.

    Attributes:
        vectors: float32 [n, d], each of unit length.
        feature_maps: float32 [n, c, h, w], rows from top to bottom of the *prepared* image; None if the
            encoder has none.
        findings: n tuples, each one finding per label of the card, in the card's order. Regions are boxes in
            *display* pixels, for findings that count as present; :func:`radrag.encoders.regions.to_original`
            brings them to original pixels.
        activations: for each image, label → where the score comes from, for the findings with a region; empty
            where the encoder has no regions.
    """

    vectors: FloatArray
    feature_maps: FloatArray | None
    findings: tuple[tuple[ImageFinding, ...], ...]
    activations: tuple[Mapping[str, Activation], ...] = ()


@runtime_checkable
class ImageEncoder(Protocol):
    """Turns radiographs into vectors and findings. Deterministic; an image's result does not depend on its batch."""

    @property
    def card(self) -> ModelCard:
        """What the model is; its ``card_hash`` ties an index to it."""
        ...

    def encode(self, images: Sequence[FloatArray | Greys], views: Sequence[View] | None = None) -> ImageEncoding:
        """Encode display images.

        Args:
            images: each float32 [rows, columns] in [0, 1], display polarity (air dark, bone bright); any sizes. Or
                images that are not computed yet (``LoadedImage.greys``): the same result but for rounding, sooner.
            views: projection of each image; None means unknown for all. Findings of a view that the model was
                not trained for are ``trained=False`` with probability NaN; vectors are returned all the same.

        Returns:
            One row per image, in order; no images give [0, d].

        Raises:
            UsageError: an image is of another dtype, shape or range (the message says which), or ``views``
                has another length than ``images``.
        """
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Turns sentences into vectors. Deterministic; a text's vector does not depend on its batch."""

    @property
    def card(self) -> ModelCard:
        """What the model is; its ``card_hash`` ties an index to it."""
        ...

    def encode(self, texts: Sequence[str]) -> FloatArray:
        """Encode texts.

        Args:
            texts: any Unicode, the empty text too; longer than ``card.input_size`` tokens is cut.

        Returns:
            float32 [n, d], each row of unit length, in order; no texts give [0, d].

        Raises:
            UsageError: a single string or something else than strings was given.
        """
        ...


def check_images(images: Sequence[FloatArray | Greys], views: Sequence[View] | None = None) -> tuple[View, ...]:
    """Check images at the boundary and return their views (UNKNOWN where none are given).

    Raises:
        UsageError: says which image (counted from 1), what is wrong and what is wanted.
    """
    count = len(images)
    if views is not None and len(views) != count:
        raise UsageError(f"{count} images but {len(views)} views.", hint="Give one view per image, or none at all.")
    for number, image in enumerate(images, start=1):
        problem = _image_problem(image)
        if problem:
            raise UsageError(
                f"Image {number} of {count} {problem}.",
                hint="An encoder takes float32 [rows, columns] in [0, 1] with air dark (see radrag.dicom).",
            )
    return tuple(views) if views is not None else (View.UNKNOWN,) * count


def _image_problem(image: object) -> str:
    greys = image if isinstance(image, Greys) else Greys(image) if isinstance(image, np.ndarray) else None
    if greys is None:
        return f"is a {type(image).__name__}, not a numpy array"
    return _values_problem(greys.values, greys.values if greys.table is None else greys.table)


def _values_problem(image: npt.NDArray[Any], values: npt.NDArray[Any]) -> str:
    """Say what is wrong with the shape of an image, or with the values that its pixels have or may have."""
    if values.dtype != np.float32:
        return f"has dtype {values.dtype}, not float32"
    if image.ndim != 2:
        return f"has shape {list(image.shape)}, not [rows, columns]"
    if min(image.shape) < SMALLEST_SIDE:
        return f"has shape {list(image.shape)}; each side must be at least {SMALLEST_SIDE} pixels"
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        return "has NaN or infinite pixels"
    if low < -ROUNDING or high > 1 + ROUNDING:
        return f"has values from {low:.4g} to {high:.4g}, not in [0, 1]"
    return ""


def check_texts(texts: Sequence[str]) -> None:
    """Check texts at the boundary.

    Raises:
        UsageError: a single string instead of a list, or an item that is no string.
    """
    if isinstance(texts, str):
        raise UsageError("A text encoder takes a list of texts, not one string.", hint="Write encode([text]).")
    for number, text in enumerate(texts, start=1):
        if not isinstance(text, str):
            raise UsageError(f"Text {number} of {len(texts)} is a {type(text).__name__}, not a string.")


def untrained(label: str) -> ImageFinding:
    """Return the finding of a label that the model knows nothing of for this image."""
    return ImageFinding(label=label, probability=math.nan, threshold=math.nan, trained=False)


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Scale each row of [n, d] to unit length; a row of zeros becomes the first unit vector.

    Returns:
        float32 [n, d].
    """
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    scaled = vectors / np.where(norms > 0, norms, 1)
    scaled[norms[:, 0] == 0, 0] = 1
    return scaled.astype(np.float32)
