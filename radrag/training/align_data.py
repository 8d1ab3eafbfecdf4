"""The alignment's data: what the frozen encoders say of images and texts, kept once, and which of them belong together.

Images of NIH have labels and no reports, reports of Indiana have labels and no images here, case notes of ``pairs``
belong to their films, and films of ``series`` have neither. What the starter's heads say of the images that they were
fitted on is too good to learn from (mean AUC 0.98 there, 0.75 on others), so that training images get log-odds out of
fold, as the starter's own calibration does.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from radrag.corpus.report_labels import report_labels, searchable_text
from radrag.disk import replacing
from radrag.domain import Case
from radrag.encoders.alignment import image_inputs
from radrag.encoders.base import FloatArray, TextEncoder, unit_rows
from radrag.errors import CorpusError
from radrag.reports.findings import default_labeler
from radrag.reports.normalise import normalise
from radrag.retrieval.levels import at_level, level_places
from radrag.training.checkpoints import disk_errors
from radrag.training.heads import distilled
from radrag.training.nih import LABELS, LabelledImages, require_apart
from radrag.training.starter import FOLDS, fold_numbers, pooled_features, unseen_probabilities

if TYPE_CHECKING:
    from radrag.encoders.starter import StarterEncoder

LEVELS = sorted({place for label in LABELS for place in level_places(label)})
"""Of the common levels, those that the images' labels say anything of."""

LATERAL = "L"


