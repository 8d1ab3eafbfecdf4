"""The small generator's card: what the run measured, and what it was not made for."""

from __future__ import annotations

from collections.abc import Mapping

from radrag.generation.gguf_model import SMOLLM2, SMOLLM2_SHA256
from radrag.generation.mini_weights import MiniCard
from radrag.models.card import ModelCard
from radrag.training.generator_config import GeneratorConfig
from radrag.training.generator_data import Tokens
from radrag.training.nih import LabelledImages

FORM = 3
"""What examples are made of and asked for: since 2 the plan states findings by thresholds of the card, since 3 answers
follow the plan and not the images' labels."""
LIMITS = (
    "Research use: not a medical device, not for diagnosis.",
    "Images and reports of its training are of different patients, matched by labels that a program mined.",
    "It learned 14 findings of frontal views of adults; it knows no lines, tubes or fractures from the image.",
    "It states a finding without side, place or size, and compares with no earlier study.",
    "It writes only what evidence that it is shown says; without retrieved reports it writes nothing.",
)


def card_of(
    config: GeneratorConfig,
    encoder: ModelCard,
    data: LabelledImages,
    tokens: Tokens,
    *,
    measured: Mapping[str, float],
    step: int,
    channels: int,
    thresholds: Mapping[str, float],
) -> MiniCard:
    """Return the card, without the size and hash of the file, which is not written yet.

    Args:
        measured: on examples of the validation patients, without noise.
        step: after which the weights were taken.
        channels: of the feature maps.
        thresholds: label → probability from which on the plan states it.
    """
    return MiniCard(
        version=f"{FORM}.{step}",
        base=SMOLLM2,
        base_sha256=SMOLLM2_SHA256,
        encoder=encoder.name,
        encoder_card_hash=encoder.card_hash,
        channels=channels,
        rank=config.rank,
        alpha=config.alpha,
        thresholds=thresholds,
        data="Indiana University reports (R2Gen's training ids), NIH ChestX-ray14 images; not of the same patients",
        n={
            "examples": len(tokens),
            "examples_seen": step * config.batch,
            "examples_without_image": sum(row < 0 for row in tokens.images),
            "validation_examples": config.validation,
            "train_images": int((~data.validation).sum()),
            "validation_images": int(data.validation.sum()),
        },
        settings=config.model_dump(mode="json"),
        metrics={"validation": {name: round(value, 4) for name, value in measured.items()}},
        limits=LIMITS,
    )
