"""The generator's examples as tokens, and the thresholds of their findings; made once a run."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from radrag.disk import replacing
from radrag.domain import Sentence
from radrag.errors import CorpusError, TrainingCode, TrainingError
from radrag.generation.mini_network import prompt_ids
from radrag.reports.vocabulary import NO_FINDING
from radrag.reports.wordings import report_names
from radrag.training.checkpoints import disk_errors
from radrag.training.generator_config import NO_NOISE, GeneratorConfig, NoiseConfig
from radrag.training.generator_examples import Example, LabelledFindings, Report, Source, make_example
from radrag.training.losses_text import IGNORED
from radrag.training.nih import LABELS, LabelledImages
from radrag.training.run_state import shuffled
from radrag.training.scores import best_f1
from radrag.training.seen_images import SeenImages

if TYPE_CHECKING:
    from radrag.retrieval.engine import Retriever

ATTEMPTS = 4
"""Images tried, of which the last may carry nothing, before an example is given up, in multiples of what is wanted."""


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Examples as tokens.

    Attributes:
        ids: of each example, prompt and answer.
        answers: where each answer begins.
        images: row of each example's image, -1 for none.
    """

    ids: tuple[list[int], ...]
    answers: tuple[int, ...]
    images: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one example's ids and targets, int64 [1, tokens]."""
        ids = torch.tensor([self.ids[place]])
        targets = ids.clone()
        targets[0, : self.answers[place]] = IGNORED
        return ids, targets


@dataclass(frozen=True, slots=True, eq=False)
class Grounds:
    """The reports that ground examples: what searches them, and case ids → their sentences."""

    retriever: Retriever
    sentences_of: Callable[[Sequence[str]], Mapping[str, tuple[Sentence, ...]]]


def source_of(grounds: Grounds, seen: SeenImages, data: LabelledImages, rows: Sequence[int], hits: int) -> Source:
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
    return Source(retriever.search, grounds.sentences_of, reports, images, hits)


def make_tokens(
    source: Source,
    rows: Sequence[int],
    tokenizer: Any,
    *,
    count: int,
    config: GeneratorConfig,
    noise: NoiseConfig,
) -> Tokens:
    """Make examples, each image as often as the others, and turn them into tokens; the same for the same values.

    Raises:
        CorpusError: not one example could be made.
    """
    made: list[tuple[list[int], int, int]] = []
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
            ids, answer = example_ids(tokenizer, example)
            if len(ids) <= config.longest:
                made.append((ids, answer, rows[example.image] if example.image >= 0 else -1))
                break
    if not made:
        raise CorpusError(
            "No image and report carry an example together.", hint="Check the reports' index, or raise `longest`."
        )
    return Tokens(*(tuple(one) for one in zip(*made, strict=True)))


def example_ids(tokenizer: Any, example: Example) -> tuple[list[int], int]:
    """Return an example's tokens with the one that ends it, and where the answer begins."""
    prompt = prompt_ids(tokenizer, example.prompt.system, example.prompt.user, image=example.image >= 0)
    answer = tokenizer(example.answer, add_special_tokens=False)["input_ids"]
    return [*prompt, *answer, tokenizer.eos_token_id], len(prompt)


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
    thresholds: Mapping[str, float],
    folder: Path,
) -> tuple[Tokens, Tokens]:
    """Return training examples, with noise, and those of the validation patients, without; kept in ``folder``.

    Args:
        learner: hash of the image encoder's card, and the language model's tokenizer.
        thresholds: from :func:`finding_thresholds`.
    """
    encoder, tokenizer = learner

    def made(*, validation: bool, count: int, noise: NoiseConfig) -> Tokens:
        rows = np.flatnonzero(data.validation == validation).tolist()
        source = replace(source_of(grounds, seen, data, rows, config.hits), thresholds=thresholds)
        return make_tokens(source, rows, tokenizer, count=count, config=config, noise=noise)

    def kept(name: str, *, validation: bool, count: int, noise: NoiseConfig) -> Tokens:
        return kept_tokens(folder / name, encoder, lambda: made(validation=validation, count=count, noise=noise))

    return (
        kept("train.json", validation=False, count=config.examples, noise=config.noise),
        kept("validation.json", validation=True, count=config.validation, noise=NO_NOISE),
    )


def finding_thresholds(seen: SeenImages, data: LabelledImages) -> dict[str, float]:
    """Return label → probability from which on F1 gains where it is stated: half of the best F1.

    Lipton et al. 2014, "Optimal thresholding of classifiers to maximize F1 measure"; the best F1 is that of what the
    encoder says of the training images. Labels without a training image are left out, and so is no finding.
    """
    rows = np.flatnonzero(~data.validation)
    told = [{one.label: one.probability for one in seen.findings[row] if one.trained} for row in rows]
    thresholds: dict[str, float] = {}
    for column, label in enumerate(LABELS):
        found = [of.get(label) for of in told]
        truth = data.labels[rows, column]
        if label != NO_FINDING and None not in found and truth.any():
            thresholds[label] = round(best_f1(truth, np.array(found, np.float64)) / 2, 4)
    return thresholds


def _image_labels(stated: Mapping[str, float]) -> frozenset[str]:
    """Return which of the images' labels a report states, under any of their names; no finding where it states none."""
    found = {
        label
        for label in LABELS
        if label != NO_FINDING and any(stated.get(name, 0) > 0 for name in (label, *report_names(label)))
    }
    return frozenset(found or {NO_FINDING})
