"""One command's batch followed from outside: its rate, what a study costs, and what the machine had left for it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from batch_support import start_batch

TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Run:
    """A batch, from the first quarter of its drafts to the last.

    Attributes:
        rate: studies a second.
        spent: seconds of a core for each, in all of the command's processes.
        cores: that it might use.
        others: cores that other programs used meanwhile.
    """

    rate: float
    spent: float
    cores: int
    others: float

    @property
    def busy(self) -> float:
        """Share of the time that others left it in which it computed; the rest it waited, for itself."""
        return min(1.0, self.rate * self.spent / max(self.cores - self.others, 0.01))

    @property
    def alone(self) -> float:
        """Studies a second that the same work gives with nothing else on the machine."""
        return self.cores * self.busy / self.spent

    def __str__(self) -> str:
        """Say all of it in a line."""
        told = f"{self.rate:6.2f} studies/s, {1000 * self.spent:6.1f} ms of a core each"
        return f"{told}, busy {self.busy:4.0%}, others {self.others:.1f} of {self.cores} cores, alone {self.alone:6.2f}"


def run(workspace: Path, films: Path, *how: object, cores: Collection[int] = ()) -> Run:
    """Draft all films with a seed, and so keys, of their own; return what it took.

    Args:
        cores: which of the machine's cores the command may use; empty for all of ours.
    """
    ours = os.sched_getaffinity(0)
    mine = set(cores) or ours
    studies = sum(1 for _ in films.iterdir())
    seed = str(time.time_ns() % 1_000_000_007)
    os.environ["RADRAG_SEED"] = seed
    os.sched_setaffinity(0, mine)  # the command and its workers inherit it
    process = start_batch(workspace, films, "--batch", f"run-{seed}", "--log-json", *how)
    os.sched_setaffinity(0, ours)
    del os.environ["RADRAG_SEED"]
    log: list[str] = []
    at: list[tuple[float, float, float]] = []
    drafted = 0
    for line in process.stderr or ():
        log.append(line)
        if '"event": "drafted"' in line:
            drafted += 1
            if drafted in (studies // 4, studies):
                at.append((time.perf_counter(), _processor_seconds(process.pid), _busy_seconds(mine)))
    if process.wait() or len(at) < 2:
        raise SystemExit(f"The batch did not come to its end:\n{''.join(log)[-2000:]}")
    seconds, own, busy = (after - before for before, after in zip(*at, strict=True))
    return Run(_rate(log), own / (studies - studies // 4), len(mine), max(0.0, (busy - own) / seconds))


def _rate(log: list[str]) -> float:
    """Return the studies a second of a log, from the first draft of the last worker that got ready on."""
    events = [json.loads(line) for line in log if line.startswith("{")]
    at = [datetime.fromisoformat(event["at"]).timestamp() for event in events]
    ready = max(when for when, event in zip(at, events, strict=True) if event["event"] == "ready")
    drafted = [when for when, event in zip(at, events, strict=True) if event["event"] == "drafted" and when > ready]
    if len(drafted) < 10:
        raise SystemExit("Too few studies were drafted by all workers together: ask for more with --studies.")
    return (len(drafted) - 1) / (drafted[-1] - drafted[0])


def _busy_seconds(cores: Collection[int]) -> float:
    """Return the seconds in which some cores computed, for whomever."""
    lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
    mine = [fields for fields in lines if fields[0].removeprefix("cpu") in {str(core) for core in cores}]
    # user, nice and system; irq and softirq; steal is time that this machine did not have (proc_stat(5))
    return sum(int(fields[at]) for fields in mine for at in (1, 2, 3, 6, 7, 8)) / TICK


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
    return sum(facts[one][1] for one in family if one in facts) / TICK


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
