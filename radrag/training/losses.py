"""Losses of a shared image–text space, and how their shares move over a run: pure functions over tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax


def soft_matching(images: torch.Tensor, texts: torch.Tensor, targets: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the symmetric cross-entropy of who belongs to whom, with several or unequal partners allowed.

    Each image is to find its texts among all texts, and each text its images (Radford et al. 2021, CLIP, figure 3),
    where what is to be found is a distribution and no single partner (Wang et al. 2022, MedCLIP, equations 5 to 7).

    Args:
        images: float [n, d], unit rows.
        texts: float [m, d], unit rows.
        targets: float [n, m], at least 0: how much each text is each image's. Rows and columns are scaled to sum to 1;
            those that are all 0 do not count.
        temperature: above 0; cosines are divided by it.

    Returns:
        The mean of both directions, at least the mean entropy of the targets; 0 where no target is above 0.
    """
    logits = images @ texts.T / temperature
    return (_matched(logits, targets) + _matched(logits.T, targets.T)) / 2


def _matched(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    mass = targets.sum(dim=1)
    counted = mass > 0
    wanted = targets[counted] / mass[counted, None]
    losses = -(wanted * log_softmax(logits[counted], dim=1)).sum(dim=1)
    return losses.sum() / counted.sum().clamp(min=1)


def info_nce(images: torch.Tensor, texts: torch.Tensor, temperature: float, groups: torch.Tensor) -> torch.Tensor:
    """Return the symmetric InfoNCE loss of real pairs (van den Oord et al. 2018, equation 4; Radford et al. 2021).

    Pairs of one group have the same text (several films of one case note): each is the other's partner, not its
    negative, as in supervised contrastive learning (Khosla et al. 2020, equation 2).

    Args:
        images, texts: float [n, d], unit rows; row i of one belongs to row i of the other.
        temperature: above 0.
        groups: int64 [n].
    """
    return soft_matching(images, texts, (groups[:, None] == groups[None]).to(images.dtype), temperature)


def semantic_targets(agreement: torch.Tensor, sharpness: float) -> torch.Tensor:
    """Return the targets of unpaired matching: a softmax over how far labels agree (MedCLIP, equation 5).

    Args:
        agreement: float [n, m] in [0, 1], of each image's labels with each text's.
        sharpness: agreement is multiplied by it; MedCLIP has 1, which for thousands of texts is nearly uniform.

    Returns:
        float [n, m], rows sum to 1.
    """
    return torch.softmax(agreement * sharpness, dim=1)


def label_agreement(images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """Return how far the labels of images and texts agree: Dice's coefficient, 1 where neither has any.

    Args:
        images: float [n, l] in [0, 1].
        texts: float [m, l] in [0, 1].

    Returns:
        float [n, m] in [0, 1].
    """
    both = torch.minimum(images[:, None], texts[None]).sum(dim=2)
    sizes = images.sum(dim=1)[:, None] + texts.sum(dim=1)[None]
    return torch.where(sizes > 0, 2 * both / sizes.clamp(min=1e-9), torch.ones_like(sizes))


def prior_log_odds(targets: torch.Tensor) -> torch.Tensor:
    """Return the log-odds of each label's share in targets [n, l], with half a case on either side (Laplace)."""
    there = targets.sum(dim=0)
    return torch.log((there + 0.5) / (len(targets) - there + 0.5))


def multi_label(logits: torch.Tensor, targets: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
    """Return the mean binary cross-entropy with logits adjusted by the prior (Menon et al. 2021, equation 10).

    The network's own logits learn what the image adds to a label's share, so that rare labels are not called rare by
    their logits; ``sigmoid(logits + prior)`` is the probability in a sample with that share.

    Args:
        logits: float [n, l].
        targets: float [n, l] in [0, 1].
        prior: float [l], log-odds, see :func:`prior_log_odds`.
    """
    return binary_cross_entropy_with_logits(logits + prior, targets)


def distillation(logits: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return how far labels are from a teacher's (Hinton et al. 2015, section 2, for labels that do not exclude).

    Both are softened by the temperature, and the loss is multiplied by its square, so that the gradients keep their
    size. At temperature 1 it is the cross-entropy with the teacher's probabilities.

    Args:
        logits: float [n, l].
        teacher: float [n, l] in [0, 1]; NaN where it says nothing, which does not count.
        temperature: above 0.

    Returns:
        The mean over what the teacher says; 0 where it says nothing.
    """
    known = ~torch.isnan(teacher)
    if not bool(known.any()):
        return logits.sum() * 0
    softened = torch.sigmoid(torch.logit(teacher[known], eps=1e-6) / temperature)
    return temperature**2 * binary_cross_entropy_with_logits(logits[known] / temperature, softened)


def share_at(step: int, *, total: int, first: float, last: float) -> float:
    """Return a loss's share at a step, from 1: from ``first`` to ``last`` in a straight line."""
    return first + (last - first) * (step - 1) / max(1, total - 1)


def combined(losses: Mapping[str, torch.Tensor], shares: Mapping[str, float]) -> torch.Tensor:
    """Return the sum of losses, each times its share.

    Raises:
        KeyError: a loss has no share.
    """
    return torch.stack([shares[name] * loss for name, loss in losses.items()]).sum()
