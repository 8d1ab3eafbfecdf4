"""What each place of the image adds to the starter's logits: exact, since all that follows the maps is linear.

A logit is a bias plus one weight for each pooled, standardised number. A cell's mean is a sum over its pixels, and a
maximum comes from one pixel; so each pixel of each stage has its share, and the shares of all stages add up to the
logit less its bias: ``evidence(...).sum() == logit - bias``. Shares are relative to the mean of the training images.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.functional import avg_pool2d, interpolate

from radrag.encoders.starter_network import GRID, StarterNetwork


def evidence(
    network: StarterNetwork, maps: Sequence[torch.Tensor], outputs: Sequence[int], *, cells: int
) -> torch.Tensor:
    """Spread logits over the image.

    Args:
        network: with its weights.
        maps: of one image, float32 [c, h, w] each, as :meth:`StarterNetwork.features` returns them for a batch.
        outputs: numbers of the logits.
        cells: rows and columns of the result; finer stages are summed up, coarser ones spread evenly.

    Returns:
        float32 [len(outputs), cells, cells].
    """
    weights = (network.heads.weight[list(outputs)] * network.pool_scale).float()
    total = torch.zeros(len(outputs), cells, cells, device=weights.device)
    start = 0
    for stage in maps:
        channels, side = stage.shape[0], stage.shape[-1]
        means = slice(start, start + GRID * GRID * channels)
        greatest = slice(means.stop, means.stop + channels)
        start = greatest.stop
        shares = _of_means(stage, weights[:, means], network.pool_mean[means])
        _add_of_greatest(shares, stage, weights[:, greatest], network.pool_mean[greatest])
        if side > cells:
            total += avg_pool2d(shares, side // cells) * (side // cells) ** 2
        else:
            total += interpolate(shares[None], size=(cells, cells))[0] * (side / cells) ** 2
    return total


def _of_means(stage: torch.Tensor, weights: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Return the shares of the cell means, float32 [k, h, w]: cells overlap where 3 does not divide the side."""
    channels, height, width = stage.shape
    by_cell = weights.view(-1, channels, GRID * GRID).transpose(1, 2)  # [k, 9, c]
    spread = (by_cell @ stage.flatten(1)).view(-1, GRID * GRID, height, width)
    offset = (by_cell * mean.view(channels, -1).T).sum(dim=2)
    inside = (_bands(height)[:, None, :, None] * _bands(width)[None, :, None, :]).flatten(0, 1).to(stage.device)
    return ((spread - offset[:, :, None, None]) * inside).sum(dim=1)


def _bands(length: int) -> torch.Tensor:
    """Return which positions each of the bands of torch's adaptive_avg_pool2d covers, and with what weight."""
    bands = torch.zeros(GRID, length)
    for number in range(GRID):
        first, last = number * length // GRID, -(-(number + 1) * length // GRID)
        bands[number, first:last] = 1 / (last - first)
    return bands


def _add_of_greatest(shares: torch.Tensor, stage: torch.Tensor, weights: torch.Tensor, mean: torch.Tensor) -> None:
    """Add the shares of the maxima, each to the pixel where the channel is greatest."""
    greatest, places = stage.flatten(1).max(dim=1)
    shares.view(len(shares), -1).index_add_(1, places, weights * (greatest - mean))
