"""The starter's network: EfficientNet-Lite2 stages, pooled, standardised, with one linear layer per output.

Needs torch and timm, so it is imported only when a starter is loaded or trained. Each stage is pooled over a 3 by 3
grid, since where a density lies says what it is, and ImageNet's last stage and top layer are left out: the earlier
stages tell findings apart better (docs/model_cards/starter.md has the comparison).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import timm
import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d

ARCHITECTURE = "tf_efficientnet_lite2"
INPUT_SIZE = 256
FIRST_POOLED, LAST_POOLED = 1, 5
CHANNELS = (24, 48, 88, 120, 208)
"""Of the maps of these stages (EfficientNet-Lite2)."""
GRID = 3
POOLED = (GRID * GRID + 1) * sum(CHANNELS)
"""Per channel: mean of each grid cell and maximum of all."""
DIMENSION = 256
OUTPUTS = 15


class StarterNetwork(nn.Module):
    """Backbone, standardisation, embedding and calibrated heads.

    Input is float32 [n, 1, s, s] in [-1, 1]; the three ImageNet input channels are summed into one.
    """

    pool_mean: torch.Tensor
    pool_scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        model: Any = timm.create_model(ARCHITECTURE, pretrained=False, in_chans=1, num_classes=0)
        self.stem = nn.Sequential(model.conv_stem, model.bn1)
        self.stages: nn.Sequential = model.blocks[: LAST_POOLED + 1]
        self.register_buffer("pool_mean", torch.zeros(POOLED))
        self.register_buffer("pool_scale", torch.ones(POOLED))
        self.embedding = nn.Linear(POOLED, DIMENSION)
        self.heads = nn.Linear(POOLED, OUTPUTS)

    def features(self, pixels: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the pooled, standardised stages, float32 [n, POOLED], and the maps that were pooled.

        The last map is float32 [n, 208, s/32, s/32], the first one [n, 24, s/4, s/4].
        """
        hidden = self.stem(pixels)
        pooled, maps = [], []
        for number, stage in enumerate(self.stages):
            hidden = stage(hidden)
            if number >= FIRST_POOLED:
                pooled += [adaptive_avg_pool2d(hidden, GRID).flatten(1), hidden.amax((2, 3))]
                maps.append(hidden)
        standardised = (torch.cat(pooled, dim=1).float() - self.pool_mean) * self.pool_scale
        return standardised, maps

    def outputs(self, pooled: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return embedding [n, DIMENSION] (not yet unit) and probabilities [n, OUTPUTS] of pooled features."""
        return self.embedding(pooled), torch.sigmoid(self.heads(pooled))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        """Return embedding [n, DIMENSION] (not yet unit), probabilities [n, OUTPUTS] and the pooled maps."""
        pooled, maps = self.features(pixels)
        return *self.outputs(pooled), maps


def empty_network() -> StarterNetwork:
    """Build the network without memory or random numbers: weights come from :func:`fill`."""
    with torch.device("meta"):
        return StarterNetwork()


def fill(network: StarterNetwork, state: Mapping[str, torch.Tensor]) -> StarterNetwork:
    """Give the network its weights, as float32, ready to encode.

    Raises:
        RuntimeError: a weight is missing, unknown or of another shape (from torch).
    """
    single = {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    network.load_state_dict(single, assign=True)
    network.requires_grad_(requires_grad=False)
    return network.eval().to(memory_format=torch.channels_last)


def packed(network: StarterNetwork) -> dict[str, torch.Tensor]:
    """Return the state to store: convolutions and the embedding as float16, the rest (small) as float32."""
    return {
        name: (value.half() if value.ndim > 1 and not name.startswith("heads") else value).contiguous()
        for name, value in network.state_dict().items()
    }
