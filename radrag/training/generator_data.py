"""The generator's data on disk: what the encoder sees in the images, and the examples as tokens; made once a run."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.progress import track

from radrag.disk import replacing
from radrag.domain import ImageFinding, Sentence
from radrag.errors import CorpusError, TrainingCode, TrainingError, WeightsError
from radrag.generation.mini_network import GRID, prompt_ids
from radrag.reports.vocabulary import NO_FINDING
from radrag.reports.wordings import report_names
from radrag.training.checkpoints import disk_errors
from radrag.training.generator_config import NO_NOISE, GeneratorConfig, NoiseConfig
from radrag.training.generator_examples import Example, LabelledFindings, Report, Source, make_example
from radrag.training.losses_text import IGNORED
from radrag.training.nih import LABELS, LabelledImages
from radrag.training.noise import log_odds_of
from radrag.training.run_state import shuffled
from radrag.training.scores import auc

if TYPE_CHECKING:
    from radrag.encoders.base import ImageEncoder
    from radrag.retrieval.engine import Retriever

SEEN, FINDINGS = "images.safetensors", "images.json"
ATTEMPTS = 4
"""Images tried, of which the last may carry nothing, before an example is given up, in multiples of what is wanted."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenImages:
    """What an encoder says of labelled images.

    Attributes:
        maps: float16 [n, channels, GRID, GRID], pooled.
        findings: of each image.
    """

    maps: torch.Tensor
    findings: tuple[tuple[ImageFinding, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Examples as tokens.

    Attributes:
        ids: of each example, prompt and answer.
        answers: where each answer begins.
        weights: of the loss on each answer's tokens.
        images: row of each example's image, -1 for none.
    """

    ids: tuple[list[int], ...]
    answers: tuple[int, ...]
    weights: tuple[list[float], ...]
    images: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, place: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return one example's ids and targets, int64 [1, tokens], and the weights of its loss, float32 [1, tokens]."""
        ids, answer = torch.tensor([self.ids[place]]), self.answers[place]
        targets = ids.clone()
        targets[0, :answer] = IGNORED
        return ids, targets, torch.tensor([[0.0] * answer + self.weights[place]])


def see_images(encoder: ImageEncoder, data: LabelledImages, folder: Path, *, batch: int = 16) -> SeenImages:
    """Return what the encoder sees in all images, from the folder where it was kept.

    Raises:
        WeightsError: the encoder has no feature maps.
    """
    from safetensors.torch import load_file, save_file

    known = {"encoder": encoder.card.card_hash, "images": [path.name for path in data.paths]}
    if (folder / FINDINGS).is_file():
        kept = json.loads((folder / FINDINGS).read_text(encoding="utf-8"))
        if kept["of"] == known:
            findings = tuple(tuple(ImageFinding(**one) for one in of) for of in kept["findings"])
            return SeenImages(load_file(folder / SEEN)["maps"], findings)
    maps, found = [], []
    starts = range(0, len(data.paths), batch)
    for start in track(starts, "Encoding images", console=Console(stderr=True)):
        encoding = encoder.encode([read_grey(path) for path in data.paths[start : start + batch]])
        if encoding.feature_maps is None:
            raise WeightsError("This image encoder gives no feature maps.", hint="Use --encoder starter.")
        maps.append(torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(encoding.feature_maps), GRID).half())
        found += [tuple(_plain(one) for one in of) for of in encoding.findings]
    seen = SeenImages(torch.cat(maps), tuple(found))
    with disk_errors("what the encoder sees"):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / SEEN) as part:
            save_file({"maps": seen.maps.contiguous()}, part)
        told = {"of": known, "findings": [[asdict(one) for one in of] for of in found]}
        with replacing(folder / FINDINGS) as part:
            part.write_text(json.dumps(told), encoding="utf-8")
    return seen


@dataclass(frozen=True, slots=True, eq=False)
class Grounds:
    """The reports that ground examples: what searches them, and case ids → their sentences."""

    retriever: Retriever
    sentences_of: Callable[[Sequence[str]], Mapping[str, tuple[Sentence, ...]]]


def source_of(
    grounds: Grounds, seen: SeenImages, data: LabelledImages, rows: Sequence[int], hits: int, *, blur: float = 0.0
) -> Source:
    """Return what examples of some images are made from; its images have the order of ``rows``."""
    retriever = grounds.retriever
    images = tuple(
        LabelledFindings(
            seen.findings[row], frozenset(label for label, there in zip(LABELS, data.labels[row], strict=True) if there)
        )
        for row in rows
    )
    reports = tuple(
        Report(case_id, retriever.cases[case_id].patient_key, _image_labels(retriever.cases[case_id].labels))
        for case_id in retriever.cases.ids
    )
    return Source(retriever.search, grounds.sentences_of, reports, images, hits, blur, usual_log_odds(seen, rows))


def make_tokens(
    source: Source, rows: Sequence[int], tokenizer: Any, *, count: int, config: GeneratorConfig, noise: NoiseConfig
) -> Tokens:
    """Make examples, each image as often as the others, and turn them into tokens; the same for the same values.

    Raises:
        CorpusError: not one example could be made.
    """
    made: list[tuple[list[int], int, list[float], int]] = []
    tried = 0
    orders: dict[int, list[int]] = {}
    bar = track(range(count), "Preparing examples", console=Console(stderr=True))
    for _ in bar:
        while tried < ATTEMPTS * count:
            epoch, place = divmod(tried, len(rows))
            orders.setdefault(epoch, shuffled(len(rows), seed=config.seed, epoch=epoch))
            draw = random.Random(f"{config.seed}/{tried}")
            tried += 1
            example = make_example(source, orders[epoch][place], noise, draw)
            if example is None:
                continue
            ids, answer, weights = example_ids(tokenizer, example, config.finding_weight)
            if len(ids) <= config.longest:
                made.append((ids, answer, weights, rows[example.image] if example.image >= 0 else -1))
                break
    if not made:
        raise CorpusError(
            "No image and report carry an example together.", hint="Check the reports' index, or raise `longest`."
        )
    return Tokens(*(tuple(one) for one in zip(*made, strict=True)))


