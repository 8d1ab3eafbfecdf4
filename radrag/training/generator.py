"""Trains the small generator: low-rank updates of SmolLM2-135M and a projector of the image, on answers' tokens alone.

A step takes ``batch`` examples one after another, so that none is padded. Without random numbers in the network, order
and noise come from the seed, and a resumed run ends as an unbroken one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from radrag.encoders.base import ImageEncoder
from radrag.generation.gguf_model import SMOLLM2, model_folder
from radrag.generation.local_network import load_network
from radrag.generation.mini_network import MARK, LowRank, Projector, add_low_rank, embedded, learned_state
from radrag.generation.mini_weights import MiniCard, save_mini
from radrag.training.generator_card import card_of
from radrag.training.generator_config import GeneratorConfig
from radrag.training.generator_data import Grounds, Tokens, finding_thresholds, make_both
from radrag.training.losses_text import answer_loss
from radrag.training.nih import LabelledImages
from radrag.training.projector_start import start_projector
from radrag.training.run_state import shuffled
from radrag.training.runs import Run
from radrag.training.seen_images import SeenImages, see_images


@dataclass(frozen=True, slots=True, eq=False)
class Learner:
    """The network in the making.

    Attributes:
        network: the language model, frozen but for ``updates``.
        mark: token that stands where an image token goes.
    """

    network: Any
    tokenizer: Any
    updates: Mapping[str, LowRank]
    projector: Projector
    mark: int

    def state_dict(self) -> dict[str, Any]:
        """Return what is learned."""
        return dict(learned_state(self.updates, self.projector))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what :meth:`state_dict` returned."""
        own = learned_state(self.updates, self.projector)
        if set(own) != set(state_dict):
            raise KeyError("other layers are learned")
        with torch.no_grad():
            for name, value in own.items():
                value.copy_(state_dict[name])

    def low_rank(self) -> list[torch.nn.Parameter]:
        """Return the updates' parameters."""
        return [part for update in self.updates.values() for part in (update.a, update.b)]

    def loss(self, tokens: Tokens, place: int, maps: torch.Tensor, row: int) -> torch.Tensor:
        """Return the loss of one example with the image of ``row`` (-1: none, whatever the example's own)."""
        ids, targets = tokens.at(place)
        image = self.projector(maps[row : row + 1].float())[0] if row >= 0 else None
        return answer_loss(self.network, embedded(self.network, ids, self.mark, image), targets)


def run(
    config: GeneratorConfig,
    out: Path,
    *,
    data: LabelledImages,
    encoder: ImageEncoder,
    grounds: Grounds,
    cache: Path,
    again: str = "",
) -> MiniCard:
    """Train, or resume, and write ``mini.safetensors`` and ``mini.json`` into the run's folder.

    Args:
        grounds: reports that lend words and evidence; none of them may be of validation or test.
        cache: folder where the language model is kept as safetensors.
        again: the command that resumes, for messages.

    Raises:
        Paused: the sitting ended before the run.
        TrainingError: the run cannot go on; what it learned is kept.
        MissingModel: the package with the language model is not installed.
        WeightsError: its file has another checksum, or the encoder gives no feature maps.
    """
    with Run(out, config, again=again) as run:
        folder = out / "data"
        seen = see_images(encoder, data, folder)
        learner = new_learner(config, cache, seen, data)
        thresholds = finding_thresholds(seen, data)
        training, validation = make_both(
            grounds,
            seen,
            data,
            (encoder.card.card_hash, learner.tokenizer),
            config=config,
            thresholds=thresholds,
            folder=folder,
        )
        optimiser = torch.optim.AdamW(
            [
                {"params": learner.low_rank(), "lr": config.rate, "most": config.rate},
                {"params": learner.projector.parameters(), "lr": config.projector_rate, "most": config.projector_rate},
            ],
            weight_decay=config.weight_decay,
        )
        if not run.hold(learned=learner, optimiser=optimiser) and config.projector_epochs:
            told = start_projector(learner.projector, seen.maps, data, epochs=config.projector_epochs, seed=config.seed)
            run.log(0, projector_auc=told)
        for step in run.steps(config.all_steps, title="Training the generator"):
            loss = _step(learner, optimiser, training, seen.maps, config=config, step=step)
            run.log(step, loss=loss, rate=optimiser.param_groups[0]["lr"])
            if step % config.validate_every == 0 or step == config.all_steps:
                measured = validate(learner, validation, seen.maps)
                run.log(step, **measured)
                run.improved(step, -measured["validation_loss"])
        best = run.take_best()
        measured, channels = validate(learner, validation, seen.maps), seen.maps.shape[1]
        card = card_of(
            config, encoder.card, data, training, measured=measured, step=best, channels=channels, thresholds=thresholds
        )
        return save_mini(out, learner.state_dict(), card)


