"""How far a batch is: a bar with rate, time left and failures, or a line every half minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from radrag.cli.output import LINE_SECONDS, say

if TYPE_CHECKING:
    from radrag.store.job_values import BatchStatus

Show = Callable[["BatchStatus", int], None]


def ended(status: BatchStatus) -> int:
    """Return how many jobs of a batch have come to an end, well or not."""
    return status.total - status.open


def summary(status: BatchStatus) -> str:
    """Return the counts of a batch that are not zero, in words."""
    return ", ".join(f"{count:,} {state}" for state, count in status.counts.items() if count) or "nothing submitted"


@contextmanager
def batch_progress(label: str) -> Iterator[Show]:
    """Show how far a batch is, on standard error."""
    if not sys.stderr.isatty():
        yield _Lines(label)
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft

    told = TextColumn("{task.fields[told]}")
    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), told, TimeLeft()]
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=60) as bar:
        task = bar.add_task(label, total=None, told="")

        def show(status: BatchStatus, workers: int) -> None:
            speed = bar.tasks[0].speed
            rate = f"{speed:,.1f}/s, " if speed else ""
            failed = status.total - status.open - status.counts[_done()]
            told = f"{rate}{workers} workers, {failed:,} failed"
            bar.update(task, completed=ended(status), total=status.total or None, told=told)

        yield show


class _Lines:
    """For something that is no terminal."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._started = self._said = time.monotonic()
        self._first: int | None = None

    def __call__(self, status: BatchStatus, workers: int) -> None:
        now, done = time.monotonic(), ended(status)
        if self._first is None:
            self._first = done
        if now - self._said < LINE_SECONDS:
            return
        self._said = now
        rate = (done - self._first) / (now - self._started)
        left = f", {(status.total - done) / rate / 60:.0f} min left" if rate else ""
        say(f"{self._label}: {summary(status)}; {rate:,.1f}/s, {workers} workers{left}")


def _done() -> Any:
    from radrag.store.job_values import JobState

    return JobState.DONE
