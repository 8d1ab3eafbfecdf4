"""A crew: worker processes, started again when one crashes, told to stop together; the jobs of the dead set free."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Protocol

from radrag.batch import alive
from radrag.batch.process import BROKEN, work
from radrag.batch.values import Event, WorkerOptions
from radrag.batch.worker import new_worker_name
from radrag.corpus.workers import default_workers
from radrag.errors import RadragError, StoreError
from radrag.processes import without_main

if TYPE_CHECKING:
    from radrag.settings import Settings
    from radrag.store.repository import Store

MOST_CRASHES = 5  # of workers in a row, without a job ended in between, after which the crew gives up


class WorkersBroken(RadragError):
    """The workers cannot start, or crash over and over."""

    code = "workers_broken"


class Workers(Protocol):
    """Workers that one command starts, watches and ends; where they are is their own affair."""

    @property
    def size(self) -> int:
        """How many workers live."""
        ...

    def start(self) -> None:
        """Start them."""
        ...

    def stop(self) -> None:
        """Tell them to finish what they have begun, give back the rest, and end."""
        ...

    def kill(self) -> None:
        """End them at once."""
        ...

    def watch(self, seconds: float) -> bool:
        """Pass events on for some seconds; return whether workers are left.

        Raises:
            WorkersBroken: they cannot start, or crash over and over.
        """
        ...


@dataclass(slots=True, eq=False)
class _Member:
    name: str
    process: SpawnProcess
    pipe: Connection


class Crew:
    """Workers of one command.

    Args:
        store: of the workspace, for what is to be said of workers that crashed.
        workers: how many; 0 for one a core.
        tell: called with each event, from :meth:`watch`.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        workers: int = 0,
        options: WorkerOptions | None = None,
        tell: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._store = store
        cores = default_workers()
        self._count = workers or cores
        self._options = replace(options or WorkerOptions(), cores=max(1, cores // self._count))
        self._tell = tell
        self._members: list[_Member] = []
        self._stopping = False
        self._crashes = 0
        self._fault: Event | None = None

    @property
    def size(self) -> int:
        """How many workers live."""
        return len(self._members)

    def start(self) -> None:
        """Set the jobs of workers that ended on this machine free, and start ours."""
        self.free_jobs_of_the_dead()
        for _ in range(self._count):
            self._add()

    def free_jobs_of_the_dead(self) -> None:
        """Take the jobs from workers of this machine whose processes have ended unseen."""
        folder = alive.folder_of(self._settings.workspace)
        for name in alive.ended(folder):
            self._store.lose_jobs(name, now=self._store.now(), policy=self._options.policy)
            alive.forget(folder, name)

    def stop(self) -> None:
        """Tell the workers to finish what they have begun, give back the rest, and end."""
        self._stopping = True
        for member in self._members:
            with contextlib.suppress(OSError):
                member.pipe.send("stop")

    def kill(self) -> None:
        """End the workers at once; their jobs are free when a crew starts next."""
        self._stopping = True
        for member in self._members:
            member.process.kill()

    def watch(self, seconds: float) -> bool:
        """Pass events on for some seconds; return whether workers are left.

        Raises:
            WorkersBroken: they cannot start, or crash over and over.
        """
        until = time.monotonic() + seconds
        while self._members and (left := until - time.monotonic()) > 0:
            pipes = {member.pipe: member for member in self._members}
            sentinels = {member.process.sentinel: member for member in self._members}
            for ready in wait([*pipes, *sentinels], timeout=left):
                if ready in sentinels:
                    self._bury(sentinels[ready])
                elif ready in pipes and pipes[ready] in self._members and not self._hear(pipes[ready]):
                    time.sleep(0.01)  # the sentinel will tell the rest
        if not self._members and self._fault is not None:
            raise WorkersBroken(self._fault.message or "The workers crash over and over.")
        return bool(self._members)

    def _add(self) -> None:
        context = multiprocessing.get_context("spawn")  # not fork: the parent has threads
        ours, theirs = context.Pipe()
        name = new_worker_name()
        arguments = (self._settings, self._options, name, theirs)
        process = context.Process(target=work, args=arguments, name=name)
        with without_main():
            process.start()
        theirs.close()
        self._members.append(_Member(name, process, ours))

    def _hear(self, member: _Member) -> bool:
        """Pass on what a worker says; False at its end."""
        try:
            event = member.pipe.recv()
        except (EOFError, OSError):
            return False
        if event.kind in ("drafted", "failed", "parked"):
            self._crashes = 0
        if event.kind == "broken":
            self._fault = event
            self.stop()
        self._tell(event)
        return True

    def _bury(self, member: _Member) -> None:
        """See to what a worker left behind when its process ended, and start another in its place if it crashed."""
        while member.pipe.poll() and self._hear(member):
            pass
        member.process.join()
        member.pipe.close()
        self._members.remove(member)
        if member.process.exitcode in (0, BROKEN):
            return
        self._crashes += 1
        self._tell(Event("crashed", member.name, code=f"exit {member.process.exitcode}"))
        with contextlib.suppress(StoreError):  # then its leases will end
            self._store.lose_jobs(
                member.name, now=self._store.now(), policy=self._options.policy, seen=not self._stopping
            )
            alive.forget(alive.folder_of(self._settings.workspace), member.name)
        if self._crashes >= MOST_CRASHES * self._count:
            self._fault = Event("broken", message="The workers crash over and over. Run: radrag doctor")
            self.stop()
        elif not self._stopping:
            self._add()
