"""Listening as a whole: images in, studies to the queue, commitments answered, until told to stop."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from radrag.exchange.arrivals import Arrivals
from radrag.exchange.commitment import Committer
from radrag.exchange.listener import Listener, ListenOptions
from radrag.exchange.submitting import Submitter
from radrag.exchange.values import Told
from radrag.exchange.watching import Watcher

if TYPE_CHECKING:
    from radrag.workspace import Workspace

LOOK_SECONDS = 0.5


class Service:
    """Everything that ``radrag listen`` does.

    Args:
        options: how to listen; without peers nothing is listened for.
        quiet: seconds without a new image after which a study counts as complete.
        watch: a folder whose files are taken too.
        tell: called with each event, from any thread.

    Raises:
        ListenError: another process receives for this workspace, or its folders cannot be written.
        MissingDependency: pynetdicom is not installed.
        UsageError: the TLS files cannot be used, or the watched folder lies in the workspace.
    """

    def __init__(
        self,
        workspace: Workspace,
        options: ListenOptions,
        *,
        quiet: float,
        watch: Path | None = None,
        tell: Callable[[Told], None] = lambda _: None,
    ) -> None:
        settings = workspace.settings
        self._told = tell
        self._stop = threading.Event()
        self.arrivals = Arrivals(settings.workspace, salt=settings.salt())
        tell = self._tell
        self._committer = Committer(self.arrivals, options.peers, title=options.title, tell=tell)
        self._submitter = Submitter(workspace, self.arrivals, quiet=quiet, tell=tell)
        self._watcher = Watcher(watch, self.arrivals, workspace=settings.workspace, tell=tell) if watch else None
        self._listening = bool(options.peers)
        self.listener = Listener(self.arrivals, options, commit=self._committer.requested, tell=tell)

    def stop(self) -> None:
        """Let :meth:`run` return. May be called from a signal or another thread."""
        self._stop.set()

    def run(self, *, also: Callable[[], None] = lambda: None) -> None:
        """Listen until :meth:`stop`; what has arrived and is not submitted then is submitted by the next run.

        Args:
            also: called about twice a second.

        Raises:
            ListenError: the address cannot be bound.
        """
        try:
            if self._listening:
                self.listener.start()
            while not self._stop.wait(LOOK_SECONDS):
                self._look()
                also()
        finally:
            self.listener.stop()
            waiting = self.arrivals.ledger.waiting()
            self.arrivals.close()
            self._tell(Told("stopped", count=waiting))

    def _tell(self, told: Told) -> None:
        """Pass an event on, and count what was refused, for ``radrag doctor``."""
        if told.kind in ("refused", "unknown_peer"):
            with contextlib.suppress(sqlite3.Error):  # the disk is full, or we are about to end
                self.arrivals.ledger.refuse(told.code)
        self._told(told)

    def _look(self) -> None:
        try:
            if self._listening:
                self._committer.answer()
            if self._watcher is not None:
                self._watcher.look()
            self._submitter.submit()
        except sqlite3.Error as error:  # the disk is full: what is known stays, and is tried again
            self._tell(Told("waiting", code="disk", message=f"The ledger cannot be written ({type(error).__name__})."))
            self._stop.wait(5)
