"""Machines, hours and cost of drafting an archive of millions, simulated from stage rates measured on one machine.

    python benchmarks/batch.py rates --json rates.json
    python benchmarks/scale_model.py rates.json --price 0.80 --plot docs/images/scale.svg

Prints how well the model foretells the runs that the rates were measured with, then one line for each number of
machines. docs/scale.md says what is in the model and what is not.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from scale_simulation import Cluster, simulate, summary, worker_rate


def check(measured: dict[str, Any]) -> float:
    """Print what the model foretells of the measured runs; return the share of its rate that a free core gives.

    A study takes a core for as long as its stages together, says the model. The rate follows from that only as far as
    a run got the cores: what other programs took is told beside it.
    """
    stages, cores, spent = measured["stages"], measured["cores"], measured["spent"]
    whole = sum(stages.values())
    told = {
        "1 worker, one core": (worker_rate(stages, 1), 1),
        "1 worker": (worker_rate(stages, cores), cores),
        "2 workers": (2 * worker_rate(stages, max(1, cores // 2)), cores),
    }
    print("                     studies/s foretold  measured           ms of a core foretold  measured   cores it got")
    for name, (rate, most) in told.items():
        reached, own = measured["reached"][name], spent[name]
        print(
            f"{name:20} {rate:19.2f} {reached:9.2f} ({reached / rate - 1:+4.0%}) {1000 * whole:24.0f} {1000 * own:9.0f}"
            f" ({own / whole - 1:+4.0%})  {reached * own:.1f} of {most}"
        )
    return min(1.0, whole / spent["2 workers"])


def cluster_of(measured: dict[str, Any], given: argparse.Namespace, efficiency: float) -> Cluster:
    stages = dict(measured["stages"])
    if given.look is not None:
        stages["look"] = given.look
    return Cluster(
        rate=given.cores * worker_rate(stages, 1) * efficiency,
        cores=given.cores,
        megabytes=given.megabytes or measured["megabytes"],
        machine_megabytes=given.machine_bandwidth,
        storage_megabytes=given.storage_bandwidth,
        saves=given.saves or 1 / stages["save"],
        scan=measured["submit"]["scan"],
        hash=measured["submit"]["hash"],
        submissions=given.submissions,
        starting=given.starting,
        machine_hours=given.machine_hours,
        worker_hours=given.worker_hours,
        slow_share=given.slow_share,
        slow_by=given.slow_by,
        failing=given.failing,
        lease=60.0,
    )


def table(cluster: Cluster, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Print a line for each number of machines; return them."""
    print(f"{given.studies:,} studies, {cluster.cores} cores a machine, {cluster.rate:.1f} studies/s a machine at best")
    print("machines   hours (5-95 %)          studies/s  per 1,000  bottleneck          lost  crashes  begun again")
    rows = []
    for machines in given.machines:
        told = summary([simulate(given.studies, machines, cluster, given.seed + run) for run in range(given.runs)])
        told |= {"machines": machines, "cost": 1000 * machines * told["hours"] * given.price / given.studies}
        rows.append(told)
        band = f"({told['low']:,.1f}-{told['high']:,.1f})"
        rate, losses = given.studies / told["hours"] / 3600, f"{told['lost']:5,.0f}  {told['crashes']:7,.0f}"
        print(
            f"{machines:8,}  {told['hours']:9,.1f} {band:18} {rate:8,.1f}  {told['cost']:9.3f}  {told['bottleneck']:18}"
            f" {losses}  {told['again']:8,.0f}"
        )
    return rows


def plot(rows: list[dict[str, Any]], cluster: Cluster, given: argparse.Namespace) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "radrag"  # the same picture from the same numbers
    from matplotlib import pyplot

    machines = [row["machines"] for row in rows]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    ideal = [given.studies / cluster.rate / 3600 / count for count in machines]
    left.plot(machines, ideal, "--", color="0.6", label="cores alone")
    left.fill_between(machines, [row["low"] for row in rows], [row["high"] for row in rows], alpha=0.3)
    left.plot(machines, [row["hours"] for row in rows], "o-", label="simulated")
    left.set(xscale="log", yscale="log", xlabel="machines", ylabel="hours", title=f"{given.studies:,} studies")
    left.legend(frameon=False)
    right.plot(machines, [row["cost"] for row in rows], "o-", color="C1")
    right.set(xscale="log", xlabel="machines", ylabel=f"per 1,000 studies at {given.price} an hour", ylim=(0, None))
    given.plot.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(given.plot, metadata={"Date": None} if given.plot.suffix == ".svg" else None)
    print(f"plotted in {given.plot}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    add = parser.add_argument
    add("rates", type=Path, help="from: python benchmarks/batch.py rates --json FILE")
    add("--studies", type=int, default=10_000_000)
    add("--machines", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64, 128])
    add("--cores", type=int, default=16, help="of a machine  [%(default)s]")
    add("--price", type=float, default=0.80, help="of a machine and hour, in any currency  [%(default)s]")
    add("--look", type=float, help="seconds of a core for the encoder, as on a GPU  [as measured]")
    add("--saves", type=float, help="drafts a second that the database takes  [one by one, as measured]")
    add("--megabytes", type=float, help="of a study  [as measured]")
    add("--machine-bandwidth", type=float, default=500.0, help="MB/s  [%(default)s]")
    add("--storage-bandwidth", type=float, default=5000.0, help="MB/s  [%(default)s]")
    add("--submissions", type=int, default=1, help="commands that submit at the same time  [%(default)s]")
    add("--starting", type=float, default=90.0, help="seconds until a machine drafts  [%(default)s]")
    add("--machine-hours", type=float, default=200.0, help="mean time until a machine is lost  [%(default)s]")
    add("--worker-hours", type=float, default=500.0, help="mean time until a worker crashes  [%(default)s]")
    add("--slow-share", type=float, default=0.03, help="of machines  [%(default)s]")
    add("--slow-by", type=float, default=0.5, help="their rate  [%(default)s]")
    add("--failing", type=float, default=0.002, help="studies that are tried again  [%(default)s]")
    add("--runs", type=int, default=20)
    add("--seed", type=int, default=8)
    add("--plot", type=Path, help="write a picture (.svg, .png)")
    given = parser.parse_args()
    measured = json.loads(given.rates.read_text())
    efficiency = check(measured)
    print(f"A core gives {efficiency:.2f} of what the stages, each alone, would allow.\n")
    cluster = cluster_of(measured, given, efficiency)
    rows = table(cluster, given)
    if given.plot:
        plot(rows, cluster, given)


if __name__ == "__main__":
    main()
