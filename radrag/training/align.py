"""Learns one space for images and reports behind two frozen encoders; see docs/training.md, Alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import dropout, normalize, relu

from radrag.encoders.alignment import Alignment, AlignmentCard
from radrag.models.card import ModelCard
from radrag.training import losses
from radrag.training.align_config import AlignConfig
from radrag.training.align_data import AlignData
from radrag.training.align_measures import measure
from radrag.training.generator import rate_at
from radrag.training.nih import LABELS
from radrag.training.runs import Run
from radrag.training.starter import FOLDS

ALL = -2
"""The fold of no row: nothing of training is left out."""

LENGTH = 8.0
"""Of the vectors that the heads read; at unit length their weights would have to be large."""

LIMITS = (
    "Research use: not a medical device, not for diagnosis.",
    "Labelled images and reports of its training are of different patients and hospitals, matched by mined labels.",
    "Its real pairs are few, of infections and mostly COVID-19: of other diseases it learned labels, not pairs.",
    "It stands behind two frozen encoders and sees nothing that they do not.",
    "Cosines order reports for an image; they are no probabilities.",
)


class AlignNetwork(nn.Module):
    """The two maps into the shared space, and heads that read findings from its image vectors while it learns.

    Args:
        mean, spread: float32 [l], of the training images' log-odds.
        appearance: components beside them.
        width: of the text encoder's vectors.
    """

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(
        self, config: AlignConfig, mean: torch.Tensor, spread: torch.Tensor, *, appearance: int, width: int
    ) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", mean)
        self.register_buffer("scale", 1 / (spread + 1e-6))
        self.image_hidden = nn.Linear(len(mean) + appearance, config.image_hidden)
        self.image = nn.Linear(config.image_hidden, config.dimension)
        self.text_hidden = nn.Linear(width, config.text_hidden)
        self.text = nn.Linear(config.text_hidden, config.dimension)
        self.heads = nn.Linear(config.dimension, len(LABELS))

    def standardised(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what the image's side multiplies, float32 [n, l + a]; what was not assessed is 0."""
        labels = len(self.mean)
        odds = ((inputs[:, :labels] - self.mean) * self.scale).nan_to_num(0.0)
        return torch.cat([odds, inputs[:, labels:] * self.config.appearance], dim=1)

    def images(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return images in the shared space, float32 [n, d], unit rows; noisy while training."""
        seen = self.standardised(inputs)
        if self.training:
            seen = dropout(seen + self.config.noise * torch.randn_like(seen), self.config.image_dropout)
        return normalize(self.image(relu(self.image_hidden(seen))), dim=1)

    def texts(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return texts in the shared space, float32 [n, d], unit rows."""
        long = vectors * vectors.shape[1] ** 0.5
        read = dropout(long, self.config.text_dropout, self.training)
        return normalize(self.text(relu(self.text_hidden(read))), dim=1)

    def findings(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the image says of each label beside its share, log-odds [n, 15]."""
        found: torch.Tensor = self.heads(images * LENGTH)
        return found

    def alignment(self, card: AlignmentCard) -> Alignment:
        """Return the maps for use, what scales their inputs multiplied into them."""
        labels, weight = len(self.mean), self.image_hidden.weight.detach().clone()
        weight[:, labels:] *= self.config.appearance
        state = {
            "image.mean": self.mean,
            "image.scale": self.scale,
            "image.hidden.weight": weight,
            "image.hidden.bias": self.image_hidden.bias.detach(),
            "image.weight": self.image.weight.detach(),
            "image.bias": self.image.bias.detach(),
            "text.hidden.weight": self.text_hidden.weight.detach() * self.text_hidden.in_features**0.5,
            "text.hidden.bias": self.text_hidden.bias.detach(),
            "text.weight": self.text.weight.detach(),
            "text.bias": self.text.bias.detach(),
        }
        return Alignment(card, {name: value.numpy() for name, value in state.items()})


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What is learned from, as tensors: rows of the data's parts as :class:`AlignData` has them.

    Attributes:
        agreement: float32 [images, reports] in [0, 1].
        prior: float32 [15], log-odds of the labels' shares.
        unlabelled, teacher: inputs and probabilities of the films that have no labels.
    """

    images: torch.Tensor
    soft: torch.Tensor
    prior: torch.Tensor
    reports: torch.Tensor
    agreement: torch.Tensor
    films: torch.Tensor
    notes: torch.Tensor
    groups: torch.Tensor
    unlabelled: torch.Tensor
    teacher: torch.Tensor


def material_of(data: AlignData, left_out: int = ALL) -> Material:
    """Return the training rows, those of one fold left out."""
    labelled, paired, reports = data.labelled, data.paired, data.reports
    rows, films, texts = (_training(part.folds, left_out) for part in (labelled, paired, reports))
    with_note = films[films < len(paired.texts)]
    soft = torch.from_numpy(labelled.soft)[rows]
    return Material(
        torch.from_numpy(labelled.inputs)[rows],
        soft,
        losses.prior_log_odds(soft),
        torch.from_numpy(reports.vectors)[texts],
        losses.label_agreement(torch.from_numpy(labelled.levels)[rows], torch.from_numpy(reports.levels)[texts]),
        torch.from_numpy(paired.inputs)[with_note],
        torch.from_numpy(paired.texts)[with_note],
        torch.from_numpy(paired.groups)[with_note],
        torch.from_numpy(paired.inputs)[films],
        torch.from_numpy(paired.teacher)[films],
    )


def _training(folds: np.ndarray[tuple[int], np.dtype[np.int64]], left_out: int) -> torch.Tensor:
    return torch.from_numpy(np.flatnonzero((folds >= 0) & (folds != left_out)))


def losses_at(network: AlignNetwork, material: Material, step: int) -> dict[str, torch.Tensor]:
    """Return the losses of one step by name: of images and reports drawn for it, and of all real pairs."""
    config = network.config
    draw = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    rows = torch.randperm(len(material.images), generator=draw)[: config.images]
    texts = torch.randperm(len(material.reports), generator=draw)[: config.texts]
    images = network.images(material.images[rows])
    targets = losses.semantic_targets(material.agreement[rows][:, texts], config.sharpness)
    pupils = network.findings(network.images(material.unlabelled)) + material.prior
    return {
        "matching": losses.soft_matching(images, network.texts(material.reports[texts]), targets, config.temperature),
        "pairs": losses.info_nce(
            network.images(material.films), network.texts(material.notes), config.temperature, material.groups
        ),
        "findings": losses.multi_label(network.findings(images), material.soft[rows], material.prior),
        "teacher": losses.distillation(pupils, material.teacher, config.softness),
    }


def shares_at(config: AlignConfig, step: int) -> dict[str, float]:
    """Return each loss's share at a step."""
    moving = {"pairs": config.pairs, "findings": config.findings, "teacher": config.teacher}
    return {"matching": 1.0} | {
        name: losses.share_at(step, total=config.steps, first=first, last=last)
        for name, (first, last) in moving.items()
    }


def new_network(config: AlignConfig, data: AlignData, material: Material) -> AlignNetwork:
    """Return the network before its first step, by torch's global random numbers."""
    odds = material.images[:, : len(LABELS)]
    spread, mean = torch.std_mean(odds, dim=0)
    return AlignNetwork(config, mean, spread, appearance=data.appearance, width=material.reports.shape[1])


def optimiser_of(network: AlignNetwork) -> torch.optim.Optimizer:
    """Return what learns."""
    return torch.optim.AdamW(network.parameters(), lr=network.config.rate, weight_decay=network.config.weight_decay)


def learn(
    network: AlignNetwork, optimiser: torch.optim.Optimizer, material: Material, step: int
) -> dict[str, torch.Tensor]:
    """Do one step; return its losses."""
    config = network.config
    for group in optimiser.param_groups:
        group["lr"] = rate_at(step, most=config.rate, warmup=config.warmup, total=config.steps)
    network.train()
    found = losses_at(network, material, step)
    optimiser.zero_grad()
    losses.combined(found, shares_at(config, step)).backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return found


def cross_validate(config: AlignConfig, data: AlignData) -> list[dict[str, float]]:
    """Return what is measured on each fold by maps that learned from the others; validation patients are not used."""
    found = []
    for fold in range(FOLDS):
        torch.manual_seed(config.seed)
        material = material_of(data, fold)
        network = new_network(config, data, material)
        optimiser = optimiser_of(network)
        for step in range(1, config.steps + 1):
            learn(network, optimiser, material, step)
        found.append(measure(network, data, fold))
    return found


def run(
    config: AlignConfig, out: Path, *, data: AlignData, encoders: tuple[ModelCard, ModelCard], again: str = ""
) -> AlignmentCard:
    """Learn, or resume, and write ``align.safetensors`` and ``align.json`` into the run's folder.

    The validation patients are measured once, at the end: no step is chosen by them.

    Args:
        encoders: cards of the image's and the text's.
        again: the command that resumes, for messages.

    Raises:
        Paused: the sitting ended before the run.
        TrainingError: the run cannot go on; what it learned is kept.
    """
    with Run(out, config, again=again) as run:
        material = material_of(data)
        network = new_network(config, data, material)
        optimiser = optimiser_of(network)
        run.hold(network=network, optimiser=optimiser)
        for step in run.steps(config.steps, title="Aligning"):
            found = learn(network, optimiser, material, step)
            run.log(step, **{name: float(loss.detach()) for name, loss in found.items()})
        card = card_of(config, encoders, data, material)
        card = _measured(card, {"validation": measure(network, data, -1)})
        return network.alignment(card).save(out)


def _measured(card: AlignmentCard, metrics: dict[str, dict[str, float]]) -> AlignmentCard:
    from dataclasses import replace

    rounded = {part: {name: round(value, 4) for name, value in of.items()} for part, of in metrics.items()}
    return replace(card, metrics=rounded)


def card_of(
    config: AlignConfig, encoders: tuple[ModelCard, ModelCard], data: AlignData, material: Material
) -> AlignmentCard:
    """Return the card, without what is measured and without the size and hash of the file."""
    image, text = encoders
    return AlignmentCard(
        version="1.0",
        image_encoder=image.name,
        image_card_hash=image.card_hash,
        text_encoder=text.name,
        text_card_hash=text.card_hash,
        labels=LABELS,
        appearance=data.appearance,
        dimension=config.dimension,
        data="NIH ChestX-ray14 images; Indiana University reports (R2Gen's training ids); covid-chestxray-dataset "
        "films with case notes; Hannover COVID-19 films",
        n={
            "images": len(material.images),
            "patients": _patients(data.labelled.patients, data.labelled.folds),
            "reports": len(material.reports),
            "pairs": len(material.films),
            "films_without_labels": len(material.unlabelled),
            "film_patients": _patients(data.paired.patients, data.paired.folds),
        },
        settings=config.model_dump(mode="json"),
        limits=LIMITS,
    )


def _patients(names: Sequence[str], folds: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    return len({name for name, fold in zip(names, folds.tolist(), strict=True) if fold >= 0})
