"""Jobs: claimed by lease, so that each is in one worker's hands at most, and none is lost with its worker.

A claim counts until its lease ends and someone notices (:func:`expire`). Whoever ends a job shows the claim, and is
refused when the job went to someone else meanwhile: so a job ends once, however late a worker comes back.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, delete, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from radrag.store.job_values import BatchStatus, Claim, Job, JobState, NewJob, RetryPolicy, Submitted, Wanted, later
from radrag.store.rows import chunks
from radrag.store.tables_jobs import BatchJobRow, JobRow

LOCK = 0x7261646A6F  # "radjo": any number, the same in every radrag
OPEN = (JobState.WAITING, JobState.RUNNING)
AGAIN: dict[str, Any] = {
    "state": JobState.WAITING, "failures": 0, "crashes": 0, "not_before": "", "error_code": "", "error": "",
}  # fmt: skip
"""What a job is set to when someone asks for it once more."""


def add(session: Session, batch: str, jobs: Sequence[NewJob], priority: int, now: str) -> Submitted:
    """Add jobs that are not known by their key, and let the batch ask for all of them.

    A known job that was cancelled waits again; a parked one stays parked (:func:`retry`). The better priority stays.
    """
    if session.get_bind().dialect.name == "postgresql":  # two that insert the same keys could wait for each other
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    replaced = [key for job in jobs for key in job.replaces]
    for part in chunks(replaced):
        session.execute(delete(JobRow).where(JobRow.key.in_(part), JobRow.state == JobState.REFUSED))
    keys = list(dict.fromkeys(job.key for job in jobs))
    by_key = {job.key: job for job in jobs}
    added = 0
    for part in chunks(keys):
        rows = [_row(by_key[key], priority, now) for key in part]
        made = _unless_there(session, JobRow.__table__, ["key"]).returning(JobRow.id, JobRow.state)
        new = {one.id: one.state for one in session.execute(made, rows)}
        added += sum(state == JobState.WAITING for state in new.values())
        ids = session.scalars(select(JobRow.id).where(JobRow.key.in_(part))).all()
        asked = _unless_there(session, BatchJobRow.__table__, ["batch", "job_id"], {"dropped": False})
        session.execute(asked, [{"batch": batch, "job_id": one, "dropped": False} for one in ids])
        mine = JobRow.id.in_(set(ids) - new.keys())
        session.execute(update(JobRow).where(mine, JobRow.state == JobState.CANCELLED).values(**AGAIN))
        session.execute(update(JobRow).where(mine, JobRow.priority > priority).values(priority=priority))
    return Submitted(added, sum(by_key[key].refused is None for key in keys) - added)


def _row(job: NewJob, priority: int, now: str) -> dict[str, Any]:
    code, message = job.refused or ("", "")
    return {
        "key": job.key,
        "versions": job.versions,
        "source": json.dumps(job.source),
        "state": JobState.REFUSED if job.refused else JobState.WAITING,
        "priority": priority,
        "claims": 0,
        "failures": 0,
        "crashes": 0,
        "not_before": "",
        "worker": "",
        "lease_until": "",
        "error_code": code,
        "error": message,
        "draft_id": "",
        "trace": job.trace,
        "created_at": now,
        "finished_at": now if job.refused else "",
    }


def _unless_there(session: Session, table: Any, key: list[str], otherwise: dict[str, Any] | None = None) -> Any:
    """Return an insert that passes over rows whose key is there, or sets ``otherwise`` in them."""
    made = (postgresql if session.get_bind().dialect.name == "postgresql" else sqlite).insert(table)
    if otherwise is None:
        return made.on_conflict_do_nothing(index_elements=key)
    return made.on_conflict_do_update(index_elements=key, set_=otherwise)


def claim(session: Session, worker: str, wanted: Wanted, now: str, until: str) -> list[Claim]:
    """Take waiting jobs, best priority first, then oldest; ``until`` is the end of the lease."""
    ready = select(JobRow.__table__).where(
        JobRow.state == JobState.WAITING,
        JobRow.crashes > 0 if wanted.suspects else JobRow.crashes == 0,
        JobRow.not_before <= now,
    )
    if wanted.versions:
        ready = ready.where(JobRow.versions == wanted.versions)
    if wanted.batch:
        ready = ready.where(JobRow.id.in_(_of(wanted.batch, (JobState.WAITING,))))
    first = ready.order_by(JobRow.priority, JobRow.id).limit(wanted.limit)
    rows = session.execute(first.with_for_update(skip_locked=True)).all()  # SQLite has one writer, and no such words
    lease = {"state": JobState.RUNNING, "worker": worker, "lease_until": until, "claims": JobRow.claims + 1}
    session.execute(update(JobRow).where(JobRow.id.in_([row.id for row in rows])).values(**lease))
    return [
        Claim(row.id, row.key, worker, row.claims + 1, json.loads(row.source), row.trace, row.crashes) for row in rows
    ]


def expire(session: Session, now: str, policy: RetryPolicy) -> int:
    """Take jobs whose lease has ended from their workers; return how many."""
    ended = select(JobRow.__table__).where(JobRow.state == JobState.RUNNING, JobRow.lease_until < now)
    rows = session.execute(ended.with_for_update(skip_locked=True)).all()
    for row in rows:
        _lose(session, row, now, policy.lost)
    return len(rows)


def extend(session: Session, worker: str, until: str) -> set[int]:
    """Prolong the leases of a worker; return the ids of the jobs that are still in its hands."""
    mine = update(JobRow).where(JobRow.state == JobState.RUNNING, JobRow.worker == worker)
    return set(session.scalars(mine.values(lease_until=until).returning(JobRow.id)))


def lose(session: Session, worker: str, now: str, policy: RetryPolicy, *, seen: bool) -> list[int]:
    """Take all jobs from a worker that has ended; return their ids.

    Args:
        seen: whether it was seen to crash. A job that it held alone is then to blame, and parked sooner.
    """
    held = select(JobRow.__table__).where(JobRow.state == JobState.RUNNING, JobRow.worker == worker)
    rows = session.execute(held.with_for_update()).all()
    for row in rows:
        _lose(session, row, now, policy.seen_crashes if seen and len(rows) == 1 else policy.lost)
    return [row.id for row in rows]


def _lose(session: Session, row: Any, now: str, limit: int) -> None:
    crashes = row.crashes + 1
    values: dict[str, Any] = {"state": JobState.WAITING, "crashes": crashes, "worker": "", "lease_until": ""}
    if crashes >= limit:
        message = f"The worker ended {crashes} times while it drafted this study."
        values |= {
            "state": JobState.PARKED, "error_code": "worker_lost", "error": message, "finished_at": now,
        }  # fmt: skip
    session.execute(update(JobRow).where(JobRow.id == row.id).values(**values))


def held(session: Session, claim: Claim) -> Any:
    """Return the row of a claimed job, locked; None when the claim is void."""
    query = select(JobRow.__table__).where(
        JobRow.id == claim.job,
        JobRow.state == JobState.RUNNING,
        JobRow.worker == claim.worker,
        JobRow.claims == claim.number,
    )
    return session.execute(query.with_for_update()).one_or_none()


def end(session: Session, claim: Claim, state: JobState, now: str, **values: Any) -> None:
    """Let a held job leave its worker for good."""
    left = {"state": state, "worker": "", "lease_until": "", "finished_at": now}
    session.execute(update(JobRow).where(JobRow.id == claim.job).values(**left, **values))


def fail(
    session: Session, claim: Claim, code: str, message: str, *, now: str, policy: RetryPolicy, for_good: bool
) -> JobState | None:
    """Put a job that could not be drafted back, to be tried later, or park it; None when the claim is void.

    Args:
        for_good: whether another try would end the same.
    """
    row = held(session, claim)
    if row is None:
        return None
    failures = row.failures + 1
    values = {"failures": failures, "error_code": code, "error": message}
    if for_good or failures >= policy.failures:
        end(session, claim, JobState.PARKED, now, **values)
        return JobState.PARKED
    again = later(now, policy.wait(claim.key, failures))
    _put_back(session, claim, not_before=again, **values)
    return JobState.WAITING


def give_back(session: Session, claim: Claim) -> bool:
    """Put a job back untouched; False when the claim is void."""
    if held(session, claim) is None:
        return False
    _put_back(session, claim)
    return True


def _put_back(session: Session, claim: Claim, **values: Any) -> None:
    waiting = {"state": JobState.WAITING, "worker": "", "lease_until": ""}
    session.execute(update(JobRow).where(JobRow.id == claim.job).values(**waiting, **values))


def _of(batch: str, states: Collection[JobState]) -> Select[Any]:
    """Return the ids of a batch's jobs in some states."""
    query = select(JobRow.id).join(BatchJobRow, BatchJobRow.job_id == JobRow.id)
    return query.where(BatchJobRow.batch == batch, BatchJobRow.dropped.is_(False), JobRow.state.in_(states))


