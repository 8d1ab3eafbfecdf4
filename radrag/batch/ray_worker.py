"""One worker in a Ray actor: what it tells is fetched by whoever started it; nothing of it reaches Ray's logs."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from radrag.batch.values import Event, WorkerOptions
from radrag.batch.worker import new_worker_name
from radrag.errors import RadragError

if TYPE_CHECKING:
    from radrag.settings import Settings

Work = Callable[..., None]
"""As :func:`radrag.batch.process.draft_jobs`."""
MOST_EVENTS = 100  # that one answer carries


class RayWorker:
    """A worker that begins, is listened to until it is over, and may be stopped meanwhile; made an actor by the crew.

    The methods are called at the same time, so the actor needs three threads.
    """

    def __init__(self) -> None:
        _be_silent()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._over = threading.Event()

    def begin(self, settings: Settings, options: WorkerOptions, work: Work) -> str:
        """Start to work; return the worker's name, which holds machine and process id."""
        name = new_worker_name()
        threading.Thread(target=self._run, args=(settings, options, name, work), daemon=True).start()
        return name

    def listen(self, seconds: float) -> tuple[list[Event], bool]:
        """Wait some seconds for events; return them in order, and whether there will be no more."""
        told: list[Event] = []
        over = self._over.is_set()  # asked first: what was told before is in the queue by then
        try:
            told.append(self._events.get(timeout=0 if over else seconds))
            while len(told) < MOST_EVENTS:
                told.append(self._events.get_nowait())
        except queue.Empty:
            return told, over
        return told, False

    def stop(self) -> None:
        """Finish what was begun, give back the rest, and end."""
        self._stop.set()

    def _run(self, settings: Settings, options: WorkerOptions, name: str, work: Work) -> None:
        try:
            work(settings, options, name, tell=self._events.put, stop=self._stop)
            self._events.put(Event("ended", name))
        except RadragError as error:
            self._events.put(Event("broken", name, code=error.code, message=str(error)))
        except Exception as error:  # noqa: BLE001 - the edge of a process: its text may hold patient data
            message = f"Internal error ({type(error).__name__}) in a worker. This is a fault of radrag."
            self._events.put(Event("broken", name, code="internal", message=message))
        finally:
            self._over.set()


def _be_silent() -> None:
    """Send what libraries print nowhere: Ray keeps it in files, and a warning may hold a patient's data or a path."""
    if os.environ.get("RADRAG_DEBUG") == "1":
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
