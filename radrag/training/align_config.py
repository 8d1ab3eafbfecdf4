"""What decides a run of the alignment."""

from __future__ import annotations

from pydantic import Field

from radrag.training.run_config import RunConfig


class AlignConfig(RunConfig):
    """Values of one run.

    Attributes:
        dimension: of the shared space.
        image_hidden, text_hidden: widths of the hidden layers.
        steps: of the optimiser.
        images, texts: labelled images and reports of a step.
        rate: highest learning rate; it rises over ``warmup`` steps and falls as half a cosine.
        temperature: of all cosines, in units of agreement.
        sharpness: of the targets of unpaired matching, see :func:`radrag.training.losses.semantic_targets`.
        appearance: length of the image vector's part beside the findings'; less of it is learned later.
        noise: standard deviation that is added to the image's side.
        image_dropout, text_dropout: share of inputs left out.
        pairs, findings, teacher: share of InfoNCE on real pairs, of the labels and of the teacher in the first and the
            last step, in a straight line between; unpaired matching has 1 throughout.
        softness: temperature of the teacher.
    """

    dimension: int = Field(default=128, gt=0, le=256)
    image_hidden: int = Field(default=64, gt=0)
    text_hidden: int = Field(default=256, gt=0)
    steps: int = Field(default=150, gt=0)
    images: int = Field(default=256, gt=1)
    texts: int = Field(default=512, gt=1)
    rate: float = Field(default=2e-3, gt=0)
    warmup: int = Field(default=10, ge=0)
    weight_decay: float = Field(default=0.05, ge=0)
    temperature: float = Field(default=0.07, gt=0)
    sharpness: float = Field(default=3.0, gt=0)
    appearance: float = Field(default=0.3, ge=0)
    noise: float = Field(default=0.3, ge=0)
    image_dropout: float = Field(default=0.2, ge=0, lt=1)
    text_dropout: float = Field(default=0.1, ge=0, lt=1)
    pairs: tuple[float, float] = (0.3, 0.3)
    findings: tuple[float, float] = (0.3, 0.3)
    teacher: tuple[float, float] = (0.1, 0.1)
    softness: float = Field(default=2.0, gt=0)
