"""The small generator's own weights: low-rank updates and projector in one file, its card beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radrag.models.run_card import RunCard
from radrag.models.weights import find_weights, load_state

if TYPE_CHECKING:
    import torch

SHIPPED = Path(__file__).with_name("weights")
WEIGHTS, CARD = "mini.safetensors", "mini.json"
TRAINING = "radrag train generator --data FOLDER --out RUN"


@dataclass(frozen=True, slots=True)
class MiniCard(RunCard):
    """What is known of the weights, written by the run that made them.

    Attributes:
        base: name of the language model, and the SHA-256 of its file.
        encoder: name of the image encoder whose feature maps it sees, and the hash of that encoder's card.
        channels: of the feature maps.
        rank, alpha: of the updates; they are scaled by ``alpha / rank``.
        thresholds: label of the encoder → probability from which on the plan states it, in place of the encoder's own.
    """

    WHAT = "the small generator"
    TRAINING = TRAINING

    version: str
    base: str
    base_sha256: str
    encoder: str
    encoder_card_hash: str
    channels: int
    rank: int
    alpha: float
    thresholds: Mapping[str, float]


def save_mini(folder: Path, state: Mapping[str, torch.Tensor], card: MiniCard) -> MiniCard:
    """Write weights as float16 and their card, with the file's size and SHA-256 in it."""
    import torch
    from safetensors.torch import save_file

    stored = {name: value.to(torch.float16).contiguous() for name, value in state.items()}
    return card.saved(folder / WEIGHTS, folder / CARD, lambda part: save_file(stored, part))


def read_card(folder: Path) -> MiniCard:
    """Return the card of a folder's weights.

    Raises:
        MissingModel: weights or card are not there; the message has the command that makes them.
        WeightsError: the card is damaged.
    """
    paths = [
        find_weights("mini", [folder / name], hint=f"Train them: {TRAINING}, then --model RUN.")
        for name in (WEIGHTS, CARD)
    ]
    return MiniCard.read(paths[1])


def read_state(folder: Path, card: MiniCard) -> dict[str, torch.Tensor]:
    """Return the weights, float16 by name.

    Raises:
        WeightsError: they are not those of the card.
    """
    return load_state(folder / WEIGHTS, sha256=card.sha256)
