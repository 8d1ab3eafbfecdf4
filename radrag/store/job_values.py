"""What the queue of jobs takes and gives."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    PARKED = "parked"  # given up, with its reason, until someone asks for a retry
    CANCELLED = "cancelled"
    REFUSED = "refused"  # a file that is no study that can be drafted


@dataclass(frozen=True, slots=True)
class NewJob:
    """A study to be drafted.

    Attributes:
        key: hash of all that decides the draft; the same key is drafted once.
        versions: hash of the parts that are to draft it; a worker takes jobs for its own parts only.
        source: where the study lies, JSON values.
        trace: id that follows the study through logs; hex.
        refused: (code, message) for a file that cannot be drafted: the job is kept for the report, and never run.
        replaces: keys of refused files that are a part of this study now.
    """

    key: str
    versions: str
    source: Mapping[str, Any]
    trace: str
    refused: tuple[str, str] | None = None
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker would take.

    Attributes:
        limit: how many jobs at most.
        batch: only what this batch asks for; empty for any.
        versions: only jobs for these parts; empty for any.
        suspects: jobs that a worker ended over before, instead of those without such a history.
    """

    limit: int = 1
    batch: str = ""
    versions: str = ""
    suspects: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A job in the hands of one worker; the proof that it is, for whoever ends it.

    Attributes:
        number: of the claims of this job, from 1: a later claim makes the earlier ones void.
        crashes: how often a worker ended while it held the job; such a job is run alone.
    """

    job: int
    key: str
    worker: str
    number: int
    source: Mapping[str, Any]
    trace: str
    crashes: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands in the store; times are ISO 8601 UTC, empty where they mean nothing yet.

    Attributes:
        priority: lower comes first.
        failures: how often drafting failed.
        crashes: how often a worker ended while it held the job.
        not_before: when it may be claimed again.
        error_code, error: why it failed last, or was parked or refused.
    """

    id: int
    key: str
    versions: str
    source: Mapping[str, Any]
    state: JobState
    priority: int
    claims: int
    failures: int
    crashes: int
    not_before: str
    worker: str
    lease_until: str
    error_code: str
    error: str
    draft_id: str
    trace: str
    created_at: str
    finished_at: str


@dataclass(frozen=True, slots=True)
class KnownJob:
    """What tells whether a study is to be drafted again.

    Attributes:
        created_at: when the job was added, ISO 8601 UTC.
        asked: whether the batch that was looked for asks, or asked, for it.
        signed: whether its draft was signed.
    """

    id: int
    versions: str
    source: Mapping[str, Any]
    state: JobState
    created_at: str
    asked: bool
    signed: bool


@dataclass(frozen=True, slots=True)
class Submitted:
    """How many jobs a submission added, and how many were known by their key already; refused files are neither."""

    added: int = 0
    known: int = 0

    def __add__(self, other: Submitted) -> Submitted:
        return Submitted(self.added + other.added, self.known + other.known)


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How far a batch is.

    Attributes:
        counts: jobs by state; all states are there.
        reasons: jobs that are parked, or wait after a failure, by error code.
    """

    batch: str
    counts: Mapping[JobState, int]
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All jobs of the batch."""
        return sum(self.counts.values())

    @property
    def open(self) -> int:
        """Jobs that are still to be ended."""
        return self.counts[JobState.WAITING] + self.counts[JobState.RUNNING]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a job is tried, and how long it waits in between.

    Attributes:
        failures: failed drafts after which a job is parked.
        seen_crashes: crashes of a worker that held this job alone, seen by whoever started it, after which it is
            parked; counted from the first crash in company.
        lost: ends of workers that nobody saw (a power cut, the whole command killed) after which it is parked: more,
            since the job may be innocent.
        base_seconds, most_seconds: wait after the first failure, doubled by each further one up to the most.
    """

    failures: int = 3
    seen_crashes: int = 2
    lost: int = 6
    base_seconds: float = 10.0
    most_seconds: float = 3600.0

    def wait(self, key: str, failures: int) -> float:
        """Return the seconds to wait after a failure: the doubled base times 0.5 to 1.5.

        The factor comes from job and count, so that runs can be repeated and jobs that failed together, as when a
        server went down, do not come back together.
        """
        draw = int.from_bytes(hashlib.sha256(f"{key} {failures}".encode()).digest()[:8], "big") / 2**64
        return min(self.most_seconds, self.base_seconds * 2.0 ** min(failures - 1, 60)) * (0.5 + draw)


def later(moment: str, seconds: float) -> str:
    """Return an ISO 8601 UTC time with microseconds, some seconds after another."""
    return (datetime.fromisoformat(moment) + timedelta(seconds=seconds)).isoformat(timespec="microseconds")
