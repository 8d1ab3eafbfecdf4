"""Batches against their targets: throughput, a second worker, memory, kills.

The limit of throughput is the slowest stage's own rate, measured alone in the same run, and the processor time that
one study takes in all stages: N cores cannot draft more than N seconds of it a second. Studies are copies of the
sample radiograph in full size (rates) and small altered copies of it (memory, kills), each a patient of its own.

    python benchmarks/batch.py rates --json rates.json              # for scale_model.py
    python benchmarks/batch.py memory --memory 20000                # hours; the machine to itself
    python benchmarks/batch.py kills --kills 30 --kill-studies 500  # the same
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))  # small films, and a way to kill a command

from batch_support import Drafts, kill, queue_of, start_batch, what_was_drafted, worker_of, write_films

from radrag.batch.results import ResultsFile

PARTS = ("encoder", "rates", "ray", "memory", "kills")


def prepared(folder: Path) -> Path:
    """Make a workspace with the IU reports and their index."""
    from radrag.cli.demo import prepare
    from radrag.settings import load_settings
    from radrag.workspace import Workspace

    workspace = Workspace(load_settings(workspace=folder))
    prepare(workspace)
    workspace.settings.salt()
    workspace.store.close()
    return folder


def full_size(folder: Path, count: int) -> Path:
    """Write altered copies of the sample radiograph, each of a patient and study of its own."""
    from pydicom import dcmread
    from pydicom.uid import generate_uid

    from radrag.cli.demo import sample_radiograph

    folder.mkdir()
    dataset = dcmread(sample_radiograph())
    film = dataset.pixel_array
    for number in range(count):
        dataset.PatientID = f"patient {number}"
        dataset.StudyInstanceUID, dataset.SOPInstanceUID = generate_uid(), generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.PixelData = _shadowed(film, number).tobytes()
        dataset.save_as(folder / f"{number:05d}.dcm")
    return folder


def _shadowed(film: Any, seed: int) -> Any:
    """Return a film with other shadows in it, so that other cases are found for each."""
    import numpy as np

    chance = np.random.default_rng(seed)
    shadows = np.zeros(film.shape, np.float32)
    for _ in range(6):
        sides = [np.arange(size, dtype=np.float32) / size - chance.uniform() for size in film.shape]
        down, across = (np.exp(-((side / chance.uniform(0.1, 0.3)) ** 2)) for side in sides)
        shadows += chance.choice([-1, 1]) * 9000 * np.outer(down, across)
    return np.clip(film + shadows, 0, film.max()).astype(film.dtype)


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


def rates(workspace: Path, studies: int, out: Path | None = None) -> None:
    """Print the stages' own rates, and what one and two workers reach; write them for scale_model.py."""
    folder = workspace.parent
    films = full_size(folder / "full", studies)
    alone = _stages(workspace, films)
    slowest = max(alone, key=lambda name: alone[name])
    for name, seconds in alone.items():
        print(f"{name + ', alone':36s} {1 / seconds:8.2f} studies/s")
    print(f"{'all stages, one core':36s} {1 / sum(alone.values()):8.2f} studies/s")
    reached: dict[str, float] = {}
    spent: dict[str, float] = {}
    ours = os.sched_getaffinity(0)
    runs: list[tuple[str, list[Any], set[int]]] = [
        ("1 worker, one core", ["--workers", 1], {min(ours)}),
        ("1 worker", ["--workers", 1], ours),
        ("2 workers", ["--workers", 2], ours),
    ]
    for name, how, cores in runs:
        # Another seed is another key: the same studies are drafted once more.
        os.environ["RADRAG_SEED"] = str(len(reached) + 1)
        os.sched_setaffinity(0, cores)  # the command and its workers inherit it
        process = start_batch(workspace, films, "--batch", f"r{len(reached)}", *how, "--log-json")
        os.sched_setaffinity(0, ours)
        reached[name], spent[name] = _followed(process, studies)
        print(f"{name:36s} {reached[name]:8.2f} studies/s, {1000 * spent[name]:6.1f} ms of a core a study")
    del os.environ["RADRAG_SEED"]
    count = len(ours)
    whole = sum(alone.values())
    print(f"{'slowest stage':36s} {slowest}; {count} cores can draft {count / whole:.2f} studies/s")
    print(f"{'1 worker / slowest stage':36s} {reached['1 worker'] * alone[slowest]:8.2f}   target 0.90")
    print(f"{'2 workers / 1':36s} {reached['2 workers'] / reached['1 worker']:8.2f}   target 1.80")
    print(f"{'2 workers / 1 on one core':36s} {reached['2 workers'] / reached['1 worker, one core']:8.2f}")
    print(f"{'2 workers / what the cores can do':36s} {reached['2 workers'] * whole / count:8.2f}")
    if out is not None:
        submit = _submission(films)
        measured = {
            "stages": alone,
            "submit": submit,
            "megabytes": _megabytes(films),
            "reached": reached,
            "spent": spent,
            "cores": count,
        }
        out.write_text(json.dumps(measured, indent=1) + "\n")
        print(f"written to {out}")