def cancel(session: Session, batch: str, now: str, *, but: str = "") -> int:
    """Let a batch no longer ask for what is not done; return how many jobs it let go.

    A job that another batch asks for goes on.

    Args:
        but: versions whose jobs stay asked for.
    """
    ids = session.scalars(_of(batch, OPEN).where(JobRow.versions != but)).all()
    for part in chunks(ids):
        dropped = update(BatchJobRow).where(BatchJobRow.batch == batch, BatchJobRow.job_id.in_(part))
        session.execute(dropped.values(dropped=True))
        wanted = select(BatchJobRow.job_id).where(BatchJobRow.dropped.is_(False))
        nobodys = update(JobRow).where(JobRow.id.in_(part), JobRow.state.in_(OPEN), JobRow.id.not_in(wanted))
        left = {"state": JobState.CANCELLED, "worker": "", "lease_until": "", "finished_at": now}
        session.execute(nobodys.values(**left))
    return len(ids)


def retry(session: Session, batch: str) -> int:
    """Let a batch's parked and cancelled jobs, and those that wait after a failure, be tried at once; return how many.

    Refused files stay refused: submit them again when they are mended.
    """
    back = update(BatchJobRow).where(BatchJobRow.batch == batch, BatchJobRow.dropped.is_(True))
    session.execute(back.values(dropped=False))
    ids = list(session.scalars(_of(batch, (JobState.PARKED, JobState.CANCELLED))))
    ids += session.scalars(_of(batch, (JobState.WAITING,)).where(JobRow.failures > 0))
    for part in chunks(ids):
        session.execute(update(JobRow).where(JobRow.id.in_(part)).values(**AGAIN, finished_at=""))
    return len(ids)