def example_ids(tokenizer: Any, example: Example, finding_weight: float) -> tuple[list[int], int, list[float]]:
    """Return an example's tokens with the one that ends it, where the answer begins, and the answer's weights."""
    prompt = prompt_ids(tokenizer, example.prompt.system, example.prompt.user, image=example.image >= 0)
    text, stating = example.answer.text, example.answer.stating
    answer = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    weights = [
        finding_weight if any(start < last and end > first for first, last in stating) else 1.0
        for start, end in answer["offset_mapping"]
    ]
    return [*prompt, *answer["input_ids"], tokenizer.eos_token_id], len(prompt), [*weights, 1.0]


def kept_tokens(path: Path, encoder: str, make: Callable[[], Tokens]) -> Tokens:
    """Return examples from a file, made and kept where there is none yet.

    Args:
        encoder: hash of the card of the encoder whose findings and feature maps they are.

    Raises:
        TrainingError: ``other_run``: they are another encoder's, and so is what was learned from them.
    """
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["encoder"] != encoder:
            raise TrainingError(
                TrainingCode.OTHER_RUN,
                "This run began with another image encoder.",
                hint="Give it back with --encoder to resume the run, or name a new folder.",
            )
        return Tokens(*(tuple(kept[field.name]) for field in fields(Tokens)))
    tokens = make()
    with disk_errors("the examples"), replacing(path) as part:
        kept = {"encoder": encoder, **{field.name: getattr(tokens, field.name) for field in fields(Tokens)}}
        part.write_text(json.dumps(kept), encoding="utf-8")
    return tokens


def make_both(
    grounds: Grounds,
    seen: SeenImages,
    data: LabelledImages,
    learner: tuple[str, Any],
    *,
    config: GeneratorConfig,
    folder: Path,
) -> tuple[Tokens, Tokens]:
    """Return training examples, with noise, and those of the validation patients, without; kept in ``folder``.

    Args:
        learner: hash of the image encoder's card, and the language model's tokenizer.
    """
    encoder, tokenizer = learner

    def made(*, validation: bool, count: int, noise: NoiseConfig) -> Tokens:
        rows = np.flatnonzero(data.validation == validation).tolist()
        blur = noise.blur if noise.blur is not None else matching_blur(seen, data, seed=config.seed)
        source = source_of(grounds, seen, data, rows, config.hits, blur=blur)
        return make_tokens(source, rows, tokenizer, count=count, config=config, noise=noise)

    def kept(name: str, *, validation: bool, count: int, noise: NoiseConfig) -> Tokens:
        return kept_tokens(folder / name, encoder, lambda: made(validation=validation, count=count, noise=noise))

    return (
        kept("train.json", validation=False, count=config.examples, noise=config.noise),
        kept("validation.json", validation=True, count=config.validation, noise=NO_NOISE),
    )


def usual_log_odds(seen: SeenImages, rows: Sequence[int]) -> dict[str, tuple[float, float]]:
    """Return label → mean and standard deviation of the log-odds that the encoder gives some images."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for finding in seen.findings[row]:
            if finding.trained:
                found.setdefault(finding.label, []).append(log_odds_of(finding))
    return {label: (float(np.mean(values)), float(np.std(values))) for label, values in found.items()}


def matching_blur(seen: SeenImages, data: LabelledImages, *, seed: int, most: float = 8.0) -> float:
    """Return the noise by which the encoder is as right about training images as about validation ones, to a tenth.

    Right is the mean AUC over the labels that it was trained for; 0 where it is no better about training images.
    """
    named = [place for place, one in enumerate(seen.findings[0]) if one.trained and one.label in LABELS]
    columns = [LABELS.index(seen.findings[0][place].label) for place in named]
    log_odds = np.array([[log_odds_of(of[place]) for place in named] for of in seen.findings])
    drawn = np.random.default_rng(seed).normal(size=log_odds.shape)

    def right(rows: npt.NDArray[np.bool_], spread: float) -> float:
        noisy = log_odds + spread * drawn
        found = [auc(data.labels[rows, column], noisy[rows, place]) for place, column in enumerate(columns)]
        told = [value for value in found if not np.isnan(value)]
        return sum(told) / len(told) if told else 0.0

    wanted = right(data.validation, 0)
    return next(
        (spread for spread in np.arange(0, most, 0.1).tolist() if right(~data.validation, spread) <= wanted), most
    )


def _image_labels(stated: Mapping[str, float]) -> frozenset[str]:
    """Return which of the images' labels a report states, under any of their names; no finding where it states none."""
    found = {
        label
        for label in LABELS
        if label != NO_FINDING and any(stated.get(name, 0) > 0 for name in (label, *report_names(label)))
    }
    return frozenset(found or {NO_FINDING})


def _plain(finding: ImageFinding) -> ImageFinding:
    return ImageFinding(finding.label, finding.probability, finding.threshold, finding.trained)


def read_grey(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return an image file as float32 [rows, columns] in [0, 1], bright as stored."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("L"), np.float32) / np.float32(255)
