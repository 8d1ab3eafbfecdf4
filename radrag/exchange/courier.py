"""Delivers what the outbox holds: a thread a destination, so that one that is away keeps no other waiting."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from radrag.errors import MissingDependency, StoreError, UsageError
from radrag.exchange.delivery import NotDelivered, deliver
from radrag.exchange.destinations import Destination
from radrag.exchange.values import Told
from radrag.store.outbox_values import Message, MessageState, Trouble
from radrag.store.repository import Store

LOOK_SECONDS = 2.0
AWAY_SECONDS = 30.0  # until a destination that was away is asked again, by another message if need be
LEASE_TIMEOUTS = 4  # a delivery takes three timeouts at most: to connect, to write, to be answered


class Courier:
    """Sends messages, from one process; several may run beside each other.

    Args:
        tell: called with each event, from any thread.
    """

    def __init__(
        self, store: Store, destinations: Sequence[Destination], *, tell: Callable[[Told], None] = lambda _: None
    ) -> None:
        self._store = store
        self._destinations = list(destinations)
        self._tell = tell
        self._stop = threading.Event()
        self._worker = f"{socket.gethostname()}:{secrets.token_hex(8)}"

    def stop(self) -> None:
        """Let the deliveries under way end, and begin no others. May be called from a signal or another thread."""
        self._stop.set()

    def run_once(self, only: Collection[int] | None = None) -> None:
        """Try once what is due.

        Args:
            only: ids of messages; None for all.

        Raises:
            StoreError: the database cannot be reached.
        """
        self._in_threads(lambda destination: self._drain(destination, only))

    def run(self) -> None:
        """Keep delivering until :meth:`stop`; while the database is away, messages wait there."""
        self._in_threads(self._serve)

    def _in_threads(self, work: Callable[[Destination], object]) -> None:
        if not self._destinations:
            return
        with ThreadPoolExecutor(len(self._destinations), thread_name_prefix="radrag-send") as pool:
            running = [pool.submit(work, destination) for destination in self._destinations]
            if wait(running, return_when=FIRST_EXCEPTION).not_done:  # one of them failed: the others end in order
                self._stop.set()
        for one in running:
            one.result()

    def _serve(self, destination: Destination) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                pause = LOOK_SECONDS if self._drain(destination) else AWAY_SECONDS
            except StoreError as error:
                self._tell(Told("waiting", destination.name, error.code, str(error)))
                pause = AWAY_SECONDS

    def _drain(self, destination: Destination, only: Collection[int] | None = None) -> bool:
        """Send what is due to a destination; False when it turned out to be away."""
        lease = LEASE_TIMEOUTS * destination.timeout
        while not self._stop.is_set():
            now = self._store.now()
            claimed = self._store.claim_message(self._worker, destination.name, now=now, lease=lease, only=only)
            if claimed is None:
                return True
            if self._send(destination, *claimed) is Trouble.AWAY:
                return False
        return True

    def _send(self, destination: Destination, message: Message, content: bytes) -> Trouble | None:
        started = time.monotonic()
        try:
            acknowledgement = deliver(destination, message, content)
        except NotDelivered as error:
            return self._failed(message, error.trouble, error.code, str(error))
        except (MissingDependency, UsageError) as error:  # mended here, not at the receiver
            return self._failed(message, Trouble.AWAY, error.code, str(error))
        seconds = time.monotonic() - started
        if self._store.message_delivered(message, acknowledgement, now=self._store.now()):
            self._tell(Told("delivered", destination.name, "", message.form, 1, message.size, seconds, message.id))
        return None

    def _failed(self, message: Message, trouble: Trouble, code: str, reason: str) -> Trouble:
        state = self._store.message_failed(message, trouble, code, reason, now=self._store.now())
        if state is not None:
            kind = "parked" if state is MessageState.PARKED else "waiting"
            self._tell(Told(kind, message.destination, code, reason, message_id=message.id))
        return trouble
