"""A function over a stream of tasks, in worker processes, in order, with few tasks on the way."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing.connection import Connection, wait
from typing import TypeVar

from radrag.processes import without_main

Task = TypeVar("Task")
Result = TypeVar("Result")


def default_workers() -> int:
    """Return how many worker processes this machine is good for: one a core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int, *, crashed: Callable[[Task], Result]
) -> Iterator[Result]:
    """Yield ``function(task)`` of each task, in order; errors of the function pass through.

    At most ``2 * workers`` tasks and results are held. No process is started for a stream of one task, or with fewer
    than two workers. Workers end when this process does, also when it is killed.

    Args:
        function: importable by name, since workers import it.
        crashed: gives the result of a task that ended its worker process (a crash in a decoder).
    """
    stream = iter(tasks)
    first = list(islice(stream, 2))
    if workers < 2 or len(first) < 2:
        yield from map(function, chain(first, stream))
        return
    pool = _Pool(workers)
    waiting: deque[tuple[Task, Future[Result]]] = deque()
    try:
        for task in chain(first, stream):
            waiting.append((task, pool.submit(function, task)))
            while len(waiting) >= 2 * workers:
                pool, result = _take(function, waiting, pool, workers, crashed)
                yield result
        while waiting:
            pool, result = _take(function, waiting, pool, workers, crashed)
            yield result
    finally:
        pool.close()


class _Pool:
    """An executor whose processes can be told to end, also one that was only just being started."""

    def __init__(self, workers: int) -> None:
        # Not fork: the parent has threads (progress bar, database), whose locks a fork would copy in any state.
        methods = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        context.set_forkserver_preload(["radrag.corpus.preloaded"])
        self._stop_reader, self._stop = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            workers, mp_context=context, initializer=_set_up, initargs=(self._stop_reader,)
        )

    def submit(self, function: Callable[[Task], Result], task: Task) -> Future[Result]:
        """Hand over a task; in a pool that broke while the caller was busy, it is lost like those on the way."""
        try:
            with without_main():  # the pool may start a process for it
                return self._executor.submit(function, task)
        except BrokenProcessPool as error:
            lost: Future[Result] = Future()
            lost.set_exception(error)
            return lost

    def close(self) -> None:
        """End the processes, whatever they do, and return when none is left.

        A broken executor ends the processes that it knows, then waits for all: for ever, if one was being started
        meanwhile. So each process also listens to this one.
        """
        self._stop.send_bytes(b"stop")  # nobody reads it, so that all see it
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._stop.close()
        self._stop_reader.close()


def _take(
    function: Callable[[Task], Result],
    waiting: deque[tuple[Task, Future[Result]]],
    pool: _Pool,
    workers: int,
    crashed: Callable[[Task], Result],
) -> tuple[_Pool, Result]:
    """Return the oldest task's result, and the pool: a new one after a crash."""
    task, future = waiting.popleft()
    try:
        return pool, future.result()
    except BrokenProcessPool:
        pool.close()
        result = _alone(function, task, crashed)
        pool = _Pool(workers)
        # All tasks on the way were lost with the pool.
        for place, (other, lost) in enumerate(waiting):
            if not lost.done() or lost.exception() is not None:
                waiting[place] = (other, pool.submit(function, other))
        return pool, result


def _alone(function: Callable[[Task], Result], task: Task, crashed: Callable[[Task], Result]) -> Result:
    """Run one task in a process of its own: only then is it known whether this one is to blame."""
    pool = _Pool(1)
    try:
        return pool.submit(function, task).result()
    except BrokenProcessPool:
        return crashed(task)
    finally:
        pool.close()


def _set_up(stop: Connection) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core a worker
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel, stop), daemon=True).start()


def _end_with(parent: int, stop: Connection) -> None:
    """End this process when its parent is gone (a killed parent cannot say so) or says so."""
    wait([parent, stop])
    os._exit(1)
