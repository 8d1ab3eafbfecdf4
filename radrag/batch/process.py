"""One worker in a process of its own: told to stop through a pipe, ends in order when whoever started it is gone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from radrag.batch import alive
from radrag.batch.values import Event, WorkerOptions
from radrag.errors import RadragError

if TYPE_CHECKING:
    from radrag.settings import Settings

SWITCH_SECONDS = 0.0005
"""How long one thread keeps Python's lock when another wants it. The encoder asks for it at each of its 300 layers:
with Python's own 0.005 s, a second thread that computes nearly doubles its time."""
MEMORY = (
    (-3, 32 << 20),  # M_MMAP_THRESHOLD: the most that glibc takes; an image of 8 million pixels
    (-1, 1 << 30),  # M_TRIM_THRESHOLD: what may lie idle at the end of the heap
    (-8, 1),  # M_ARENA_MAX: what one thread frees, another can use
)
BROKEN = 3
"""Exit code of a worker that cannot start or go on, and has said why."""


def work(settings: Settings, options: WorkerOptions, name: str, pipe: Connection) -> None:
    """Run a worker until there is nothing left to do, or until the pipe's other end says so or is gone.

    Args:
        name: from :func:`radrag.batch.worker.new_worker_name`.
        pipe: events go out; anything that comes in, and its end, means stop.
    """
    stop = threading.Event()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides what it means
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=_listen, args=(pipe, stop), daemon=True).start()
    turn = threading.Lock()

    def tell(event: Event) -> None:
        with turn, contextlib.suppress(OSError):  # nobody listens any more
            pipe.send(event)

    try:
        draft_jobs(settings, options, name, tell=tell, stop=stop)
    except RadragError as error:
        tell(Event("broken", name, code=error.code, message=str(error)))
        raise SystemExit(BROKEN) from None
    tell(Event("ended", name))


def draft_jobs(
    settings: Settings, options: WorkerOptions, name: str, *, tell: Callable[[Event], None], stop: threading.Event
) -> None:
    """Run a worker of this process until there is nothing left to do, or until told to stop.

    It computes in one thread: with two, sums are rounded otherwise, and drafts would depend on the number of workers.

    Args:
        name: from :func:`radrag.batch.worker.new_worker_name`.
        tell: called with each event, from any thread.

    Raises:
        RadragError: the worker cannot start or go on.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    _keep_memory()
    sys.setswitchinterval(SWITCH_SECONDS)
    import torch

    torch.set_num_threads(1)
    from radrag.batch.versions import versions_of
    from radrag.batch.worker import Worker
    from radrag.workspace import Workspace

    workspace = Workspace(settings)
    folder = alive.folder_of(settings.workspace)
    lock = alive.announce(folder, name)
    with workspace.store as store:
        drafter = workspace.drafter
        versions = versions_of(workspace)
        remote = workspace.generator.card.remote
        tell(Event("ready", name, code=versions))
        Worker(
            name,
            store,
            drafter,
            versions=versions,
            salt=settings.salt(),
            remote=remote,
            scratch=alive.scratch_of(folder, name),
            options=options,
            tell=tell,
        ).run(stop)
    if lock >= 0:
        alive.forget(folder, name)
        os.close(lock)


def _keep_memory() -> None:
    """Let memory that one study freed be the next one's, where the C library is glibc (mallopt(3)).

    Otherwise most of an image's memory is given back and asked for again, and the kernel clears it each time.
    """
    with contextlib.suppress(OSError, AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        for option, value in MEMORY:
            set_option(option, value)


def _listen(pipe: Connection, stop: threading.Event) -> None:
    with contextlib.suppress(EOFError, OSError):
        pipe.recv()
    stop.set()
