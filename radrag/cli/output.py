"""Printing for the command line: data to standard output, messages and progress to standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from radrag.errors import StudyRefused

LINE_SECONDS = 30.0  # between lines of progress where there is no terminal
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print JSON to standard output.")


def emit(value: object) -> None:
    """Print one JSON value on one line."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def say(message: str) -> None:
    """Print a message for the person at the terminal."""
    click.echo(message, err=True)


def say_refused(refusals: Sequence[StudyRefused]) -> None:
    """Name every refused input with its stable code."""
    for refusal in refusals:
        say(f"{click.style('Refused', fg='yellow')} {refusal}")


def table(header: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[int] = ()) -> str:
    """Return an aligned plain-text table; columns whose number is in ``right`` are aligned to the right."""
    cells = [[str(value) for value in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = [
            value.rjust(width) if column in right else value.ljust(width)
            for column, (value, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(cells[0]), line(["-" * width for width in widths]), *map(line, cells[1:])])


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar with rate and time left on standard error; yields what advances it.

    On something that is not a terminal, a line every half minute says how far it is, and one that it is finished.
    """
    if not sys.stderr.isatty():
        started = said = time.monotonic()
        done = 0

        def count(steps: int) -> None:
            nonlocal done, said
            done += steps
            now = time.monotonic()
            if now - said > LINE_SECONDS:
                said = now
                rate = done / (now - started)
                left = f", {max(total - done, 0) / rate / 60:.0f} min left" if total and rate else ""
                say(f"{label}: {done:,} done, {rate:,.0f}/s{left}")

        say(f"{label} ...")
        yield count
        say(f"{label}: {done:,} done")
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeLeft()]
    with Progress(*columns, console=Console(stderr=True), transient=False) as bar:
        task = bar.add_task(label, total=total)
        yield lambda steps: bar.advance(task, steps)


@contextmanager
def silent() -> Iterator[Callable[[int], None]]:
    """Stand in for :func:`progress` where the work is too short for a bar."""
    yield lambda _: None
