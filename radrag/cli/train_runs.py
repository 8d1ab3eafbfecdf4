"""What training commands share: options, what they tell at their end, the command that resumes them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from radrag.cli.output import emit, say
from radrag.settings import Settings, default_workspace

FOLDER = click.Path(path_type=Path, file_okay=False)
OUT = click.option("--out", type=FOLDER, required=True, help="Folder of the run; one with a run in it resumes it.")
MINUTES = click.option("--minutes", type=click.FloatRange(0, min_open=True), help="End this sitting after so long.")
SEED = click.option("--seed", type=int, help="Instead of the run's own.")


def told(train: Callable[[], Any], out: Path, as_json: bool) -> int:
    """Train, and say where the weights are or how to go on; 130 where a signal ended the sitting."""
    from dataclasses import asdict

    from radrag.training.runs import Paused

    try:
        card = train()
    except Paused as pause:
        say(str(pause))
        return 130 if pause.signalled else 0
    if as_json:
        emit(asdict(card))
    else:
        say(f"Weights, card and curves: {out}")
    return 0


def again_by(settings: Settings, kind: str, config: str, data: Path, out: Path, **options: object) -> str:
    """Return the command that resumes a run; ``options`` of None were not given."""
    place = [] if settings.workspace == default_workspace() else ["--workspace", str(settings.workspace)]
    given = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    return shlex.join(["radrag", *place, "train", kind, config, "--data", str(data), "--out", str(out), *given])
