"""How long an archive takes: one worker as a line of stages (events), many machines as flows (Monte Carlo).

A worker is simulated study by study, as radrag/batch/worker.py works: stages in threads, no more of them at once than
cores. Its rate goes into the simulation of the machines, which steps through time: machines start, are lost and come
back, workers crash, some machines are slow, and submission, storage and database give what they can at most.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

AHEAD = 4  # as in radrag/batch/worker.py: studies that wait between stages
STEPS = 1500  # of the time that the flows would take undisturbed
MOST_STEPS = 50 * STEPS


def worker_rate(
    stages: Mapping[str, float], cores: int, *, studies: int = 600, spread: float = 0.15, seed: int = 0
) -> float:
    """Return the studies a second of one worker whose stages share some cores.

    Args:
        stages: name → seconds of one core, in order; the first has as many threads as there are cores, the others one.
        spread: of a stage's time from study to study, as a share of it (gamma).
    """
    rng = np.random.default_rng(seed)
    names = list(stages)
    times = rng.gamma(1 / spread**2, spread**2, (studies, len(names))) * np.array([stages[name] for name in names])
    room = {number: (cores if number == 0 else 1) for number in range(len(names))}
    queues: list[list[int]] = [[] for _ in names]  # studies that wait for a stage, first come first served
    busy: list[tuple[float, int, int]] = []  # end, stage, study
    free, held, begun, now, ended = cores, 0, 0, 0.0, 0
    half = 0.0
    while ended < studies:
        while held < cores + 2 + AHEAD and begun < studies:
            queues[0].append(begun)
            begun, held = begun + 1, held + 1
        for stage in reversed(range(len(names))):  # a thread of each stage waits for its turn; none is passed over
            while free and room[stage] and queues[stage]:
                study = queues[stage].pop(0)
                free, room[stage] = free - 1, room[stage] - 1
                heapq.heappush(busy, (now + times[study, stage], stage, study))
        now, stage, study = heapq.heappop(busy)
        free, room[stage] = free + 1, room[stage] + 1
        if stage + 1 < len(names):
            queues[stage + 1].append(study)
        else:
            held, ended = held - 1, ended + 1
            half = now if ended == studies // 5 else half
    return (studies - studies // 5) / (now - half)  # without the start


@dataclass(frozen=True)
class Cluster:
    """Machines, and what they share.

    Attributes:
        rate: studies a second of one undisturbed machine.
        cores: of a machine: its workers, each of which holds ``held`` studies.
        megabytes: a study, read once to submit and once to draft.
        machine_megabytes, storage_megabytes: a second, that a machine takes in, and that the store gives in all.
        saves: drafts a second that the database takes: the audit log is one chain, so they are saved one by one.
        scan, hash: seconds a study that a submission takes; jobs come when its whole scan has ended.
        submissions: commands that submit parts of the archive at the same time.
        starting: seconds until a machine is there and its workers have loaded their models.
        machine_hours, worker_hours: mean time until a machine is lost, and until a worker crashes.
        slow_share, slow_by: machines that are slow, and what is left of their rate.
        failing: share of studies that are tried once more.
        lease: seconds until the studies of a lost machine are taken by others.
    """

    rate: float
    cores: int
    megabytes: float
    machine_megabytes: float
    storage_megabytes: float
    saves: float
    scan: float
    hash: float
    submissions: int
    starting: float
    machine_hours: float
    worker_hours: float
    slow_share: float
    slow_by: float
    failing: float
    lease: float
    held: int = AHEAD + 3


@dataclass(frozen=True)
class Outcome:
    """One simulated run: hours, losses, and what held it back for how much of the time."""

    hours: float
    lost_machines: int
    crashes: int
    again: float
    limits: Mapping[str, float]


def simulate(studies: int, machines: int, cluster: Cluster, seed: int) -> Outcome:
    """Draft an archive once, with chance from a seed.

    Raises:
        ValueError: the machines get nowhere, since they are lost before they have drafted much.
    """
    rng = np.random.default_rng([seed, machines])
    slow = rng.random(machines) < cluster.slow_share
    rates = cluster.rate * rng.normal(1, 0.03, machines).clip(0.8, 1.2) * np.where(slow, cluster.slow_by, 1.0)
    shared = _shared(cluster)
    flow = min(rates.sum(), *shared.values())
    step = max(1.0, studies / flow / STEPS)
    up_at = cluster.starting * rng.uniform(0.5, 1.5, machines)
    scanned = cluster.scan * studies / cluster.submissions
    per_machine = cluster.machine_megabytes / cluster.megabytes
    done = again = now = 0.0
    lost = crashes = 0
    limits: Counter[str] = Counter()
    while done < studies and now < MOST_STEPS * step:
        now += step
        gone = rng.random(machines) < step / 3600 / cluster.machine_hours
        dead = rng.poisson(machines * cluster.cores * step / 3600 / cluster.worker_hours)
        up_at[gone] = now + cluster.starting * rng.uniform(0.5, 1.5, gone.sum())
        lost, crashes = lost + int(gone.sum()), crashes + int(dead)
        # A crashed worker is away until its successor has loaded the models.
        away = dead * cluster.starting / 2 * cluster.rate / cluster.cores
        working = np.minimum(rates, per_machine)[up_at <= now]
        wasted = (gone.sum() * cluster.cores + dead) * cluster.held / 2  # half done, on average
        again += wasted
        own = max(0.0, working.sum() * step - away - wasted) / (1 + cluster.failing)
        name = "machines' network" if per_machine < np.median(rates) else "cores"
        able = {name: own, **{name: rate * step for name, rate in shared.items()}}
        able["submission"] = max(0.0, min((now - scanned) * shared["submission"], studies) - done)
        held_by = min(able, key=lambda name: able[name])
        limits[held_by if now > cluster.starting else "start"] += step
        done += able[held_by]
    if done < studies:
        raise ValueError(f"After {now / 3600:,.0f} hours only {done:,.0f} studies are drafted.")
    slowest = 1 / (rates.min() / cluster.cores)
    tail = slowest * cluster.held + (cluster.lease if lost and rng.random() < lost * cluster.lease / now else 0.0)
    total = now + tail
    return Outcome(total / 3600, lost, crashes, again, {name: time / total for name, time in limits.most_common()})


def _shared(cluster: Cluster) -> dict[str, float]:
    """Return what all machines share → studies a second that it gives at most."""
    return {
        "submission": cluster.submissions / cluster.hash,
        "storage": cluster.storage_megabytes / cluster.megabytes / 2,
        "database": cluster.saves,
    }


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return median and 5–95 % range of the hours, and the limit that held for most of the time."""
    hours = np.array([one.hours for one in outcomes])
    limits: Counter[str] = Counter()
    for one in outcomes:
        limits.update(one.limits)
    name, _ = limits.most_common(1)[0]
    low, middle, high = np.percentile(hours, [5, 50, 95])
    return {
        "hours": float(middle),
        "low": float(low),
        "high": float(high),
        "bottleneck": name,
        "lost": float(np.mean([one.lost_machines for one in outcomes])),
        "crashes": float(np.mean([one.crashes for one in outcomes])),
        "again": float(np.mean([one.again for one in outcomes])),
    }
