"""A crew on a Ray cluster: an actor for each worker, replaced when its process or machine is lost.

Not Ray Data: it repeats what did not end, so a study that crashes its worker is tried for ever and holds up the rest,
and a claimed job would be claimed again by whatever block is computed anew (docs/batch.md has what was seen).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from radrag.batch import alive
from radrag.batch.crew import MOST_CRASHES, WorkersBroken
from radrag.batch.process import draft_jobs
from radrag.batch.ray_cluster import connect
from radrag.batch.ray_worker import RayWorker
from radrag.batch.values import Event, RayOptions, WorkerOptions
from radrag.errors import StoreError, UsageError
from radrag.optional import require

if TYPE_CHECKING:
    from radrag.settings import Settings
    from radrag.store.repository import Store

LISTEN_SECONDS = 5.0  # that an actor waits for something to tell, before it answers that there is nothing
GIVEN_UP = (
    "The workers crash over and over. Is this version of radrag, with the same Python, on all machines of the cluster?"
    " Run there: radrag doctor"
)
UNREACHED_SECONDS = 1.0  # before a worker that could not be reached is asked again


@dataclass(slots=True, eq=False)
class _Member:
    actor: Any
    answer: Any  # that is waited for: of ``begin`` first, then of ``listen``
    name: str = ""  # empty until it has begun


class RayCrew:
    """Workers of one command on a Ray cluster; as :class:`radrag.batch.crew.Crew` on one machine.

    Jobs are claimed, held and ended in the store by the workers themselves, as everywhere: Ray only says where they
    run, and when one is lost.

    Args:
        store: of the workspace, for what is to be said of workers that were lost.
        workers: how many; 0 for as many as the cluster has cores, and GPUs for their shares.
        tell: called with each event, from :meth:`watch`.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        where: RayOptions,
        *,
        workers: int = 0,
        options: WorkerOptions | None = None,
        tell: Callable[[Event], None] = lambda _: None,
    ) -> None:
        if where.gpus and settings.device == "cpu":
            raise UsageError("The workers would not use their GPUs.", hint="Set RADRAG_DEVICE=cuda.")
        self._settings = settings
        self._store = store
        self._where = where
        self._count = workers
        self._options = options or WorkerOptions()
        self._tell = tell
        self._members: list[_Member] = []
        self._stopping = False
        self._crashes = 0
        self._fault: Event | None = None
        self._ours = False  # whether the connection to the cluster is this crew's to end

    @cached_property
    def _ray(self) -> Any:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would send statistics to its makers
        return require("ray", extra="cluster")

    @property
    def size(self) -> int:
        """How many workers have begun and live; others may wait for room in the cluster."""
        return sum(bool(member.name) for member in self._members)

    def start(self) -> None:
        """Set the jobs of workers that ended on this machine free, and start ours.

        Raises:
            NoCluster: the cluster cannot be reached.
            UsageError: the workers' machines could not share the database.
        """
        self._connect()
        folder = alive.folder_of(self._settings.workspace)
        for name in alive.ended(folder):
            self._store.lose_jobs(name, now=self._store.now(), policy=self._options.policy)
            alive.forget(folder, name)
        self._count = self._count or self._room()
        for _ in range(self._count):
            self._add()

    def stop(self) -> None:
        """Tell the workers to finish what they have begun, give back the rest, and end."""
        self._stopping = True
        for member in list(self._members):
            if member.name:
                member.actor.stop.remote()
            else:  # it may wait for room for ever
                self._ray.kill(member.actor)

    def kill(self) -> None:
        """End the workers at once; their jobs are free when a crew starts next on their machine, or by their leases."""
        self._stopping = True
        for member in list(self._members):
            self._ray.kill(member.actor)

    def watch(self, seconds: float) -> bool:
        """Pass events on for some seconds; return whether workers are left.

        Raises:
            WorkersBroken: they cannot start, or were lost over and over.
        """
        until = time.monotonic() + seconds
        while self._members and (left := until - time.monotonic()) > 0:
            waited = {member.answer: member for member in self._members}
            ready, _ = self._ray.wait(list(waited), num_returns=1, timeout=left)
            for answer in ready:
                self._hear(waited[answer])
        if not self._members:
            self._leave()
            if self._fault is not None:
                raise WorkersBroken(self._fault.message)
        return bool(self._members)

    def _connect(self) -> None:
        if not self._ray.is_initialized():
            connect(self._ray, self._where.address)
            self._ours = True
        machines = sum(node["Alive"] for node in self._ray.nodes())
        if machines > 1 and self._settings.url.startswith("sqlite"):
            self._leave()
            raise UsageError(
                f"The cluster has {machines} machines, and they cannot share a database of SQLite.",
                hint="Set RADRAG_DATABASE_URL to a PostgreSQL database.",
            )

    def _leave(self) -> None:
        if self._ours:
            self._ours = False
            self._ray.shutdown()

    def _room(self) -> int:
        """Return how many workers the cluster has room for."""
        whole = self._ray.cluster_resources()
        room = int(whole.get("CPU", 1))
        if self._where.gpus:
            room = min(room, int(whole.get("GPU", 0) / self._where.gpus))
        return max(1, room)

    def _add(self) -> None:
        kind = self._ray.remote(RayWorker).options(
            num_cpus=1,
            num_gpus=self._where.gpus,
            max_restarts=0,  # the crew does it, after it has seen to the jobs
            max_concurrency=3,
            runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}},  # before anything is imported
        )
        actor = kind.remote()
        self._members.append(_Member(actor, actor.begin.remote(self._settings, self._options, draft_jobs)))

    def _hear(self, member: _Member) -> None:
        """Take a worker's answer, pass on what it tells, and wait for the next."""
        errors = self._ray.exceptions
        try:
            answer = self._ray.get(member.answer)
        except errors.ActorUnavailableError as error:  # its machine may be back soon; if not, Ray will say that it died
            if not member.name:  # nobody knows whether it was told to begin
                self._ray.kill(member.actor)
                self._bury(member, type(error).__name__)
                return
            time.sleep(UNREACHED_SECONDS)
            answer = ([], False)
        except errors.RayError as error:
            self._bury(member, type(error).__name__)
            return
        if isinstance(answer, str):
            member.name, answer = answer, ([], False)
            if self._stopping:
                member.actor.stop.remote()
        events, over = answer
        for event in events:
            if event.kind in ("drafted", "failed", "parked"):
                self._crashes = 0
            if event.kind == "broken":
                self._fault = event
                self.stop()
            self._tell(event)
        if over:
            self._members.remove(member)
            self._ray.kill(member.actor)
        else:
            member.answer = member.actor.listen.remote(LISTEN_SECONDS)

    def _bury(self, member: _Member, code: str) -> None:
        """See to what a lost worker left behind, and start another in its place."""
        self._members.remove(member)
        if not member.name and self._stopping:
            return
        self._crashes += 1
        self._tell(Event("crashed", member.name, code=code))
        if member.name:
            self._free_jobs_of(member)
        if self._crashes >= MOST_CRASHES * self._count:
            self._fault = Event("broken", message=GIVEN_UP)
            self.stop()
        elif not self._stopping:
            self._add()

    def _free_jobs_of(self, member: _Member) -> None:
        with contextlib.suppress(StoreError):  # then its leases will end
            self._store.lose_jobs(
                member.name, now=self._store.now(), policy=self._options.policy, seen=not self._stopping
            )
            alive.forget(alive.folder_of(self._settings.workspace), member.name)
