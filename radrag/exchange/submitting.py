"""From inbox to queue: a study is submitted once nothing was added to it for a while, and again when it has grown."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radrag.batch.queue import Queue
from radrag.batch.submission import paths_of, prior_of
from radrag.errors import RadragError
from radrag.exchange.arrivals import Arrivals
from radrag.exchange.values import Told
from radrag.store.job_values import JobState

if TYPE_CHECKING:
    from radrag.workspace import Workspace

PREFIX = "arrived"
PRIORITY = 50  # before batches, after somebody who waits at a screen
RETRY_SECONDS = 30.0


class _Pinned(Queue):
    """A queue that takes no notice of an index built meanwhile, so that a batch is never asked for two versions."""

    pinned = ""

    @property
    def versions(self) -> str:
        return self.pinned or super().versions

    def pin(self) -> str:
        """Read what drafts now; return it."""
        self.pinned = ""
        self.pinned = self.versions
        return self.pinned


class Submitter:
    """Submits what has arrived, a batch a day.

    A batch is named by the ledger, since listeners of several workspaces may share a database, by the day, and by the
    parts that are to draft: what is not drafted yet for an earlier index or model is submitted anew for the present
    one, and nothing is let go without that.

    Args:
        quiet: seconds without a new image after which a study counts as complete.
        tell: called with each event.
    """

    def __init__(
        self,
        workspace: Workspace,
        arrivals: Arrivals,
        *,
        quiet: float,
        tell: Callable[[Told], None] = lambda _: None,
    ) -> None:
        self._queue = _Pinned(workspace)
        self._arrivals = arrivals
        self._prefix = f"{PREFIX}-{arrivals.ledger.name}"
        self._quiet = quiet
        self._tell = tell
        self._moved_to = ""
        self._not_before = 0.0
        self._next_look = 0.0

    def submit(self) -> int:
        """Submit the studies that are complete; return how many.

        When the database is away, or there is no index yet, they wait in the ledger and are tried again.
        """
        due = self._arrivals.ledger.quiet(self._quiet)
        now = time.monotonic()
        if now < self._not_before or (not due and now < self._next_look):
            return 0
        self._next_look = now + RETRY_SECONDS
        done = 0
        try:
            versions = self._queue.pin()
            if versions != self._moved_to:
                self._move_open()
                self._moved_to = versions
            for arrival in due:
                paths, prior = (
                    [self._arrivals.inbox / name for name in names] for names in (arrival.files, arrival.prior)
                )
                self._queue.submit(paths, batch=self._batch(), priority=PRIORITY, prior=prior)
                self._arrivals.ledger.submitted(arrival)
                done += 1
        except RadragError as error:
            self._not_before = time.monotonic() + RETRY_SECONDS
            if due:
                self._tell(Told("waiting", code=error.code, message=str(error), count=len(due) - done))
        if done:
            self._tell(Told("submitted", count=done))
        return done

    def _batch(self) -> str:
        return f"{self._prefix}-{datetime.now(UTC).date()}-{self._queue.pinned[:8]}"

    def _move_open(self) -> None:
        """Submit for the present parts what earlier ones have not drafted."""
        store, ending = self._queue.store, self._queue.pinned[:8]
        for batch in store.batches():
            if not batch.startswith(f"{self._prefix}-") or batch.endswith(ending):
                continue
            for job in store.iter_jobs(batch, [JobState.WAITING, JobState.RUNNING]):
                paths, prior = paths_of(job.source), prior_of(job.source)
                self._queue.submit(paths, batch=self._batch(), priority=PRIORITY, prior=prior)
            store.cancel_batch(batch, now=store.now())
