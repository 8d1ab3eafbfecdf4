"""``radrag train starter``: makes the shipped image encoder again from labelled radiographs."""

from __future__ import annotations

from pathlib import Path

import click

from radrag.cli.output import say
from radrag.cli.train_runs import FOLDER


@click.command()
@click.option("--data", type=FOLDER, required=True, help="Folder with labels.csv and images/ (docs/models.md).")
@click.option(
    "--others",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="CSV of other hospitals' radiographs, no labels needed: column image, files in images/ beside it; of a "
    "column split only train is read. May be given again.",
)
@click.option("--out", type=FOLDER, required=True, help="Folder for starter.safetensors and starter.json.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the folds.")
def starter(data: Path, others: tuple[Path, ...], out: Path, seed: int) -> int:
    """Make the starter encoder: fit and calibrate heads on ImageNet's network.

    The network's normalisation is measured on the images of --data and --others.
    """
    import torch

    from radrag.training.nih import read_labels, read_unlabelled
    from radrag.training.starter import train

    images = read_labels(data)
    unlabelled = [path for table in others for path in read_unlabelled(table)]
    torch.manual_seed(seed)
    train(images, out, seed=seed, others=unlabelled)
    say(f"Weights and card: {out}. Use them with --encoder-weights {out / 'starter.safetensors'}")
    return 0
