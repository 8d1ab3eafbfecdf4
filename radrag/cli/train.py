"""``radrag train``: makes weights from public data, in as many sittings as it takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.output import JSON_OPTION
from radrag.cli.train_align import align, align_scores
from radrag.cli.train_runs import FOLDER, MINUTES, OUT, SEED, again_by, told
from radrag.cli.train_starter import starter
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.training.generator_data import Grounds

DATA = click.option("--data", type=FOLDER, required=True, help="Folder with nih/ and iu_xray/ (docs/training.md).")


@click.group()
def command() -> None:
    """Train the models that come with radrag, or your own, on public data."""


command.add_command(starter)
command.add_command(align)
command.add_command(align_scores)


@command.command()
@click.argument("config", default="generator")
@DATA
@OUT
@MINUTES
@SEED
@click.option("--encoder", help="Image encoder whose feature maps the generator sees.")
@JSON_OPTION
@click.pass_obj
def generator(
    settings: Settings,
    config: str,
    data: Path,
    out: Path,
    minutes: float | None,
    seed: int | None,
    encoder: str | None,
    as_json: bool,
) -> int:
    """Train the small generator by a run: a shipped one's name, or a YAML file."""
    from radrag.training.generator import run
    from radrag.training.generator_config import GeneratorConfig
    from radrag.training.nih import read_labels
    from radrag.workspace import Workspace

    values = GeneratorConfig.read(config, minutes=minutes, seed=seed)
    images = read_labels(data / "nih")
    chosen = settings.with_changes(encoder=encoder)
    looks = Workspace(chosen).image_encoder
    again = again_by(settings, "generator", config, data, out, seed=seed, encoder=encoder)

    def train() -> Any:
        grounds = _grounds(chosen, data / "iu_xray", out / "corpus")
        return run(values, out, data=images, encoder=looks, grounds=grounds, cache=chosen.cache, again=again)

    return told(train, out, as_json)


@command.command()
@click.argument("run", type=FOLDER)
@DATA
@click.option("--out", type=FOLDER, required=True, help="Folder of the files for `radrag eval reports`.")
@click.option("--wrong", type=click.IntRange(0, 20), default=2, show_default=True, help="Wrong neighbours, at most.")
@click.option("--images", type=click.IntRange(0), default=0, help="Of the validation patients  [default: all]")
@click.pass_obj
def predictions(settings: Settings, run: Path, data: Path, out: Path, wrong: int, images: int) -> None:
    """Write reports of a trained generator, of compose and of the nearest case, with wrong neighbours among the hits.

    The references are the validation images' labels in words. Score the files with `radrag eval reports`.
    """
    from radrag.generation.compose import ComposeGenerator
    from radrag.generation.mini import MiniGenerator
    from radrag.training.generator_predictions import write_predictions
    from radrag.training.nih import read_labels
    from radrag.training.seen_images import see_images
    from radrag.workspace import Workspace

    encoder = Workspace(settings).image_encoder
    labelled = read_labels(data / "nih")
    mini = MiniGenerator(run, cache=settings.cache, encoder=lambda: encoder, device=settings.device)
    files = write_predictions(
        {"mini": mini, "compose": ComposeGenerator()},
        _grounds(settings, data / "iu_xray", run / "corpus"),
        see_images(encoder, labelled, run / "data"),
        labelled,
        out=out,
        wrong=wrong,
        limit=images,
    )
    for file in files:
        click.echo(str(file))


def _grounds(settings: Settings, r2gen: Path, folder: Path) -> Grounds:
    """Return the training reports of R2Gen's split, read and indexed into a workspace of the run's own."""
    from data_prep.iu_training import training_reports
    from radrag.cli.corpus_add import add_collection
    from radrag.cli.index import build_index
    from radrag.corpus.snapshot import list_indexes
    from radrag.training.generator_data import Grounds
    from radrag.workspace import Workspace

    workspace = Workspace(settings.with_changes(workspace=folder, database_url=""))
    if not list_indexes(workspace.settings.indexes):
        add_collection(workspace, training_reports(r2gen, salt=workspace.settings.salt()), read_images=False)
        build_index(workspace, images=False)
    return Grounds(workspace.retriever, workspace.store.sentences)
