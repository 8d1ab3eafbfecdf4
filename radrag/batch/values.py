"""What batches take and give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radrag.store.job_values import RetryPolicy


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of the files of one submission.

    Attributes:
        studies: that were found in them.
        added: of these, how many were not known; the others are waiting, parked or drafted already.
        refused: files that cannot be drafted; the batch's report names them.
        dropped: jobs that the batch no longer asks for, since other parts were to draft them.
    """

    batch: str
    studies: int
    added: int
    refused: int
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works.

    Attributes:
        batch: the batch that it serves; empty for all.
        cores: how many stages may compute at the same time.
        lease: seconds until others may take its jobs, if it is not heard of.
        poll: seconds between looks for new jobs when there are none.
        stay: whether it waits for jobs that may come, instead of ending when there are none.
        lines: whether its events carry each draft as a line of JSON.
        patience: seconds that it waits for a database that does not answer, or has no room.
    """

    batch: str = ""
    cores: int = 1
    lease: float = 60.0
    poll: float = 1.0
    stay: bool = False
    lines: bool = False
    patience: float = 900.0
    policy: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, slots=True)
class RayOptions:
    """Which Ray cluster drafts, and what each worker takes of it.

    Attributes:
        address: ``HOST:PORT`` of a cluster; ``auto`` for the one that runs on this machine or ``RAY_ADDRESS`` names,
            else one of this machine's own that ends with the command; ``local`` for that one in any case.
        gpus: share of a GPU for each worker; 0 for none.
    """

    address: str = "auto"
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a worker tells; nothing in it identifies a patient, but for ``line``.

    Attributes:
        kind: ready, drafted, failed (to be tried again), parked, lost (the job was cancelled or went to someone else),
            given_back, paused, resumed, broken (the worker cannot go on), crashed, ended.
        job, trace: what it is about; 0 and empty where it is about no job.
        code, message: why; for people. With ready, the code is the hash of the worker's parts.
        seconds: stage → how long it took.
        line: the draft as JSON of ``radrag.draft/1``, where it was asked for.
    """

    kind: str
    worker: str = ""
    job: int = 0
    trace: str = ""
    code: str = ""
    message: str = ""
    draft_id: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    line: str = ""

    def record(self) -> dict[str, Any]:
        """Return what a log may hold of it."""
        named = {"event": self.kind, "worker": self.worker, "job": self.job, "trace": self.trace, "code": self.code}
        told = {"message": self.message, "draft_id": self.draft_id}
        rounded = {name: round(value, 4) for name, value in self.seconds.items()}
        return {name: value for name, value in (named | told | {"seconds": rounded}).items() if value}


def inbox_of(workspace: Path) -> Path:
    """Return the folder of a workspace that uploaded files are copied to."""
    return workspace / "inbox"
