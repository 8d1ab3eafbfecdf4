"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path

import click

ENCODER = click.option("--encoder", metavar="NAME", help="Image encoder  [default: starter]")
ENCODER_WEIGHTS = click.option(
    "--encoder-weights", type=click.Path(path_type=Path), help="Local weights of the image encoder."
)
MANIFEST = click.option(
    "--manifest",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV of queries: image or text, patient, a column a label; see docs/retrieval_evaluation.md.",
)
SPLIT = click.option("--split", default="", metavar="NAME", help="Rows of this split only, such as val.")
