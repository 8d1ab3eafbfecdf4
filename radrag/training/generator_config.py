"""What decides a run of the small generator."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from radrag.training.run_config import RunConfig


class NoiseConfig(BaseModel):
    """How much noise there is in what the generator is given; see :mod:`radrag.training.noise`.

    Attributes:
        query_dropout: share of findings that the prompt does not list.
        plan_dropout: share of the plan's statements that it does not suggest.
        missing_image: share of examples without image tokens.
        missing_findings: share of examples whose prompt lists no finding of the image and suggests nothing.
        wrong_neighbours: share of examples with 0, 1, 2, … hits exchanged for cases that were not found.
        hard_negatives: sentences of the other side or polarity that are added, at most.
        shuffled: whether evidence is numbered in an order of chance.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    query_dropout: float = Field(default=0.1, ge=0, le=1)
    plan_dropout: float = Field(default=0.15, ge=0, le=1)
    missing_image: float = Field(default=0.15, ge=0, le=1)
    missing_findings: float = Field(default=0.15, ge=0, le=1)
    wrong_neighbours: tuple[float, ...] = (0.5, 0.25, 0.25)
    hard_negatives: int = Field(default=2, ge=0)
    shuffled: bool = True


NO_NOISE = NoiseConfig(
    query_dropout=0, plan_dropout=0, missing_image=0, missing_findings=0, wrong_neighbours=(1.0,),
    hard_negatives=0, shuffled=False,
)  # fmt: skip
"""What a generator is given in use, and what the run is validated on."""


class GeneratorConfig(RunConfig):
    """Values of one run.

    Attributes:
        examples: that are prepared, and seen once each unless ``steps`` asks for more.
        steps: of the optimiser, 0 for one pass; each takes ``batch`` examples.
        warmup: steps over which the learning rate rises.
        rank, alpha: of the low-rank updates (Hu et al. 2022).
        projector_epochs: over the images' labels before the first step; see :mod:`radrag.training.projector_start`.
        projector_rate: learning rate of the projector from then on.
        longest: tokens of prompt and answer; longer examples are left out.
        validation: examples of validation patients.
        validate_every: steps.
        hits: retrieved cases, as in use.
    """

    examples: int = Field(default=2700, gt=0)
    steps: int = Field(default=0, ge=0)
    batch: int = Field(default=8, gt=0)
    rate: float = Field(default=4e-4, gt=0)
    projector_epochs: int = Field(default=15, ge=0)
    projector_rate: float = Field(default=1e-3, gt=0)
    warmup: int = Field(default=20, ge=0)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1.0, gt=0)
    rank: int = Field(default=16, gt=0)
    alpha: float = Field(default=32, gt=0)
    longest: int = Field(default=640, gt=64)
    validation: int = Field(default=48, gt=0)
    validate_every: int = Field(default=50, gt=0)
    hits: int = Field(default=20, ge=1, le=100)
    noise: NoiseConfig = NoiseConfig()

    @property
    def all_steps(self) -> int:
        """Steps of the whole run."""
        return self.steps or -(-self.examples // self.batch)