def new_learner(config: GeneratorConfig, cache: Path, seen: SeenImages, data: LabelledImages) -> Learner:
    """Return the network before its first step: the language model as it is, and a projector that knows the scale."""
    loaded = load_network(model_folder(SMOLLM2, cache), "float32", "cpu")
    width = loaded.network.config.hidden_size
    updates = add_low_rank(loaded.network, config.rank, config.alpha)
    projector = Projector(seen.maps.shape[1], width)
    cells = seen.maps[torch.from_numpy(~data.validation)].float()
    projector.mean.copy_(cells.mean((0, 2, 3)))
    projector.scale.copy_(1 / (cells.std((0, 2, 3)) + 1e-6))
    # image tokens begin as long as words are, or attention would see nothing else
    torch.nn.init.constant_(projector.norm.weight, float(loaded.network.get_input_embeddings().weight.std()))
    return Learner(
        loaded.network, loaded.tokenizer, updates, projector, int(loaded.tokenizer.convert_tokens_to_ids(MARK))
    )


def rate_at(step: int, *, most: float, warmup: int, total: int) -> float:
    """Return the learning rate of a step, from 1: a straight rise, then half a cosine to a tenth."""
    if step <= warmup:
        return most * step / warmup
    done = (step - warmup) / max(1, total - warmup)
    return most * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * done)))


def places_at(step: int, *, batch: int, count: int, seed: int) -> list[int]:
    """Return the examples of a step, from 1: each once an epoch, in the epoch's own order."""
    first = (step - 1) * batch
    orders = {
        epoch: shuffled(count, seed=seed, epoch=epoch) for epoch in {first // count, (first + batch - 1) // count}
    }
    return [orders[number // count][number % count] for number in range(first, first + batch)]


def _step(
    learner: Learner,
    optimiser: torch.optim.Optimizer,
    tokens: Tokens,
    maps: torch.Tensor,
    *,
    config: GeneratorConfig,
    step: int,
) -> float:
    """Do one step; return its mean loss."""
    for group in optimiser.param_groups:
        group["lr"] = rate_at(step, most=group["most"], warmup=config.warmup, total=config.all_steps)
    optimiser.zero_grad()
    total = 0.0
    for place in places_at(step, batch=config.batch, count=len(tokens), seed=config.seed):
        loss = learner.loss(tokens, place, maps, tokens.images[place]) / config.batch
        loss.backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach())
    learned = [part for group in optimiser.param_groups for part in group["params"]]
    torch.nn.utils.clip_grad_norm_(learned, config.clip)
    optimiser.step()
    return total


def validate(learner: Learner, tokens: Tokens, maps: torch.Tensor) -> dict[str, float]:
    """Return the mean loss with each example's own image, and with another example's: what the image is worth."""
    own, swapped = [], []
    with torch.inference_mode():
        for place, row in enumerate(tokens.images):
            other = tokens.images[(place + 1) % len(tokens)]
            own.append(float(learner.loss(tokens, place, maps, row)))
            swapped.append(float(learner.loss(tokens, place, maps, other)))
    return {"validation_loss": _mean(own), "swapped_image_loss": _mean(swapped)}


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
