"""Batches against their targets: throughput, a second worker, memory, kills.

The limit of throughput is the slowest stage's own rate, measured alone in the same run, and the processor time that
one study takes in all stages: N cores cannot draft more than N seconds of it a second. Other programs on the machine
are counted, and what their absence would give is printed beside what was measured. Studies are altered copies of the
sample radiograph, in full size (rates, ray) and small (memory, whole, kills), each a patient of its own.

    python benchmarks/batch.py rates ray --workspace WORKSPACE      # four minutes; the first time, three more
    python benchmarks/batch.py rates --json rates.json              # for scale_model.py
    python benchmarks/batch.py memory --memory 20000                # six minutes
    python benchmarks/batch.py whole --whole 5000                   # six minutes
    python benchmarks/batch.py kills --kills 30 --kill-studies 500  # hours; the machine to itself
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # small films, and a way to kill a command

import batch_memory
from batch_runs import Run, full_size, prepared, run
from batch_support import kill, start_batch, what_was_drafted, write_films

ONE_CORE = "1 worker, one core"
PARTS = ("encoder", "rates", "ray", "memory", "whole", "kills")


def encoder(folder: Path) -> None:
    """Print what decides how a worker computes: rounding with more threads, and the gain of batches."""
    import torch

    from radrag.dicom.read import find_studies, load_study
    from radrag.encoders import load_image_encoder

    starter, count = load_image_encoder("starter"), 12
    studies, _ = find_studies([write_films(folder / "encoder", count)], salt="x")
    images = [load_study(study).images[0].pixels for study in studies]

    def one_by_one(threads: int) -> list[bytes]:
        torch.set_num_threads(threads)
        return [starter.encode([image]).vectors.tobytes() for image in images]

    alone = one_by_one(1)
    print(f"films with the same vector in a second run:      {_same(alone, one_by_one(1))} of {count}")
    print(f"films with the same vector with two threads:     {_same(alone, one_by_one(2))} of {count}")
    torch.set_num_threads(1)
    together = [row.tobytes() for row in starter.encode(images).vectors]
    print(f"films with the same vector in a batch:           {_same(alone, together)} of {count}")
    for size in (1, 4, 12):
        times: list[float] = []
        for _ in range(5):
            _timed(times, lambda size=size: [starter.encode(images[at : at + size]) for at in range(0, count, size)])
        print(f"encoder, batches of {size:2}:                          {1000 * min(times) / count:6.1f} ms an image")


def _same(ours: list[bytes], theirs: list[bytes]) -> int:
    return sum(one == other for one, other in zip(ours, theirs, strict=True))


def rates(workspace: Path, studies: int, out: Path | None = None, rounds: int = 2) -> None:
    """Print the stages' own rates, and what one and two workers reach, in turns; write them for scale_model.py."""
    films = full_size(workspace.parent / "full", studies)
    alone = _stages(workspace, films)
    slowest = max(alone, key=lambda name: alone[name])
    for name, seconds in alone.items():
        print(f"{name + ', alone':20} {1 / seconds:6.2f} studies/s")
    whole, ours = sum(alone.values()), os.sched_getaffinity(0)
    print(f"{'all stages, one core':20} {1 / whole:6.2f} studies/s", flush=True)
    runs: dict[str, list[Run]] = {ONE_CORE: [], "1 worker": [], "2 workers": []}
    for _ in range(rounds):
        for name, done in runs.items():
            cores = {min(ours)} if name == ONE_CORE else ours
            done.append(run(workspace, films, "--workers", name[0], cores=cores))
            print(f"{name:20} {done[-1]}", flush=True)
    best = {name: max(done, key=lambda one: one.rate) for name, done in runs.items()}
    limit = min(1 / alone[slowest], len(ours) / whole)
    print(
        f"Slowest stage: {slowest}. {len(ours)} cores can draft {limit:.2f} studies/s of its {1 / alone[slowest]:.2f}."
    )
    print("Best of each, measured, and as it would be with nothing else on the machine:")
    most = max(best[name].rate for name in runs), max(best[name].alone for name in runs)
    _ratio("best / slowest stage", (one * alone[slowest] for one in most), "0.90")
    _ratio("best / what the cores can do", (one / limit for one in most), "0.90")
    _ratio("2 workers on 2 cores / 1 on 1", _over(best["2 workers"], best[ONE_CORE]), "1.80")
    _ratio("2 workers / 1 on all cores", _over(best["2 workers"], best["1 worker"]))
    if out is not None:
        measured = {
            "stages": alone,
            "submit": _submission(films),
            "megabytes": _megabytes(films),
            "reached": {name: one.rate for name, one in best.items()},
            "spent": {name: one.spent for name, one in best.items()},
            "cores": len(ours),
        }
        out.write_text(json.dumps(measured, indent=1) + "\n")
        print(f"written to {out}")


def _over(one: Run, other: Run) -> tuple[float, float]:
    return one.rate / other.rate, one.alone / other.alone


def _ratio(name: str, values: Iterable[float], target: str = "") -> None:
    measured, corrected = values
    print(f"  {name:30} {measured:5.2f} {corrected:5.2f}{'   target ' + target if target else ''}")


