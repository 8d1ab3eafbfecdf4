"""A training run: seeded, resumable over several sittings, and safe against whatever ends it early.

::

    with Run(folder, config) as run:
        run.hold(model=network, optimiser=optimiser)  # goes on where the last checkpoint was
        for step in run.steps(total):
            ...
            run.log(step, loss=loss.item())
            if step % 500 == 0:
                run.improved(step, score(network))
        run.take_best()
"""

from __future__ import annotations

import fcntl
import math
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from radrag.errors import TrainingCode, TrainingError
from radrag.optional import require
from radrag.training import checkpoints, run_metrics
from radrag.training.run_config import RunConfig, same_run
from radrag.training.run_progress import RunProgress
from radrag.training.run_state import random_state, seed_everything, set_random_state

CHECKPOINTS, METRICS, CURVES, BEST, LOCK = "checkpoints", "metrics.jsonl", "curves.png", "best", ".lock"


class Stateful(Protocol):
    """A network, an optimiser, a schedule: torch's own way to take state out and put it back."""

    def state_dict(self) -> dict[str, Any]:
        """Return tensors, numbers and texts, nested."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Take back what :meth:`state_dict` returned."""
        ...


class Paused(Exception):
    """The sitting ended before the run: a signal, or its time was up. A checkpoint is written.

    Attributes:
        signalled: whether a signal ended it.
    """

    def __init__(self, message: str, *, signalled: bool) -> None:
        super().__init__(message)
        self.signalled = signalled


