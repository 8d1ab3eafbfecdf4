"""A worker: takes jobs, drafts them stage by stage in threads, ends each with its draft or its reason.

While one study is decoded, the one before is looked at, and the one before that written and checked. What waits
between the stages is bounded by the number of jobs that a worker holds.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol, TypeVar

from radrag.batch.stages import Hand, Stages, for_good, reason
from radrag.batch.values import Event, WorkerOptions
from radrag.errors import RadragError, StoreError
from radrag.store.engine import NoRoom
from radrag.store.job_values import Claim, JobState, Wanted

if TYPE_CHECKING:
    from pathlib import Path

    from radrag.drafting import Drafter
    from radrag.store.repository import Store

Result = TypeVar("Result")

AHEAD = 4  # studies that wait between stages, so that none runs dry
LUMP = 3  # jobs that are claimed together, since each claim is a transaction
FETCHERS = 4  # studies that are copied from a store at the same time
REMOTE_WRITERS = 4  # answers of a server that are waited for at the same time
TRIES = 3  # of what the database refused although it answers: two writers may have been in each other's way
OUTAGE_SECONDS = 5.0  # between looks whether the database is back


class Stop(Protocol):
    """Says whether to stop; :class:`threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...


def new_worker_name() -> str:
    """Return a name for a worker of this process; no other start of a process will have it."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


class Worker:
    """Drafts what the queue has, in this process.

    Args:
        name: unique, from :func:`new_worker_name`.
        versions: the parts of ``drafter`` (:func:`radrag.batch.versions.versions_of`).
        salt: secret for patient keys.
        remote: whether the generator is a server, so that several answers can be waited for.
        scratch: folder for copies of files that lie in a store; None for the system's.
        tell: called with each event, from any thread.
    """

    def __init__(
        self,
        name: str,
        store: Store,
        drafter: Drafter,
        *,
        versions: str,
        salt: str,
        remote: bool = False,
        scratch: Path | None = None,
        options: WorkerOptions | None = None,
        tell: Callable[[Event], None] = lambda _: None,
    ) -> None:
        self.name = name
        self._store = store
        self._versions = versions
        self._options = options or WorkerOptions()
        self._tell = tell
        stages = Stages(drafter, salt, scratch)
        cores, writers = self._options.cores, REMOTE_WRITERS if remote else 1
        self._capacity = cores + 1 + writers + AHEAD
        # No more stages at once than there are cores: threads that wait for Python's lock slow each other down.
        self._turn = threading.Semaphore(cores)
        # Stages that wait more than they compute: for a server, for the disk, for other writers of the database.
        self._waiting = {"fetch", "save"} | ({"write"} if remote else set())
        self._stages: tuple[tuple[str, Callable[[Hand], None], ThreadPoolExecutor], ...] = (
            ("fetch", stages.fetch, ThreadPoolExecutor(FETCHERS, "fetch")),
            ("decode", stages.decode, ThreadPoolExecutor(cores, "decode")),
            ("look", stages.look, ThreadPoolExecutor(1, "look")),
            ("write", stages.write, ThreadPoolExecutor(writers, "write")),
            ("save", self._save, ThreadPoolExecutor(1, "save")),
        )
        self._hands: dict[int, Hand] = {}
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._broken: StoreError | None = None

    def run(self, stop: Stop) -> None:
        """Work until there is nothing to do, or until told to stop; then finish what was begun.

        Raises:
            StoreError: the database was away for longer than the worker's patience.
        """
        heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        heart.start()
        try:
            while not stop.is_set() and self._broken is None:
                taken = self._waited(self._take)
                if taken or self._wait_for_room():
                    continue
                if not self._options.stay and self._waited(self._nothing_left):
                    break
                time.sleep(self._options.poll)
            self._drain()
        finally:
            self._ended.set()
            for _, _, pool in self._stages:
                pool.shutdown(cancel_futures=True)
            heart.join()
        if self._broken is not None:
            raise self._broken

    def _take(self) -> int:
        """Take as many jobs as there is room for; one that ended a worker before is taken alone."""
        with self._changed:
            held, suspect = len(self._hands), any(hand.claim.crashes for hand in self._hands.values())
        if suspect or self._capacity - held < LUMP:
            return 0
        claims = self._claim(Wanted(self._capacity - held, self._options.batch, self._versions))
        if not claims and not held:
            claims = self._claim(Wanted(1, self._options.batch, self._versions, suspects=True))
        for claim in claims:
            hand = Hand(claim)
            with self._changed:
                self._hands[claim.job] = hand
            self._enter(hand, 0)
        return len(claims)

    def _claim(self, wanted: Wanted) -> list[Claim]:
        options = self._options
        return self._store.claim_jobs(
            self.name, wanted, now=self._store.now(), lease=options.lease, policy=options.policy
        )

    def _wait_for_room(self) -> bool:
        """Wait until a job has left, or a poll has passed; False when no job is held."""
        with self._changed:
            held = len(self._hands)
            if held:
                self._changed.wait(self._options.poll)
        return held > 0

    def _nothing_left(self) -> bool:
        return not self._store.open_jobs(self._options.batch, self._versions)

    def _drain(self) -> None:
        """Give back what was not begun, and wait for the rest."""
        (_, _, fetching), (_, _, decoding), *_ = self._stages
        fetching.shutdown(cancel_futures=True)  # what is on its way comes to the decoders, and is given back there
        decoding.shutdown(wait=False, cancel_futures=True)
        with self._changed:
            while self._hands and self._broken is None:
                self._changed.wait(self._options.poll)

    # A job's way

    def _enter(self, hand: Hand, number: int) -> None:
        _, _, pool = self._stages[number]
        future = pool.submit(self._step, hand, number)
        future.add_done_callback(lambda done: self._left_out(done, hand))

    def _left_out(self, future: Future[None], hand: Hand) -> None:
        if future.cancelled():  # the worker drains, and this job was not begun
            hand.ending = True
            self._leave(hand, lambda: self._given_back(hand))

    def _given_back(self, hand: Hand) -> Event:
        given = self._store.give_back_job(hand.claim)
        return self._event("given_back" if given else "lost", hand)

    def _step(self, hand: Hand, number: int) -> None:
        """Do one stage and hand over to the next; whatever goes wrong is the job's failure, not the worker's."""
        name, stage, _ = self._stages[number]
        if hand.claim.job not in self._hands:  # cancelled, or taken by another worker
            return
        started = 0.0
        try:
            with nullcontext() if name in self._waiting else self._turn:
                started = time.perf_counter()
                self._waited(lambda: stage(hand))
        except RadragError as error:
            self._fail(hand, error.code, reason(error), for_good=for_good(error))
        except Exception as error:  # noqa: BLE001 - the batch's edge: a fault in one study does not end the others
            if os.environ.get("RADRAG_DEBUG") == "1":  # its text may hold patient data, so not by itself
                traceback.print_exc()
            message = f"Internal error ({type(error).__name__}) in stage {name}. This is a fault of radrag."
            self._fail(hand, "internal", message, for_good=False)
        else:
            hand.seconds[name] = time.perf_counter() - started
            if number + 1 < len(self._stages):
                self._enter(hand, number + 1)

    def _save(self, hand: Hand) -> None:
        draft = hand.draft
        assert draft is not None
        hand.ending = True
        started = time.perf_counter()
        kept = self._store.finish_job(hand.claim, draft, now=self._store.now())
        hand.seconds["save"] = time.perf_counter() - started
        line = ""
        if kept and self._options.lines:
            from radrag.export.draft_json import draft_to_json

            line = draft_to_json(draft)
        self._leave(hand, lambda: self._event("drafted" if kept else "lost", hand, draft_id=draft.draft_id, line=line))

    def _fail(self, hand: Hand, code: str, message: str, *, for_good: bool) -> None:
        def fail() -> Event:
            state = self._store.fail_job(
                hand.claim, code, message, now=self._store.now(), policy=self._options.policy, for_good=for_good
            )
            if state is None:
                return self._event("lost", hand)
            return self._event("parked" if state is JobState.PARKED else "failed", hand, code=code, message=message)

        hand.ending = True
        self._leave(hand, fail)

    def _leave(self, hand: Hand, end: Callable[[], Event]) -> None:
        """Let a job go: what ends it in the store, then the word of it."""
        try:
            event = self._waited(end)
        except StoreError as error:
            self._broken = self._broken or error
            event = self._event("lost", hand)
        with self._changed:
            self._hands.pop(hand.claim.job, None)
            self._changed.notify_all()
        self._tell(event)

    def _event(self, kind: str, hand: Hand, **told: str) -> Event:
        seconds: Mapping[str, float] = dict(hand.seconds)
        return Event(kind, self.name, hand.claim.job, hand.claim.trace, seconds=seconds, **told)

    # Leases and outages

    def _beat(self) -> None:
        """Prolong the leases, and forget jobs that were cancelled or went to others."""
        while not self._ended.wait(self._options.lease / 3):
            try:
                with self._changed:
                    before = set(self._hands)
                held = self._store.hold_jobs(self.name, now=self._store.now(), lease=self._options.lease)
            except StoreError:  # whoever needs the database next waits for it, and says so
                continue
            with self._changed:
                gone = [hand for job, hand in self._hands.items() if job in before - held and not hand.ending]
                for hand in gone:
                    self._hands.pop(hand.claim.job)
                self._changed.notify_all()
            for hand in gone:
                self._tell(self._event("lost", hand))

    def _waited(self, action: Callable[[], Result]) -> Result:
        """Do something that needs the database; while that is away or has no room, wait and do it again.

        Raises:
            StoreError: the database works, so that the fault is the action's; or it was away for too long.
        """
        given_up = time.monotonic() + self._options.patience
        refused, paused = 0, False
        while True:
            try:
                result = action()
            except StoreError as error:
                # A full disk may have room for what the question writes, and not for a draft.
                if not isinstance(error, NoRoom) and self._answers():
                    refused += 1
                    if refused == TRIES:
                        raise
                    time.sleep(0.1 * refused)
                    continue
                if not paused:
                    self._tell(Event("paused", self.name, code=error.code, message=str(error)))
                    paused = True
                if time.monotonic() > given_up:
                    raise
                time.sleep(OUTAGE_SECONDS)
            else:
                if paused:
                    self._tell(Event("resumed", self.name))
                return result

    def _answers(self) -> bool:
        """Whether the database takes a write."""
        try:
            self._store.hold_jobs(self.name, now=self._store.now(), lease=self._options.lease)
        except StoreError:
            return False
        return True
