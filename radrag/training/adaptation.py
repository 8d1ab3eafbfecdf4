"""Measures a network's normalisation anew on images of another kind than those that it was trained on.

Batch normalisation subtracts means and divides by deviations that were measured on photographs; on radiographs, which
are grey, dark at the borders and all alike, they are far off. Measured on radiographs, with every weight kept, the same
features tell findings apart better (Li et al., "Revisiting batch normalization for practical domain adaptation", 2016).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from radrag.encoders.starter_network import StarterNetwork


def adapt(network: StarterNetwork, batches: Iterable[torch.Tensor]) -> None:
    """Replace the statistics of all normalisation layers by those of the images, the mean over all batches.

    Layers are measured together, each on what the layers before it make of the batch. No label is needed.

    Args:
        network: changed in place; in evaluation mode afterwards.
        batches: float32 [n, 1, s, s] in [-1, 1], of one size, of images that take part in no evaluation.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    network.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over the batches
        layer.train()
    with torch.inference_mode():
        for batch in batches:
            network.features(batch)
    network.eval()
