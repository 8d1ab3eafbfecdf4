"""The small generator's network: a language model, low-rank updates of its layers, and image tokens before the words.

The image tokens are cells of the image encoder's feature map, brought into the language model's embedding space; its
own attention over image, evidence and answer is what joins them. Low-rank updates: Hu et al. 2022, LoRA, section 4.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, linear

GRID = 4
IMAGE_TOKENS = GRID * GRID
UPDATED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Layers of a Llama block that are updated: attention and MLP."""
MARK = "<file_sep>"
"""Token of SmolLM2 that nothing here uses: stands where an image token goes."""
LORA, PROJECTOR = "lora.", "projector."


class Projector(nn.Module):
    """Cells of a feature map to image tokens.

    Input is float32 [n, channels, h, w] of any size, output float32 [n, IMAGE_TOKENS, width].
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))
        self.into = nn.Linear(channels, width)
        self.out = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.place = nn.Parameter(torch.zeros(IMAGE_TOKENS, width))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Pool to the grid, standardise, project."""
        cells = adaptive_avg_pool2d(maps, GRID).flatten(2).transpose(1, 2)
        hidden = self.out(nn.functional.gelu(self.into((cells - self.mean) * self.scale)))
        normed: torch.Tensor = self.norm(hidden + self.place)
        return normed


class LowRank(nn.Module):
    """A frozen linear layer with a learned update of low rank: ``x W' + s · x A' B'``."""

    def __init__(self, frozen: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.frozen = frozen
        self.scale = alpha / rank
        self.a = nn.Parameter(torch.empty(rank, frozen.in_features))
        self.b = nn.Parameter(torch.zeros(frozen.out_features, rank))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Apply both; float [..., in] to [..., out]."""
        whole: torch.Tensor = self.frozen(hidden) + linear(linear(hidden, self.a), self.b) * self.scale
        return whole


def add_low_rank(network: Any, rank: int, alpha: float) -> dict[str, LowRank]:
    """Freeze a language model and give its layers updates, which change nothing at first.

    Returns:
        name of the layer → its update.
    """
    network.requires_grad_(requires_grad=False)
    found = {name: one for name, one in network.named_modules() if name.rpartition(".")[2] in UPDATED}
    updates = {name: LowRank(one, rank, alpha) for name, one in found.items()}
    for name, update in updates.items():
        parent, _, own = name.rpartition(".")
        setattr(network.get_submodule(parent), own, update)
    return updates


def merge_low_rank(network: Any, state: Mapping[str, torch.Tensor], scale: float) -> None:
    """Add the updates to the layers' own weights, so that writing costs no more than without them.

    Raises:
        KeyError: a layer or half of an update is missing.
    """
    names = {name.removeprefix(LORA).rpartition(".")[0] for name in state if name.startswith(LORA)}
    with torch.no_grad():
        for name in names:
            update = state[f"{LORA}{name}.b"].float() @ state[f"{LORA}{name}.a"].float()
            weight = network.get_submodule(name).weight
            weight += (scale * update).to(weight)  # its type, and its device


def learned_state(updates: Mapping[str, LowRank], projector: Projector) -> dict[str, torch.Tensor]:
    """Return all that was learned, by name; float32, sharing memory with the network."""
    state = {f"{LORA}{name}.a": one.a.detach() for name, one in updates.items()}
    state |= {f"{LORA}{name}.b": one.b.detach() for name, one in updates.items()}
    return state | {f"{PROJECTOR}{name}": value.detach() for name, value in projector.state_dict().items()}


def prompt_ids(tokenizer: Any, system: str, user: str, *, image: bool) -> list[int]:
    """Return a prompt as tokens in SmolLM2's chat format, marks for the image tokens before the request's words.

    The words cannot hold a control token: :func:`radrag.generation.prompt.as_data` writes no angle bracket.
    """
    marks = MARK * IMAGE_TOKENS if image else ""
    text = f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{marks}{user}<|im_end|>\n<|im_start|>assistant\n"
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def embedded(network: Any, ids: torch.Tensor, mark: int, image: torch.Tensor | None) -> torch.Tensor:
    """Return embeddings float [1, tokens, width]; the image's stand where the marks are.

    Args:
        ids: int64 [1, tokens].
        mark: the token that marks them.
        image: float [IMAGE_TOKENS, width]; None where the ids have no marks.
    """
    embeddings: torch.Tensor = network.get_input_embeddings()(ids)
    if image is None:
        return embeddings
    places = (ids == mark).unsqueeze(-1).expand_as(embeddings)
    return embeddings.masked_scatter(places, image.to(embeddings.dtype))
