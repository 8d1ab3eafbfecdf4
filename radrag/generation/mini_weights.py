"""The small generator's own weights: low-rank updates and projector in one file, its card beside it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from radrag.disk import replacing, sha256_of
from radrag.models.run_card import read_run_card
from radrag.models.weights import find_weights, load_state

if TYPE_CHECKING:
    import torch

SHIPPED = Path(__file__).with_name("weights")
WEIGHTS, CARD = "mini.safetensors", "mini.json"
TRAINING = "radrag train generator --data FOLDER --out RUN"


@dataclass(frozen=True, slots=True)
class MiniCard:
    """What is known of the weights, written by the run that made them.

    Attributes:
        base: name of the language model, and the SHA-256 of its file.
        encoder: name of the image encoder whose feature maps it sees, and the hash of that encoder's card.
        channels: of the feature maps.
        rank, alpha: of the updates; they are scaled by ``alpha / rank``.
        n: examples and images, by name.
        metrics: what is measured → measure → value.
    """

    version: str
    base: str
    base_sha256: str
    encoder: str
    encoder_card_hash: str
    channels: int
    rank: int
    alpha: float
    sha256: str = ""
    size_bytes: int = 0
    licence: str = "Apache-2.0"
    data: str = ""
    n: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    limits: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a card.

        Raises:
            WeightsError: it is not one.
        """
        return read_run_card(cls, path, what="the small generator", tuples=("limits",), hint=f"Train it: {TRAINING}")


def save_mini(folder: Path, state: Mapping[str, torch.Tensor], card: MiniCard) -> MiniCard:
    """Write weights as float16 and their card, with the file's size and SHA-256 in it."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / WEIGHTS) as part:
        save_file({name: value.to(torch.float16).contiguous() for name, value in state.items()}, part)
        part.chmod(0o644)
        whole = dataclasses.replace(card, sha256=sha256_of(part), size_bytes=part.stat().st_size)
    with replacing(folder / CARD) as part:
        part.write_text(json.dumps(dataclasses.asdict(whole), indent=1) + "\n", encoding="utf-8")
    return whole


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
