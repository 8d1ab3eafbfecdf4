"""Teaches the projector to tell findings apart before the language model reads its tokens.

A projector that begins with nothing is noise to the language model, which soon learns to look past it. So it first
learns the images' labels through a linear layer over its mean token, that is thrown away; when to stop is decided on
patients held out of the training ones.
"""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from radrag.generation.mini_network import Projector
from radrag.training.heads import balanced
from radrag.training.nih import LabelledImages
from radrag.training.scores import auc
from radrag.training.starter import fold_numbers

BATCH = 64
DROPPED = 0.25
"""Share of image tokens that a step does not see."""


def start_projector(projector: Projector, maps: torch.Tensor, data: LabelledImages, *, epochs: int, seed: int) -> float:
    """Train the projector on the labels of the training images; keep the epoch that held-out patients are best told by.

    Args:
        projector: changed in place; its standardisation is already that of the images.
        maps: float16 [n, channels, GRID, GRID], rows as ``data``.
        epochs: at most; at least one.

    Returns:
        Mean AUC over the labels on the held-out training patients.
    """
    folds = fold_numbers(data, seed=seed)
    learned, held_out = np.flatnonzero(folds > 0), np.flatnonzero(folds == 0)
    there_are = data.labels[learned].any(axis=0) & ~data.labels[learned].all(axis=0)
    labels = data.labels[:, there_are]
    targets, weights = (torch.from_numpy(part).float() for part in balanced(labels[learned]))
    generator = torch.Generator().manual_seed(seed)
    reader = nn.Linear(projector.out.out_features, labels.shape[1])
    nn.init.zeros_(reader.weight)
    optimiser = torch.optim.AdamW([*projector.parameters(), *reader.parameters()], lr=1e-3, weight_decay=0.1)
    best, kept = -1.0, projector.state_dict()
    seen = maps[torch.from_numpy(learned)]
    for _ in range(epochs):
        for places in torch.randperm(len(learned), generator=generator).split(BATCH):  # type: ignore[no-untyped-call]
            optimiser.zero_grad()
            tokens = projector(seen[places].float())
            there = (torch.rand(tokens.shape[:2], generator=generator) >= DROPPED).float()
            mean = (tokens * there[..., None]).sum(1) / there.sum(1, keepdim=True).clamp(min=1)
            logits = reader(mean)
            loss = binary_cross_entropy_with_logits(logits, targets[places], weight=weights[places])
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        right = _told(projector, reader, maps[torch.from_numpy(held_out)], labels[held_out])
        if right > best:
            best, kept = right, copy.deepcopy(projector.state_dict())
    projector.load_state_dict(kept)
    return best


def _told(projector: Projector, reader: nn.Linear, maps: torch.Tensor, labels: npt.NDArray[np.float64]) -> float:
    with torch.inference_mode():
        logits = reader(projector(maps.float()).mean(1)).double().numpy()
    found = [auc(labels[:, column], logits[:, column]) for column in range(labels.shape[1])]
    told = [value for value in found if not np.isnan(value)]
    return float(np.mean(told))
