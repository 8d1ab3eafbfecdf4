"""One space for images and reports: two small maps behind an image encoder and a text encoder, learned together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radrag.encoders.base import FloatArray, unit_rows
from radrag.errors import WeightsError
from radrag.models.run_card import RunCard
from radrag.models.weights import find_weights, load_state

if TYPE_CHECKING:
    import torch

    from radrag.models.card import ModelCard

WEIGHTS, CARD = "align.safetensors", "align.json"
TRAINING = "radrag train align --data FOLDER --out RUN"
CERTAIN = 1e-4
"""Probabilities are kept this far from 0 and 1, so that their log-odds stay within ±9.2."""


@dataclass(frozen=True, slots=True)
class AlignmentCard(RunCard):
    """What is known of an alignment, written by the run that made it.

    Attributes:
        image_encoder, text_encoder: names of the encoders that it stands behind, and the hashes of their cards.
        labels: whose probabilities the image's side takes, in order.
        appearance: leading components of the image encoder's vectors that it takes.
        dimension: of the shared space.
    """

    WHAT = "an alignment"
    TRAINING = TRAINING
    TUPLES = ("labels", "limits")

    version: str
    image_encoder: str
    image_card_hash: str
    text_encoder: str
    text_card_hash: str
    labels: tuple[str, ...]
    appearance: int
    dimension: int


class Alignment:
    """Maps what the two encoders say into one space, where cosines compare images with reports.

    Each side has one hidden layer (ReLU) and ends at unit length: the image's over the standardised log-odds of its
    findings and the leading components of its vector, the text's over the text's vector.

    Args:
        card: what it is.
        state: float32 arrays by name, as :func:`radrag.training.align.run` writes them.

    Raises:
        WeightsError: an array is missing or of another shape.
    """

    def __init__(self, card: AlignmentCard, state: Mapping[str, FloatArray]) -> None:
        self.card = card
        self._state = dict(state)
        seen = len(card.labels) + card.appearance
        wide, (hidden, width) = self._shape("image.hidden.weight")[0], self._shape("text.hidden.weight")
        wanted = {
            "image.mean": (len(card.labels),),
            "image.scale": (len(card.labels),),
            "image.hidden.weight": (wide, seen),
            "image.hidden.bias": (wide,),
            "image.weight": (card.dimension, wide),
            "image.bias": (card.dimension,),
            "text.hidden.weight": (hidden, width),
            "text.hidden.bias": (hidden,),
            "text.weight": (card.dimension, hidden),
            "text.bias": (card.dimension,),
        }
        if {name: value.shape for name, value in self._state.items()} != wanted:
            raise WeightsError(
                f"The alignment's weights are not those of {card.version}.", hint=f"Train it anew: {TRAINING}"
            )

    def _shape(self, name: str) -> tuple[int, int]:
        found = self._state.get(name)
        return (found.shape[0], found.shape[1]) if found is not None and found.ndim == 2 else (0, 0)

    def require(self, image_encoder: ModelCard, text_encoder: ModelCard) -> None:
        """Refuse other encoders than those that it was learned behind.

        Raises:
            WeightsError: one of them is another.
        """
        for name, known, card in (
            (self.card.image_encoder, self.card.image_card_hash, image_encoder),
            (self.card.text_encoder, self.card.text_card_hash, text_encoder),
        ):
            if card.card_hash != known:
                raise WeightsError(
                    f"The alignment was learned behind {name} ({known[:12]}), not {card.name} {card.version}.",
                    hint=f"Train it behind the one in use: {TRAINING}",
                )

    def image_vectors(self, vectors: FloatArray, probabilities: Sequence[Mapping[str, float]]) -> FloatArray:
        """Return the images in the shared space.

        Args:
            vectors: float32 [n, d], the image encoder's.
            probabilities: label → probability of each image; one that is missing or NaN (a lateral view's) counts as
                what is usual in training.

        Returns:
            float32 [n, dimension], unit rows.
        """
        return self.image_vectors_of(image_inputs(vectors, probabilities, self.card.labels, self.card.appearance))

    def image_vectors_of(self, seen: FloatArray) -> FloatArray:
        """Return the images in the shared space, from what :func:`image_inputs` returned."""
        labels = len(self.card.labels)
        odds = (seen[:, :labels] - self._state["image.mean"]) * self._state["image.scale"]
        return self._mapped("image", np.hstack([np.nan_to_num(odds, nan=0.0), seen[:, labels:]]))

    def text_vectors(self, vectors: FloatArray) -> FloatArray:
        """Return texts in the shared space.

        Args:
            vectors: float32 [n, d], the text encoder's.

        Returns:
            float32 [n, dimension], unit rows.
        """
        return self._mapped("text", vectors)

    def _mapped(self, side: str, inputs: FloatArray) -> FloatArray:
        first, second = (
            (self._state[f"{side}.{layer}weight"], self._state[f"{side}.{layer}bias"]) for layer in ("hidden.", "")
        )
        return unit_rows(np.maximum(inputs @ first[0].T + first[1], 0) @ second[0].T + second[1])

    def save(self, folder: Path) -> AlignmentCard:
        """Write weights as float16 and the card, with the file's size and SHA-256 in it; return the card."""
        from safetensors.numpy import save_file

        stored = {name: np.ascontiguousarray(one, np.float16) for name, one in self._state.items()}
        self.card = self.card.saved(folder / WEIGHTS, folder / CARD, lambda part: save_file(stored, part))
        return self.card


def image_inputs(
    vectors: FloatArray, probabilities: Sequence[Mapping[str, float]], labels: Sequence[str], appearance: int
) -> FloatArray:
    """Return what an image's side takes: log-odds of the labels, then the appearance at the length of its root.

    Returns:
        float32 [n, labels + appearance]; NaN for the log-odds of labels that were not assessed.
    """
    chances = np.array([[one.get(label, np.nan) for label in labels] for one in probabilities], np.float32)
    inside = np.clip(chances.reshape(len(vectors), len(labels)), CERTAIN, 1 - CERTAIN)
    look = unit_rows(vectors[:, :appearance]) * np.float32(np.sqrt(appearance)) if appearance else vectors[:, :0]
    found: FloatArray = np.hstack([np.log(inside / (1 - inside)), look]).astype(np.float32)
    return found


def load_alignment(folder: Path) -> Alignment:
    """Load an alignment from the folder of its run.

    Raises:
        MissingModel: weights or card are not there; the message has the command that makes them.
        WeightsError: they are damaged, or do not belong together.
    """
    paths = [
        find_weights("alignment", [folder / name], hint=f"Train it: {TRAINING}, and name RUN.")
        for name in (WEIGHTS, CARD)
    ]
    card = AlignmentCard.read(paths[1])
    state = load_state(paths[0], sha256=card.sha256)
    return Alignment(card, {name: _float32(value) for name, value in state.items()})


def _float32(value: torch.Tensor) -> FloatArray:
    found: FloatArray = value.float().numpy()
    return found
