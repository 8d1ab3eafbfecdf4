"""One command's batch: submit, work (here or on Ray), collect; can be ended at any moment and begun again likewise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from radrag.batch.crew import Crew, Workers
from radrag.batch.query import Query
from radrag.batch.queue import PRIORITY, Queue
from radrag.batch.results import ResultsFile
from radrag.batch.spilled import Spilled
from radrag.batch.values import Event, RayOptions, Submission, WorkerOptions
from radrag.errors import RadragError, StoreError, UsageError
from radrag.store.job_values import BatchStatus, JobState

if TYPE_CHECKING:
    from radrag.workspace import Workspace

LOOK_SECONDS = 1.0  # between looks at how far the batch is
LOOK_SHARE = 20  # and this many times as long as a look takes, so that millions of jobs are not counted all the time
STOP_SECONDS = 5.0  # that a submission is waited for when the run is to stop


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call is to do.

    Attributes:
        paths: to be submitted; see :meth:`radrag.batch.queue.Queue.submit`. None resumes what was submitted.
        query: chooses more studies, of those that the store knows.
        workers: processes; 0 for one a core.
        ray: the cluster that drafts; None for this machine.
        out: file for the drafts as JSON lines; None for the store alone.
        limit: studies and refused files that are submitted; None for all.
    """

    batch: str
    paths: Sequence[Path | str] = ()
    query: Query | None = None
    workers: int = 0
    ray: RayOptions | None = None
    out: Path | None = None
    priority: int = PRIORITY
    indication: str = ""
    limit: int | None = None
    options: WorkerOptions = field(default_factory=WorkerOptions)


class Stopped(Exception):
    """The submission was cut short; the next call goes on."""


class LocalRun:
    """One call: submission, progress and results are here, and so are the workers unless the plan names a cluster.

    Args:
        tell: called with each event of the workers.
        show: called about once a second with how far the batch is, and how many workers live.
    """

    def __init__(
        self,
        workspace: Workspace,
        plan: Plan,
        *,
        tell: Callable[[Event], None] = lambda _: None,
        show: Callable[[BatchStatus, int], None] = lambda *_: None,
    ) -> None:
        self._plan = plan
        self._queue = Queue(workspace)
        self._versions = self._queue.versions
        self._store = workspace.store
        self._tell = tell
        self._show = show
        self._stop = threading.Event()
        options = replace(plan.options, batch=plan.batch, stay=True, lines=plan.out is not None)
        self._crew = self._workers(workspace, options)
        self._results = ResultsFile(plan.out) if plan.out else None
        self._fault: RadragError | None = None
        self.submission: Submission | None = None

    def _workers(self, workspace: Workspace, options: WorkerOptions) -> Workers:
        settings, store, plan = workspace.settings, self._store, self._plan
        if plan.ray is None:
            return Crew(settings, store, workers=plan.workers, options=options, tell=self._hear)
        from radrag.batch.ray_runner import RayCrew

        return RayCrew(settings, store, plan.ray, workers=plan.workers, options=options, tell=self._hear)

    def stop(self) -> None:
        """Finish what was begun, give back the rest, and return from :meth:`run`. May be called from a signal."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stop.is_set()

    def kill(self) -> None:
        """End the workers at once."""
        self._stop.set()
        self._crew.kill()

    def run(self) -> BatchStatus:
        """Submit and draft; return how far the batch is when there is nothing left to do, or after a stop.

        Raises:
            WorkersBroken: the workers cannot start, or crash over and over.
            StoreError: the database was away for too long, or the results cannot be written.
            RadragError: the submission failed.
        """
        submitting = threading.Thread(target=self._submit, daemon=True)
        submitting.start()
        try:
            self._work(submitting)
        except BaseException:
            self._crew.kill()
            self._crew.watch(5)
            raise
        if self._fault is not None:
            raise self._fault
        self._collect()
        return self._look()

    def _submit(self) -> None:
        def check(_: Path) -> None:
            if self._stop.is_set():
                raise Stopped

        plan = self._plan
        try:
            self.submission = self._queue.submit(
                plan.paths,
                batch=plan.batch,
                query=plan.query,
                priority=plan.priority,
                indication=plan.indication,
                limit=plan.limit,
                progress=check,
            )
        except Stopped:
            return
        except RadragError as error:
            self._fault = error
            self._stop.set()

    def _work(self, submitting: threading.Thread) -> None:
        started = told = False
        look_at = 0.0
        while True:
            if not started and not self._stop.is_set() and self._open():
                self._crew.start()
                started = True
            left = self._crew.watch(LOOK_SECONDS / 4) if started else False
            if not started:
                time.sleep(LOOK_SECONDS / 10)
            finished = not submitting.is_alive() and not self._open()
            if (self._stop.is_set() or finished) and not told:
                self._crew.stop()
                told = True
            if told and not left:
                break
            if (now := time.monotonic()) > look_at:
                self._look()
                cost = time.monotonic() - now
                look_at = now + max(LOOK_SECONDS, LOOK_SHARE * cost)
        submitting.join(STOP_SECONDS if self.stopped else None)  # what it did not reach, the next call submits

    def _open(self) -> bool:
        try:
            return self._store.open_jobs(self._plan.batch, self._versions)
        except StoreError:  # the workers wait for it, and say so
            return True

    def _look(self) -> BatchStatus:
        try:
            status = self._queue.status(self._plan.batch)
        except StoreError:
            return BatchStatus(self._plan.batch, dict.fromkeys(JobState, 0))
        self._show(status, self._crew.size)
        return status

    def _hear(self, event: Event) -> None:
        if event.kind == "ready" and event.code != self._versions:
            self._fault = UsageError(
                "Index or model of the workspace were changed while this began.", hint="Give the same command again."
            )
            self._stop.set()
        if event.line and self._results is not None:
            try:
                self._results.add(event.draft_id, event.line)
            except OSError as error:  # the store has it: it is added at the end
                self._tell(Event("paused", code="results", message=f"Results: {error.strerror}."))
        self._tell(event)

    def _collect(self) -> None:
        """Add what other commands and machines drafted, and put all in the order of the studies."""
        if self._results is None:
            return
        from radrag.export.draft_json import draft_to_json

        done = Spilled()
        try:
            for job in self._store.iter_jobs(self._plan.batch, [JobState.DONE]):
                done[job.draft_id] = True
                if job.draft_id not in self._results:
                    self._results.add(job.draft_id, draft_to_json(self._store.draft(job.draft_id)))
            self._results.arrange(done)
        except OSError as error:
            raise StoreError(
                f"All drafts are kept in the workspace, but {self._plan.out} cannot be written: {error.strerror}.",
                hint="Make room, then give the same command again.",
            ) from None
        self._results.close()
