"""What batches hold in memory as their studies grow: their parts without models, and the whole command with them."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import threading
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from batch_support import Drafts, queue_of, start_batch, worker_of, write_films
from processes import memory

from radrag.batch.results import ResultsFile


def parts(folder: Path, most: int) -> None:
    """Print the memory of submission, worker and results without models, at 1/20 of the studies and at all.

    Each in a process of its own, so that neither has what the other left.
    """
    films = write_films(folder / "small" / "first", most // 20)
    write_films(folder / "small" / "rest", most - most // 20, first=most // 20)
    before = 0.0
    for count, named in ((most // 20, films), (most, films.parent)):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            told = pool.submit(_told, folder / str(count), named).result()
        assert told.pop("drafts") == count
        seconds, now = told.pop("seconds"), told["submitted again"]
        said = ", ".join(f"{megabytes:.1f} MB {name}" for name, megabytes in told.items())
        print(f"{count:6,} studies: {said}{_growth(before, now)}; {count / seconds:.0f}/s", flush=True)
        before = now


def _told(folder: Path, films: Path) -> dict[str, float]:
    queue, drafter = queue_of(folder), Drafts()
    drafter.looked_at = deque(maxlen=1)  # or the stand-in for the models would remember every study
    told = {"before": _resident()}
    queue.submit([films], batch="b")
    told["submitted"] = _resident()
    made, _ = worker_of(queue, drafter, lines=True)
    results = ResultsFile(folder / "b.jsonl")
    made._tell = lambda event: event.line and results.add(event.draft_id, event.line)
    started = time.perf_counter()
    made.run(threading.Event())
    seconds = time.perf_counter() - started
    results.arrange(job.draft_id for job in queue.store.iter_jobs("b"))
    told["drafted"] = _resident()
    queue.submit([films], batch="b")  # the same command again
    return told | {"submitted again": _resident(), "seconds": seconds, "drafts": queue.store.count_drafts()}


def _resident() -> float:
    return memory(os.getpid(), "Rss")


def whole(workspace: Path, most: int) -> None:
    """Print the memory of the command with its models, two workers, at a fifth of the studies and at all."""
    before = 0.0
    for count in (most // 5, most):
        films = write_films(workspace.parent / f"whole-{count}", count)
        copied = Path(shutil.copytree(workspace, workspace.parent / f"workspace-{count}"))
        now = _held(copied, films, workspace.parent / f"out-{count}")
        print(f"{count:6,} studies, command and two workers: {now:,.0f} MB{_growth(before, now)}", flush=True)
        before = now


def _held(workspace: Path, films: Path, out: Path) -> float:
    """Draft all films; return the most MB that command and workers held together in the second half."""
    studies, drafted, most = sum(1 for _ in films.iterdir()), 0, 0.0
    process = start_batch(workspace, films, "--log-json", "--batch", "w", "--workers", 2, "--out", out)
    for line in process.stderr or ():
        if '"event": "drafted"' not in line:
            continue
        drafted += 1
        if drafted == studies or (drafted >= studies / 2 and drafted % 20 == 0):
            most = max(most, memory(process.pid, "Pss"))
    if process.wait() or drafted < studies:
        raise SystemExit(f"The batch did not come to its end: {drafted} of {studies}.")
    return most


def _growth(before: float, now: float) -> str:
    return f", {now / before - 1:+.1%} (target 5 %)" if before else ""
