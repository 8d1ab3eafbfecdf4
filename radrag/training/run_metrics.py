"""What a run measured: one JSON line a step, and its curves as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from radrag.disk import replacing
from radrag.optional import require
from radrag.training.checkpoints import disk_errors

Row = Mapping[str, float]
SMOOTHED = 50
"""Points above which a curve also gets its running mean."""


def append(path: Path, row: Row) -> None:
    """Add one line.

    Raises:
        TrainingError: ``disk_full``.
    """
    with disk_errors("the metrics"), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def read(path: Path) -> list[dict[str, float]]:
    """Return the lines; a last one that was cut off by a crash is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def cut(path: Path, step: int) -> None:
    """Drop what was measured after a step, which a resumed run will measure again."""
    if path.is_file():
        kept = [json.dumps(row) + "\n" for row in read(path) if row["step"] <= step]
        with disk_errors("the metrics"), replacing(path) as part:
            part.write_text("".join(kept), encoding="utf-8")


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """Draw each metric against the step, one panel each.

    Raises:
        MissingDependency: matplotlib is not installed.
        TrainingError: ``disk_full``.
    """
    require("matplotlib", extra="train")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in ("step", "seconds")]
    if not names:
        return
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(4.5 * columns, 3 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    for number, name in enumerate(names, start=1):
        axes = figure.add_subplot(lines, columns, number)
        steps, values = zip(*((row["step"], row[name]) for row in rows if name in row), strict=True)
        many = len(values) > SMOOTHED
        mark = "o" if len(values) == 1 else None  # a line of one point is none
        axes.plot(steps, values, marker=mark, lw=0.6 if many else 1.2, alpha=0.4 if many else 1, color="C0")
        if many:
            axes.plot(steps, _running_mean(values), color="C0")
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
    with disk_errors("the curves"), replacing(path) as part:
        figure.savefig(part, format="png", dpi=100)


def _running_mean(values: tuple[float, ...]) -> list[float]:
    """Return the mean of each value and those before it, up to a twentieth of all."""
    width = max(1, len(values) // 20)
    return [sum(values[max(0, end - width) : end]) / min(end, width) for end in range(1, len(values) + 1)]
