"""``radrag train align`` and ``align-scores``: one space for images and reports, learned and measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.output import JSON_OPTION, emit, say, table
from radrag.cli.train_runs import FOLDER, MINUTES, OUT, SEED, again_by, told
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.models.card import ModelCard
    from radrag.training.align_config import AlignConfig
    from radrag.training.align_data import AlignData

DATA = click.option(
    "--data", type=FOLDER, required=True, help="Folder with nih/, pairs/, series/ and iu_xray/ (docs/training.md)."
)


@click.command()
@click.argument("config", default="align")
@DATA
@OUT
@MINUTES
@SEED
@click.option("--cross-validate", is_flag=True, help="Only measure the run's values on folds of the training patients.")
@JSON_OPTION
@click.pass_obj
def align(
    settings: Settings,
    config: str,
    data: Path,
    out: Path,
    minutes: float | None,
    seed: int | None,
    cross_validate: bool,
    as_json: bool,
) -> int:
    """Learn one space for images and reports by a run: a shipped one's name, or a YAML file.

    Both encoders stay as they are. Use the result with `radrag index build --alignment RUN`.
    """
    from radrag.training import align as training
    from radrag.training.align_config import AlignConfig

    values = AlignConfig.read(config, minutes=minutes, seed=seed)
    known, cards = _data(settings, values, data, out)
    if cross_validate:
        measured = training.cross_validate(values, known)
        if as_json:
            emit(measured)
        else:
            click.echo(_folds_table(measured))
        return 0
    again = again_by(settings, "align", config, data, out, seed=seed)
    return told(lambda: training.run(values, out, data=known, encoders=cards, again=again), out, as_json)


@click.command("align-scores")
@click.argument("run", type=FOLDER)
@DATA
@JSON_OPTION
@click.pass_obj
def align_scores(settings: Settings, run: Path, data: Path, as_json: bool) -> None:
    """Score an alignment on the real pairs of the validation patients: recall at 10, both ways, beside chance.

    Reports for NIH's validation images are scored by `radrag eval retrieval` on an index with the alignment.
    """
    from dataclasses import asdict

    import numpy as np

    from radrag.encoders.alignment import load_alignment
    from radrag.evaluation.intervals import PatientBootstrap
    from radrag.training.align_config import AlignConfig
    from radrag.training.align_measures import recalls

    alignment = load_alignment(run)
    known, cards = _data(settings, AlignConfig.model_validate(alignment.card.settings), data, run)
    alignment.require(*cards)
    paired = known.paired
    pairs = len(paired.texts)
    images, texts = alignment.image_vectors_of(paired.inputs[:pairs]), alignment.text_vectors(paired.texts)
    similarity = images.astype(np.float64) @ texts.astype(np.float64).T
    films = np.flatnonzero(paired.folds[:pairs] < 0)
    patients = PatientBootstrap([paired.patients[film] for film in films])
    found = [
        {
            "gallery": name,
            "films": len(gallery),
            "texts": len(set(paired.groups[gallery].tolist())),
            "way": way.replace("_", " "),
            "recall": asdict(patients.mean(hits)),
            "random": chance,
        }
        for name, gallery in (("validation pairs", films), ("all pairs", np.arange(pairs)))
        for way, (hits, chance) in recalls(similarity, paired.groups, films, gallery).items()
    ]
    if as_json:
        emit({"queries": len(films), "patients": patients.patients, "scores": found})
        return
    say(f"{len(films)} films of {patients.patients} patients; 95 % intervals, bootstrap by patient.")
    click.echo(_scores_table(found))


def _scores_table(found: list[dict[str, Any]]) -> str:
    rows = [
        (
            f"{one['gallery']}: {one['films']} films, {one['texts']} texts",
            one["way"],
            "{mean:.3f} [{low:.3f}, {high:.3f}]".format(**one["recall"]),
            f"{one['random']:.3f}",
            f"{one['recall']['mean'] / one['random']:.1f}",
        )
        for one in found
    ]
    return table(("among", "way", "recall@10", "random", "times random"), rows, right=(3, 4))


def _data(
    settings: Settings, values: AlignConfig, data: Path, out: Path
) -> tuple[AlignData, tuple[ModelCard, ModelCard]]:
    """Read what is learned from and encode it, or take what the run's folder keeps of it."""
    from data_prep.iu_training import training_reports
    from radrag.domain import Case
    from radrag.encoders.starter import StarterEncoder
    from radrag.errors import UsageError
    from radrag.training.align_data import Sources, make_data, read_films
    from radrag.training.nih import read_labels
    from radrag.workspace import Workspace

    sources = Sources(
        read_labels(data / "nih"),
        read_films(data / "pairs", table="pairs.csv", texts=True),
        read_films(data / "series", table="series.csv", texts=False),
        (item for item in training_reports(data / "iu_xray", salt=settings.salt()).items if isinstance(item, Case)),
    )
    workspace = Workspace(settings)
    looks, reads = workspace.image_encoder, workspace.text_encoder
    if not isinstance(looks, StarterEncoder):
        raise UsageError(
            f"The alignment stands behind the starter, not behind {looks.card.name}.",
            hint="Leave RADRAG_ENCODER out, or set it to starter.",
        )
    known = make_data(sources, looks, reads, out / "data", seed=values.seed)
    return known, (looks.card, reads.card)


def _folds_table(measured: list[dict[str, float]]) -> str:
    """Return a row a measure: the mean of the folds, and each."""
    rows = [
        (
            name,
            f"{sum(one[name] for one in measured) / len(measured):.3f}",
            *(f"{one[name]:.3f}" for one in measured),
        )
        for name in measured[0]
    ]
    return table(("measure", "mean", *(f"fold {number}" for number in range(1, len(measured) + 1))), rows)
