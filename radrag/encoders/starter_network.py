"""The starter's network: EfficientNet-Lite2 stages, pooled, standardised, with one linear layer per output.

Needs torch and timm, so it is imported only when a starter is loaded or trained. The ImageNet top layer is left
out: on NIH images the earlier stages tell findings apart better than the last one (docs/model_cards/starter.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import timm
import torch
from torch import nn

ARCHITECTURE = "tf_efficientnet_lite2"
INPUT_SIZE = 256
POOLED_STAGES = (3, 4, 5, 6)
POOLED = 2 * (88 + 120 + 208 + 352)
"""Mean and maximum of the stages' channels (EfficientNet-Lite2)."""
DIMENSION = 256
OUTPUTS = 15


class StarterNetwork(nn.Module):
    """Backbone, standardisation, embedding and calibrated heads.

    Input is float32 [n, 1, s, s] in [-1, 1]; the three ImageNet input channels are summed into one.
    """

    def __init__(self) -> None:
        super().__init__()
        model = timm.create_model(ARCHITECTURE, pretrained=False, in_chans=1, num_classes=0)
        self.stem = nn.Sequential(model.conv_stem, model.bn1)
        self.stages = model.blocks
        self.register_buffer("pool_mean", torch.zeros(POOLED))
        self.register_buffer("pool_scale", torch.ones(POOLED))
        self.embedding = nn.Linear(POOLED, DIMENSION, bias=False)
        self.heads = nn.Linear(POOLED, OUTPUTS)

    def features(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the pooled stages, standardised, float32 [n, POOLED], and the last feature map [n, 352, s/32, s/32]."""
        hidden = self.stem(pixels)
        pooled = []
        for number, stage in enumerate(self.stages):
            hidden = stage(hidden)
            if number in POOLED_STAGES:
                pooled += [hidden.mean((2, 3)), hidden.amax((2, 3))]
        standardised = (torch.cat(pooled, dim=1).float() - self.pool_mean) * self.pool_scale
        return standardised, hidden

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return embedding [n, DIMENSION] (not yet unit), probabilities [n, OUTPUTS] and the last feature map."""
        pooled, maps = self.features(pixels)
        return self.embedding(pooled), torch.sigmoid(self.heads(pooled)), maps


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
    return network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def packed(network: StarterNetwork) -> dict[str, torch.Tensor]:
    """Return the state to store: convolutions and the embedding as float16, the rest (small) as float32."""
    return {
        name: (value.half() if value.ndim > 1 and not name.startswith("heads") else value).contiguous()
        for name, value in network.state_dict().items()
    }