def status(session: Session, batch: str) -> BatchStatus:
    """Return how far a batch is; all counts are 0 for an unknown one."""
    states = dict.fromkeys(JobState, 0)
    joined = select(JobRow.state, BatchJobRow.dropped, func.count()).join(BatchJobRow, BatchJobRow.job_id == JobRow.id)
    of_batch = joined.where(BatchJobRow.batch == batch).group_by(JobRow.state, BatchJobRow.dropped)
    for state, dropped, count in session.execute(of_batch):
        states[JobState.CANCELLED if dropped and state in OPEN else JobState(state)] += count
    coded = select(JobRow.error_code, func.count()).join(BatchJobRow, BatchJobRow.job_id == JobRow.id)
    troubled = coded.where(BatchJobRow.batch == batch, JobRow.error_code != "").group_by(JobRow.error_code)
    reasons = {code: int(count) for code, count in session.execute(troubled.order_by(JobRow.error_code))}
    return BatchStatus(batch, states, reasons)


def is_open(session: Session, batch: str, versions: str) -> bool:
    """Return whether a batch (or, unnamed, any) waits for jobs of some versions, or has them in work."""
    ids = _of(batch, OPEN) if batch else select(JobRow.id).where(JobRow.state.in_(OPEN))
    return session.scalar(ids.where(JobRow.versions == versions).limit(1)) is not None


def batches(session: Session) -> list[str]:
    """Return the names of all batches, in order of their first job."""
    query = select(BatchJobRow.batch).group_by(BatchJobRow.batch).order_by(func.min(BatchJobRow.job_id))
    return list(session.scalars(query))


def page(session: Session, batch: str, states: Collection[JobState], after: int, limit: int) -> list[Job]:
    """Return jobs of a batch in some states with ids above ``after``, by id."""
    query = select(JobRow.__table__).where(JobRow.id.in_(_of(batch, states)), JobRow.id > after)
    rows = session.execute(query.order_by(JobRow.id).limit(limit))
    return [
        Job(**{**row._mapping, "source": json.loads(row.source), "state": JobState(row.state)}) for row in rows
    ]  # fmt: skip
