"""How many drafts a second PostgreSQL takes from several processes: what all machines of a batch share.

The audit log is one chain, so a part of each save is done one after the other by all. A draft of the sample radiograph
against the demo's reports is saved over and over, each time as another job's.

    python benchmarks/saves.py [--workspace FOLDER] [--drafts 200]
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import BrokenBarrierError
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from batch_support import new_job
from store_databases import running_postgres

PROCESSES = (1, 2, 4)


def a_draft(workspace: Path | None) -> Any:
    """Return a real draft: of the workspace's first one, or a new one against the IU reports."""
    from radrag.settings import load_settings
    from radrag.workspace import Workspace

    if workspace is not None:
        with Workspace(load_settings(workspace=workspace)).store as store:
            return store.draft(store.drafts(limit=1)[0].draft_id)
    from radrag.cli.demo import prepare, sample_radiograph
    from radrag.dicom.read import find_studies, load_study

    with tempfile.TemporaryDirectory() as folder:
        made = Workspace(load_settings(workspace=Path(folder)))
        prepare(made)
        studies, _ = find_studies([sample_radiograph()], salt="x")
        return made.drafter.draft(load_study(studies[0]))


_begin: Any = None  # a barrier, which a process can only inherit


def _inherit(begin: Any) -> None:
    global _begin  # noqa: PLW0603 - set once, before the process's one task
    _begin = begin


def save(url: str, draft: Any, worker: str, count: int) -> tuple[float, float]:
    """Claim and finish some jobs, begun by all processes together; return the processor time and the whole time."""
    from radrag.store.job_values import Wanted
    from radrag.store.repository import Store

    try:
        with Store.open(url) as store:
            held = store.claim_jobs(worker, Wanted(count), now=store.now(), lease=3600)
            _begin.wait()
            started, spent = time.perf_counter(), time.process_time()
            for claim in held:
                assert store.finish_job(claim, replace(draft, draft_id=uuid.uuid4().hex), now=store.now())
            return time.process_time() - spent, time.perf_counter() - started
    except BaseException:
        _begin.abort()  # or the others would wait for ever
        raise


def together(processes: int, url: str, draft: Any, count: int) -> list[tuple[float, float]]:
    """Let some processes save at the same time.

    Raises:
        BrokenProcessPool: one was killed; the others are then ended.
        Exception: what the first that failed said.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _inherit, (context.Barrier(processes),)) as pool:
        begun = [pool.submit(save, url, draft, f"w{number}", count) for number in range(processes)]
        failed = [error for one in begun if (error := one.exception())]
        for error in failed:
            if not isinstance(error, BrokenBarrierError):  # that one only says that another failed
                raise error
        return [one.result() for one in begun]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--workspace", type=Path, help="that has drafts  [default: one is made]")
    parser.add_argument("--drafts", type=int, default=200, help="that each process saves")
    given = parser.parse_args()
    from radrag.store.repository import Store

    draft = a_draft(given.workspace)
    with running_postgres() as url, Store.open(url) as store:
        first = 0
        for processes in PROCESSES:
            count = processes * given.drafts
            store.add_jobs("b", [new_job(first + number) for number in range(count)], now=store.now())
            first += count
            told = together(processes, url, draft, given.drafts)
            seconds, spent = max(whole for _, whole in told), sum(own for own, _ in told) / count
            print(f"{processes} processes: {count / seconds:7.1f} drafts/s, {1000 * spent:5.1f} ms of a core each")


if __name__ == "__main__":
    main()