@dataclass(frozen=True, slots=True)
class Film:
    """A row of ``pairs.csv`` or ``series.csv``; without text where there is none."""

    path: Path
    patient: str
    text: str
    lateral: bool
    validation: bool


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What is learned from, as it was read; ``reports`` are of R2Gen's training ids alone."""

    nih: LabelledImages
    pairs: tuple[Film, ...]
    series: tuple[Film, ...]
    reports: Iterable[Case]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Images with labels: what an encoder says of them, and what is so.

    Attributes:
        inputs: float32 [n, l + a], see :func:`radrag.encoders.alignment.image_inputs`.
        labels: float32 [n, 15] of 0 and 1.
        levels: float32 [n, v] of 0 and 1, the same at the level that reports share, with all that follows.
        soft: float32 [n, 15], the labels blended with another network's probabilities.
        patients: of each.
        folds: of each, -1 for validation; a patient is in one.
    """

    inputs: FloatArray
    labels: FloatArray
    levels: FloatArray
    soft: FloatArray
    patients: tuple[str, ...]
    folds: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Paired:
    """Films, in the order of their files: those of ``pairs`` with their case notes, then those of ``series``.

    Attributes:
        inputs: float32 [n, l + a].
        texts: float32 [p, d], the notes' vectors, of the first p films.
        groups: int64 [p]: films with one number have the same note.
        teacher: float32 [n, 15], the image encoder's own probabilities; NaN for lateral films.
        patients: of each.
        folds: of each, -1 for validation; a patient is in one.
    """

    inputs: FloatArray
    texts: FloatArray
    groups: npt.NDArray[np.int64]
    teacher: FloatArray
    patients: tuple[str, ...]
    folds: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Reports:
    """Reports of training: vectors float32 [m, d], what they state float32 [m, v] in {0, 0.5, 1}, and a fold of each.

    Equal texts are in one fold.
    """

    vectors: FloatArray
    levels: FloatArray
    folds: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class AlignData:
    """Everything that a run learns from and is measured on."""

    labelled: Labelled
    paired: Paired
    reports: Reports
    appearance: int


def read_films(folder: Path, *, table: str, texts: bool) -> tuple[Film, ...]:
    """Read ``pairs.csv`` or ``series.csv``; without a ``split`` column all rows are for training.

    Raises:
        CorpusError: the table, a column or an image is missing, or a patient is on both sides of the split.
    """
    path = folder / table
    try:
        with path.open(newline="", encoding="utf-8") as file:
            films = tuple(
                Film(
                    folder / "images" / row["image"],
                    f"{folder.name}:{row['patient']}",
                    normalise(row["text"]) if texts else "",
                    row.get("view") == LATERAL,
                    row.get("split") == "val",
                )
                for row in csv.DictReader(file)
            )
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"{path} is missing, or lacks a column of image, patient{', text' if texts else ''}.",
            hint="Give --data the folder with nih/, pairs/, series/ and iu_xray/ (docs/training.md).",
        ) from error
    absent = [film.path.name for film in films if not film.path.is_file()]
    if absent or not films:
        raise CorpusError(f"{len(absent)} of {len(films)} images of {path} are missing.", hint=str(folder / "images"))
    require_apart(path, ((one.patient, one.validation) for one in films))
    return films


def make_data(sources: Sources, encoder: StarterEncoder, texts: TextEncoder, folder: Path, *, seed: int) -> AlignData:
    """Encode everything, or take what ``folder`` keeps of it, and put together what belongs together.

    Raises:
        CorpusError: there are no reports.
    """
    nih, pairs = sources.nih, sources.pairs
    films = [*pairs, *sources.series]
    numbers = fold_numbers(nih, seed=seed)
    images = _kept(
        folder / f"images-{encoder.card.card_hash[:16]}-{seed}.safetensors",
        lambda: _look(nih, films, encoder, numbers),
    )
    appearance = encoder.card.dimension - len(encoder.card.labels)  # the starter's vector ends with its findings
    inputs = image_inputs(images["vectors"], _named(images["probabilities"]), LABELS, appearance)
    labelled = Labelled(
        inputs[: len(nih.paths)],
        nih.labels.astype(np.float32),
        np.array([_levels(dict(zip(LABELS, row, strict=True))) for row in nih.labels.tolist()], np.float32),
        distilled(nih.labels, nih.soft).astype(np.float32),
        nih.patients,
        numbers,
    )
    said = _said(sources.reports)
    wanted = [text for text, _ in said] + [film.text for film in pairs]
    key = hashlib.sha256("\0".join([texts.card.card_hash, *wanted]).encode()).hexdigest()[:16]
    vectors = _kept(folder / f"texts-{key}.safetensors", lambda: {"vectors": texts.encode(wanted)})["vectors"]
    notes = {text: number for number, text in enumerate(dict.fromkeys(film.text for film in pairs))}
    paired = Paired(
        inputs[len(nih.paths) :],
        vectors[len(said) :],
        np.array([notes[film.text] for film in pairs], np.int64),
        images["probabilities"][len(nih.paths) :],
        tuple(film.patient for film in films),
        np.where([film.validation for film in films], -1, drawn_folds([film.patient for film in films], seed)),
    )
    stated = np.array([row for _, row in said], np.float32)
    of_texts = drawn_folds([text for text, _ in said], seed)
    return AlignData(labelled, paired, Reports(vectors[: len(said)], stated, of_texts), appearance)


def drawn_folds(names: Sequence[str], seed: int) -> npt.NDArray[np.int64]:
    """Return a fold for each name by chance, the same for equal names."""
    known = sorted(set(names))
    place = dict(zip(known, np.random.default_rng(seed).permutation(len(known)) % FOLDS, strict=True))
    return np.array([place[name] for name in names], np.int64)


def _look(
    nih: LabelledImages, films: Sequence[Film], encoder: StarterEncoder, folds: npt.NDArray[np.int64]
) -> dict[str, FloatArray]:
    """Return vectors and probabilities of all images, those of NIH's training images out of fold."""
    import torch

    features = pooled_features(encoder.network, [*nih.paths, *(film.path for film in films)])
    with torch.inference_mode():
        embedded, chances = (part.numpy() for part in encoder.network.outputs(torch.from_numpy(features).float()))
    rows = np.flatnonzero(~nih.validation)
    probabilities = chances.copy()
    probabilities[rows] = unseen_probabilities(features[: len(nih.paths)], nih, folds)
    lateral = np.flatnonzero([film.lateral for film in films])
    probabilities[len(nih.paths) + lateral] = np.nan  # as the encoder has it
    return {"vectors": unit_rows(embedded), "probabilities": probabilities.astype(np.float32)}


def _named(probabilities: FloatArray) -> list[Mapping[str, float]]:
    return [dict(zip(LABELS, row, strict=True)) for row in probabilities.tolist()]


def _levels(labels: Mapping[str, float]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = at_level(labels)[LEVELS]
    return found


def _said(reports: Iterable[Case]) -> list[tuple[str, npt.NDArray[np.float64]]]:
    """Return text and stated levels of the reports that have sentences."""
    labeler, found = default_labeler(), []
    for case in reports:
        sentences = labeler.label_sections(case.case_id, case.sections)
        if sentences:
            found.append((searchable_text(case.sections), _levels(report_labels(sentences))))
    if not found:
        raise CorpusError("There are no reports to learn from.", hint="See docs/training.md, Alignment.")
    return found


def _kept(path: Path, make: Callable[[], Mapping[str, FloatArray]]) -> Mapping[str, FloatArray]:
    """Return arrays from a file, made and kept where there is none yet."""
    from safetensors.numpy import load_file, save_file

    if path.is_file():
        return load_file(path)
    found = {name: np.ascontiguousarray(value) for name, value in make().items()}
    with disk_errors("what the encoders say"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            save_file(found, part)
    return found