def ray(workspace: Path, studies: int, rounds: int = 2) -> None:
    """Print what two workers on Ray reach, and the processor time that they take, against two without; in turns."""
    films = full_size(workspace.parent / "ray", studies)
    rate: dict[str, list[float]] = {"local": [], "ray": []}
    spent: dict[str, list[float]] = {"local": [], "ray": []}
    for number in range(rounds):
        for name, how in (("local", []), ("ray", ["--ray", "local"])):
            os.environ["RADRAG_SEED"] = str(100 + len(rate["local"]) + len(rate["ray"]))
            arguments = ["--batch", f"{name}{number}", "--workers", 2, "--log-json", *how]
            process = start_batch(workspace, films, *arguments)
            reached, own = _followed(process, studies)
            rate[name].append(reached)
            spent[name].append(own)
            print(f"{name:6s} {rate[name][-1]:6.2f} studies/s, {1000 * spent[name][-1]:6.1f} ms of a core a study")
    del os.environ["RADRAG_SEED"]
    print(f"Ray, best rates:     {max(rate['local']) / max(rate['ray']) - 1:+.1%} time   target 15 % at most")
    print(f"Ray, processor time: {min(spent['ray']) / min(spent['local']) - 1:+.1%}")


def _followed(process: subprocess.Popen[str], studies: int) -> tuple[float, float]:
    """Wait for a batch; return its studies a second, and a core's seconds for each after the first quarter."""
    log, drafted, before, after = [], 0, 0.0, 0.0
    for line in process.stderr or ():
        log.append(line)
        drafted += '"event": "drafted"' in line
        if drafted == studies // 4 and not before:
            before = _processor_seconds(process.pid)
        if drafted == studies and not after:
            after = _processor_seconds(process.pid)
    process.wait()
    return _rate("".join(log)), (after - before) / (studies - studies // 4)


def _processor_seconds(root: int) -> float:
    """Return the processor time of a process and all below it, in seconds."""
    facts: dict[int, tuple[int, int]] = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
            facts[int(entry)] = int(fields[1]), sum(map(int, fields[11:15]))  # with its children that ended
    family = {root}
    while more := {one for one, (parent, _) in facts.items() if parent in family} - family:
        family |= more
    return sum(facts[one][1] for one in family if one in facts) / os.sysconf("SC_CLK_TCK")


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
        study = _timed(seconds["decode"], lambda path=path: load_study(find_studies([path], salt="x")[0][0]), own)
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


def _rate(log: str) -> float:
    """Return the studies a second of a log, from the first draft of the last worker that got ready on."""
    from datetime import datetime

    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    at = [datetime.fromisoformat(event["at"]).timestamp() for event in events]
    ready = max(when for when, event in zip(at, events, strict=True) if event["event"] == "ready")
    drafted = [when for when, event in zip(at, events, strict=True) if event["event"] == "drafted" and when > ready]
    return (len(drafted) - 1) / (drafted[-1] - drafted[0])


def memory(folder: Path, most: int) -> None:
    """Print the memory of submission, worker and results without models, at 1/20 of the studies and at all."""
    films = write_films(folder / "small" / "first", most // 20)
    write_films(folder / "small" / "rest", most - most // 20, first=most // 20)
    before = 0.0
    for count, named in ((most // 20, films), (most, films.parent)):
        queue = queue_of(folder / f"memory-{count}")
        queue.submit([named], batch="b")
        submitted = _resident()
        made, _ = worker_of(queue, Drafts(), lines=True)
        results = ResultsFile(folder / f"{count}.jsonl")
        made._tell = lambda event, results=results: event.line and results.add(event.draft_id, event.line)
        started = time.perf_counter()
        made.run(threading.Event())
        seconds = time.perf_counter() - started
        results.arrange(job.draft_id for job in queue.store.iter_jobs("b"))
        drafted = _resident()
        queue.submit([named], batch="b")  # the same command again
        now = _resident()
        assert queue.store.count_drafts() == len(results) == count
        growth = f", {now / before - 1:+.1%} (target 5 %)" if before else ""
        told = f"{submitted:.1f} MB submitted, {drafted:.1f} MB drafted, {now:.1f} MB submitted again{growth}"
        print(f"{count:6,} studies: {told}; {count / seconds:.0f}/s", flush=True)
        before = now


def _resident() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


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
    parser.add_argument("--workspace", type=Path, help="with the IU reports and an index; copied  [default: a new one]")
    parser.add_argument("--studies", type=int, default=60)
    parser.add_argument("--json", type=Path, help="write the rates here, for scale_model.py")
    parser.add_argument("--memory", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--kill-studies", type=int, default=40)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    parts = given.parts or PARTS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
        workspace = folder / "workspace"
        if given.workspace:
            shutil.copytree(given.workspace, workspace)
        elif {"rates", "ray", "kills"} & set(parts):
            prepared(workspace)
        if "encoder" in parts:
            encoder(folder)
        if "rates" in parts:
            rates(workspace, given.studies, given.json)
        if "ray" in parts:
            ray(workspace, given.studies)
        if "memory" in parts:
            memory(folder, given.memory)
        if "kills" in parts:
            kills(workspace, given.kill_studies, given.kills)
        print(f"load {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
