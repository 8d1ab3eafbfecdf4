"""A run's progress on standard error: a bar with rate and time left, or a line a minute where nobody watches."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_SECONDS = 60.0


class RunProgress:
    """Shows how far a run is.

    Args:
        title: of the run.
        done: steps that earlier sittings did; they do not count for the rate.
    """

    def __init__(self, title: str, *, total: int, done: int) -> None:
        self._console = Console(stderr=True)
        self._title, self._total, self._first = title, total, done
        self._began = self._told = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=total, completed=done, rate="", numbers="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, done: int, numbers: Mapping[str, float]) -> None:
        """Tell that ``done`` steps are done, and the last measured numbers."""
        now = time.monotonic()
        rate = (done - self._first) / max(now - self._began, 1e-9)
        told = " ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        self._bar.update(self._task, completed=done, rate=f"{rate:.2f}/s", numbers=told)
        if not self._console.is_terminal and (now - self._told >= LINE_SECONDS or done == self._total):
            left = (self._total - done) / max(rate, 1e-9) / 60
            self._console.print(
                f"{self._title}: {done:,} of {self._total:,}, {rate:.2f}/s, {left:.0f} min left, {told}",
                highlight=False,
            )
            self._told = now