class Run:
    """One run in one folder, ``checkpoints/``, ``metrics.jsonl``, ``curves.png`` and ``config.json`` in it.

    Entering it seeds Python, numpy and torch, and takes the folder for this process.

    Args:
        folder: made where it is not there; one with a run of the same values resumes it.
        config: the run's values.
        again: the command that resumes, for messages.

    Raises:
        TrainingError: ``other_run``, on entering; see :func:`radrag.training.run_config.same_run`.
        MissingDependency: matplotlib is not installed.
    """

    def __init__(self, folder: Path, config: RunConfig, *, again: str = "") -> None:
        self.folder, self.config = folder, config
        self.done = 0
        self.best = -math.inf
        self.best_step = 0
        self._again = again or f"the same command with {shlex.quote(str(folder))}"
        self._held: dict[str, Stateful] = {}
        self._earlier = 0.0
        self._signal = 0
        self._last: dict[str, float] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        require("matplotlib", extra="train")  # said before hours of work, not after
        with checkpoints.disk_errors("the run's folder"):
            (self.folder / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(_alone(self.folder))
            same_run(self.folder, self.config)
            self._stack = stack.pop_all()
        seed_everything(self.config.seed)
        self._began = self._saved = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def seconds(self) -> float:
        """Wall-clock time of all sittings so far."""
        return self._earlier + time.monotonic() - self._began

    def hold(self, **parts: Stateful) -> int:
        """Name what checkpoints hold; where the folder has one, put it back into them, random numbers too.

        Returns:
            the steps that are done.

        Raises:
            TrainingError: ``bad_checkpoint``: none is whole, or of other parts than these.
        """
        self._held = parts
        found = checkpoints.latest(self.folder / CHECKPOINTS)
        if found:
            self._put_back(found.state)
            self.done = found.step
            self.best, self.best_step = found.state["best"], found.state["best_step"]
            self._earlier = found.state["seconds"]
            set_random_state(found.state["random"])
        run_metrics.cut(self.folder / METRICS, self.done)
        return self.done

    def steps(self, total: int, *, title: str = "Training") -> Iterator[int]:
        """Yield the numbers of the steps that are to be done, from 1; those of earlier sittings are left out.

        Before the first and after the last a signal does what it does without a run: there is nothing to lose. After
        each step, in this order: a signal or the end of the sitting's time is heeded, and a checkpoint is written
        when it is due. After the last one a checkpoint is written and the curves are drawn.

        Raises:
            Paused: the sitting is over.
            TrainingError: ``disk_full`` or ``diverged``.
        """
        with _on_signal(self._stop), RunProgress(title, total=total, done=self.done) as progress:
            for step in range(self.done + 1, total + 1):
                yield step
                self.done = step
                progress.show(step, self._last)
                over = self.config.minutes is not None and time.monotonic() - self._began > self.config.minutes * 60
                if (self._signal or over) and step < total:
                    self._pause(total)
                if time.monotonic() - self._saved > self.config.checkpoint_minutes * 60:
                    self.checkpoint()
        self.checkpoint()
        self.draw()

    def log(self, step: int, **metrics: float) -> None:
        """Write numbers down, and stop where one is none.

        Raises:
            TrainingError: ``diverged``; nothing is saved after it. ``disk_full``.
        """
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise TrainingError(
                    TrainingCode.DIVERGED,
                    f"{name} is {value} at step {step}. The last good checkpoint is kept.",
                    hint="Lower the learning rate (or raise its warm-up), and begin again in a new folder.",
                )
        self._last = dict(metrics)
        run_metrics.append(self.folder / METRICS, {"step": step, "seconds": round(self.seconds, 1)} | metrics)

    def improved(self, step: int, score: float) -> bool:
        """Whether a score (higher is better) is the best so far; then what is held is kept as ``best``."""
        if not score > self.best:
            return False
        self.best, self.best_step = score, step
        checkpoints.save(self.folder / CHECKPOINTS, self.best_step, self._state(), name=BEST)
        return True

    def take_best(self) -> int:
        """Put the best state back into what is held, and return its step; 0 and no change where none was kept.

        Raises:
            TrainingError: ``bad_checkpoint``.
        """
        if not (self.folder / CHECKPOINTS / BEST).is_dir():
            return 0
        found = checkpoints.load(self.folder / CHECKPOINTS / BEST)
        self._put_back(found.state)
        return found.step

    def checkpoint(self) -> None:
        """Write a checkpoint now; between steps only, so that the step's number says what is done.

        Raises:
            TrainingError: ``disk_full`` or ``diverged``.
        """
        checkpoints.save(self.folder / CHECKPOINTS, self.done, self._state())
        self._saved = time.monotonic()

    def draw(self) -> None:
        """Draw the curves of all that was logged."""
        run_metrics.draw(run_metrics.read(self.folder / METRICS), self.folder / CURVES)

    def _state(self) -> dict[str, Any]:
        return {
            "held": {name: part.state_dict() for name, part in self._held.items()},
            "random": random_state(),
            "best": self.best,
            "best_step": self.best_step,
            "seconds": self.seconds,
        }

    def _put_back(self, state: dict[str, Any]) -> None:
        if set(state["held"]) != set(self._held):
            raise TrainingError(
                TrainingCode.BAD_CHECKPOINT,
                f"The checkpoint holds {', '.join(sorted(state['held']))}, not {', '.join(sorted(self._held))}.",
                hint="It was written by another version of radrag: begin again in a new folder.",
            )
        try:
            for name, part in self._held.items():
                part.load_state_dict(state["held"][name])
        except (RuntimeError, ValueError, KeyError) as error:
            raise TrainingError(
                TrainingCode.BAD_CHECKPOINT,
                "The checkpoint does not fit this network.",
                hint="It was written by another version of radrag: begin again in a new folder.",
            ) from error

    def _stop(self, number: int) -> None:
        self._signal = number

    def _pause(self, total: int) -> None:
        self.checkpoint()
        self.draw()
        why = signal.Signals(self._signal).name if self._signal else f"{self.config.minutes:g} minutes are over"
        raise Paused(
            f"Stopped after step {self.done:,} of {total:,} ({why}). Resume it with: {self._again}",
            signalled=bool(self._signal),
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a run's folder for this process; the system lets go of it when the process ends, however it ends."""
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(
                TrainingCode.OTHER_RUN,
                f"Another process trains in {folder.name}.",
                hint="Wait for it, or name a new folder.",
            ) from None
        yield


@contextmanager
def _on_signal(stop: Callable[[int], None]) -> Iterator[None]:
    """Call a function on the first SIGTERM or Ctrl-C; the second one ends the process as it would without us."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    before = {int(number): signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def called(number: int, _frame: object) -> None:
        stop(number)
        signal.signal(number, before[number])

    for number in before:
        signal.signal(number, called)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