def ray(workspace: Path, studies: int, rounds: int = 2) -> None:
    """Print what two workers on Ray reach, and the processor time that they take, against two without; in turns."""
    films = full_size(workspace.parent / "ray", studies)
    runs: dict[str, list[Run]] = {"here": [], "Ray": []}
    for _ in range(rounds):
        for name, how in (("here", []), ("Ray", ["--ray", "local"])):
            runs[name].append(run(workspace, films, "--workers", 2, *how))
            print(f"{name:5} {runs[name][-1]}", flush=True)
    rate, free = (max(one.rate for one in runs[n]) for n in runs), (max(one.alone for one in runs[n]) for n in runs)
    spent = (min(one.spent for one in runs[name]) for name in runs)
    for what, (here, there) in (("measured", rate), ("with nothing else on the machine", free)):
        print(f"  Ray, time of a study {what}: {here / there - 1:+.1%}   target +15 % at most")
    here, there = spent
    print(f"  Ray, processor time of a study: {there / here - 1:+.1%}")


def _submission(films: Path) -> dict[str, float]:
    """Return the seconds a study of reading headers, and of hashing, as a submission does them."""
    from radrag.dicom.read import find_studies
    from radrag.disk import sha256_of

    paths = sorted(films.iterdir())
    seconds: dict[str, list[float]] = {"scan": [], "hash": []}
    for _ in range(3):
        _timed(seconds["scan"], lambda: find_studies([films], salt="x"), time.process_time)
        _timed(seconds["hash"], lambda: [sha256_of(path) for path in paths], time.process_time)
    return {name: min(values) / len(paths) for name, values in seconds.items()}


def _megabytes(films: Path) -> float:
    sizes = [path.stat().st_size for path in films.iterdir()]
    return sum(sizes) / len(sizes) / 1e6


def _stages(workspace: Path, films: Path) -> dict[str, float]:
    """Return the processor seconds of each stage, alone in one thread: the median.

    On a machine that does nothing else these are the seconds that pass, since nothing is waited for.
    """
    import torch

    from radrag.dicom.read import find_studies, load_study
    from radrag.settings import load_settings
    from radrag.workspace import Workspace

    torch.set_num_threads(1)
    opened = Workspace(load_settings(workspace=workspace))
    own = time.process_time
    seconds: dict[str, list[float]] = {"decode": [], "look": [], "write": [], "save": []}
    for path in sorted(films.iterdir())[:15]:
        study = _timed(
            seconds["decode"],
            lambda path=path: load_study(find_studies([path], salt="x", keep_headers=True)[0][0]),
            own,
        )
        seen = _timed(seconds["look"], lambda study=study: opened.drafter.look(study), own)
        draft = _timed(seconds["write"], lambda study=study, seen=seen: opened.drafter.draft(study, seen=seen), own)
        _timed(seconds["save"], lambda draft=draft: opened.store.save_draft(draft), own)
    opened.store.close()
    return {name: sorted(values[3:])[len(values[3:]) // 2] for name, values in seconds.items()}


def _timed(times: list[float], call: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> Any:
    started = clock()
    result = call()
    times.append(clock() - started)
    return result


def kills(workspace: Path, studies: int, count: int) -> None:
    """Kill a batch at random moments, finish it, and compare with a run that nobody disturbed."""
    folder, chance = workspace.parent, random.Random(8)
    films = write_films(folder / "kills", studies)
    quiet, out = folder / "quiet", folder / "out"
    other = Path(shutil.copytree(workspace, folder / "other"))
    start_batch(other, films, "--batch", "k", "--out", quiet).communicate()
    done = 0
    for number in range(count):
        process = start_batch(workspace, films, "--batch", "k", "--out", out)
        goal = studies * (number + 1) * 0.9 / count
        while (done := _done(workspace)) < goal and process.poll() is None:
            time.sleep(0.02)
        time.sleep(chance.random() / 2)
        kill(process)
    print(f"{count} kills, the last after {done} of {studies} drafts")
    start_batch(workspace, films, "--batch", "k", "--out", out).communicate()
    ours, theirs = what_was_drafted(out / "k.jsonl"), what_was_drafted(quiet / "k.jsonl")
    equal = sum(ours[study] == theirs[study] for study in ours)
    with sqlite3.connect(workspace / "radrag.sqlite") as database:
        query = "SELECT count(*), count(DISTINCT draft_id) FROM jobs JOIN batch_jobs ON job_id = id WHERE batch = 'k'"
        jobs, drafts = database.execute(query).fetchone()
    print(f"lost {studies - len(ours)}, doubled {jobs - drafts}, equal to the quiet run {equal} of {studies}")


def _done(workspace: Path) -> int:
    query = "SELECT count(*) FROM jobs JOIN batch_jobs ON job_id = id WHERE batch = 'k' AND state = 'done'"
    with sqlite3.connect(workspace / "radrag.sqlite") as database:
        return int(database.execute(query).fetchone()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}")
    parser.add_argument(
        "--workspace", type=Path, help="with the IU reports and an index, made there if it is not; copied"
    )
    parser.add_argument("--studies", type=int, default=60)
    parser.add_argument("--json", type=Path, help="write the rates here, for scale_model.py")
    parser.add_argument("--memory", type=int, default=2000)
    parser.add_argument("--whole", type=int, default=500)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--kill-studies", type=int, default=40)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    parts = given.parts or PARTS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
        workspace = folder / "workspace"
        if {"rates", "ray", "whole", "kills"} & set(parts):
            shutil.copytree(prepared(given.workspace or folder / "prepared"), workspace)
        if "encoder" in parts:
            encoder(folder)
        if "rates" in parts:
            rates(workspace, given.studies, given.json)
        if "ray" in parts:
            ray(workspace, given.studies)
        if "memory" in parts:
            batch_memory.parts(folder, given.memory)
        if "whole" in parts:
            batch_memory.whole(workspace, given.whole)
        if "kills" in parts:
            kills(workspace, given.kill_studies, given.kills)
        print(f"load {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
