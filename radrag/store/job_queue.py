"""Use cases around jobs: what waits to be drafted, who drafts it, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC

from sqlalchemy import func, select

from radrag.domain import Draft
from radrag.store import audit_log, drafts, jobs, known_jobs
from radrag.store.canonical import utc_now
from radrag.store.engine import Database
from radrag.store.job_values import (
    BatchStatus,
    Claim,
    Job,
    JobState,
    KnownJob,
    NewJob,
    RetryPolicy,
    Submitted,
    Wanted,
    later,
)
from radrag.store.rows import chunks
from radrag.store.values import AuditEvent

PAGE = 500


class Jobs:
    """The queue; the part of :class:`radrag.store.repository.Store` that batches and their workers use.

    ``now`` is ISO 8601 UTC with microseconds, of :meth:`now`.
    """

    _database: Database
    who: str
    origin: str

    def now(self) -> str:
        """Return the time by the database's clock, which all workers share; SQLite's is this machine's."""
        if self._database.engine.dialect.name != "postgresql":
            return utc_now()
        with self._database.reading() as session:
            moment = session.scalars(select(func.clock_timestamp())).one()
        return str(moment.astimezone(UTC).isoformat(timespec="microseconds"))

    def add_jobs(self, batch: str, new: Iterable[NewJob], *, now: str, priority: int = 100) -> Submitted:
        """Let a batch ask for jobs; those whose key is known are not added again, and those that are done stay done.

        Args:
            new: read as a stream, in transactions of 500.
            priority: lower comes first.
        """
        total = Submitted()
        for part in chunks(new, PAGE):
            with self._database.writing() as session:
                total += jobs.add(session, batch, part, priority, now)
        return total

    def claim_jobs(
        self, worker: str, wanted: Wanted, *, now: str, lease: float, policy: RetryPolicy | None = None
    ) -> list[Claim]:
        """Take jobs for a worker, best priority first, then oldest; those of ended leases are free again before.

        Args:
            worker: unique to a process and its start.
            lease: seconds until others may take the jobs, unless :meth:`hold_jobs` prolongs it.
        """
        with self._database.writing() as session:
            jobs.expire(session, now, policy or RetryPolicy())
            return jobs.claim(session, worker, wanted, now, later(now, lease))

    def hold_jobs(self, worker: str, *, now: str, lease: float) -> set[int]:
        """Prolong a worker's leases (its heartbeat); return the ids of the jobs that it still holds."""
        with self._database.writing() as session:
            return jobs.extend(session, worker, later(now, lease))

    def finish_job(self, claim: Claim, draft: Draft, *, now: str) -> bool:
        """Keep a draft, put it on record and end its job, all or nothing; False when the claim is void.

        Raises:
            StoreError: as :meth:`radrag.store.repository.Store.save_draft`.
        """
        new = drafts.prepared(draft)
        payload = {"draft_id": draft.draft_id, "content_sha256": new.sha256}
        event = AuditEvent("draft.saved", self.who, self.origin, draft.study.patient_key, payload)
        with self._database.writing() as session:
            if draft.transcripts:  # they are looked for before they are added
                audit_log.lock(session)
            if jobs.held(session, claim) is None:
                return False
            # Without them only the log's own row needs a turn, and all machines of a batch take turns there.
            if drafts.save(session, new):
                audit_log.append(session, event)
            cleared = {"draft_id": draft.draft_id, "error_code": "", "error": ""}
            jobs.end(session, claim, JobState.DONE, now, **cleared)
        return True

    def fail_job(
        self,
        claim: Claim,
        code: str,
        message: str,
        *,
        now: str,
        policy: RetryPolicy | None = None,
        for_good: bool = False,
    ) -> JobState | None:
        """Put a job back to be tried later, or park it; return which, or None when the claim is void.

        Args:
            code: stable name of the reason.
            message: the reason; no patient's name or id.
            for_good: whether another try would end the same.
        """
        with self._database.writing() as session:
            return jobs.fail(session, claim, code, message, now=now, policy=policy or RetryPolicy(), for_good=for_good)

    def give_back_job(self, claim: Claim) -> bool:
        """Put a job back untouched, as a worker does that is told to stop; False when the claim is void."""
        with self._database.writing() as session:
            return jobs.give_back(session, claim)

    def lose_jobs(self, worker: str, *, now: str, policy: RetryPolicy | None = None, seen: bool = False) -> list[int]:
        """Take all jobs from a worker that has ended, without waiting for its leases; return their ids.

        Args:
            seen: whether it was seen to crash. A job that it held alone is then to blame, and parked sooner.
        """
        with self._database.writing() as session:
            return jobs.lose(session, worker, now, policy or RetryPolicy(), seen=seen)

    def cancel_batch(self, batch: str, *, now: str, but: str = "") -> int:
        """Let a batch no longer ask for what is not done; return how many jobs it let go.

        A job that another batch asks for goes on.

        Args:
            but: versions whose jobs stay asked for; empty for none.
        """
        with self._database.writing() as session:
            return jobs.cancel(session, batch, now, but=but)

    def retry_batch(self, batch: str) -> int:
        """Let a batch's parked and cancelled jobs, and those that wait after a failure, be tried at once.

        Returns:
            How many. Refused files stay refused: submit them again when they are mended.
        """
        with self._database.writing() as session:
            return jobs.retry(session, batch)

    def batch_status(self, batch: str) -> BatchStatus:
        """Return how far a batch is; all counts are 0 for an unknown one."""
        with self._database.reading() as session:
            return jobs.status(session, batch)

    def open_jobs(self, batch: str, versions: str) -> bool:
        """Return whether a batch (or, unnamed, any) waits for jobs of some versions, or has them in work."""
        with self._database.reading() as session:
            return jobs.is_open(session, batch, versions)

    def batches(self) -> list[str]:
        """Return the names of all batches, in order of their first job."""
        with self._database.reading() as session:
            return jobs.batches(session)

    def iter_jobs(self, batch: str, states: Collection[JobState] = tuple(JobState)) -> Iterator[Job]:
        """Yield the jobs of a batch in some states, in order of arrival; no transaction is held between pages."""
        after = 0
        while True:
            with self._database.reading() as session:
                found = jobs.page(session, batch, states, after, PAGE)
            if not found:
                return
            yield from found
            after = found[-1].id

    def known_jobs(self, batch: str = "") -> Iterator[KnownJob]:
        """Yield all jobs but refused files, in order of arrival; no transaction is held between pages.

        Args:
            batch: of which it is told whether it asked for them: a name, the beginning of one and ``*``, or empty for
                any.
        """
        after = 0
        while True:
            with self._database.reading() as session:
                found = known_jobs.page(session, batch, after, PAGE)
            if not found:
                return
            yield from found
            after = found[-1].id
