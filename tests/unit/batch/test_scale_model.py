"""The model of an archive's drafting obeys what must hold for any machines, and comes from its seed."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

from scale_simulation import Cluster, simulate, summary, worker_rate

STAGES = {"decode": 0.04, "look": 0.06, "write": 0.02, "save": 0.01}
CALM = Cluster(
    rate=10.0,
    cores=2,
    megabytes=1.0,
    machine_megabytes=1e6,
    storage_megabytes=1e9,
    saves=1e6,
    scan=0.0,
    hash=1e-6,
    submissions=1,
    starting=0.0,
    machine_hours=1e9,
    worker_hours=1e9,
    slow_share=0.0,
    slow_by=1.0,
    failing=0.0,
    lease=60.0,
)
STUDIES = 360_000


def hours(machines=1, **changes):
    return simulate(STUDIES, machines, replace(CALM, **changes), seed=1).hours


class TestWorker:
    def test_one_core_does_one_study_after_the_other(self):
        assert worker_rate(STAGES, 1) == pytest.approx(1 / sum(STAGES.values()), rel=0.03)

    def test_with_cores_enough_the_slowest_stage_decides(self):
        assert worker_rate(STAGES, 8, spread=0.01) == pytest.approx(1 / STAGES["look"], rel=0.03)


class TestMachines:
    def test_undisturbed_machines_share_the_work_evenly(self):
        assert hours() == pytest.approx(10.0, rel=0.1)
        assert hours(8) == pytest.approx(10.0 / 8, rel=0.1)

    @pytest.mark.parametrize(
        ("change", "limit"),
        [({"saves": 5.0}, "database"), ({"storage_megabytes": 10.0}, "storage"), ({"hash": 0.2}, "submission")],
    )
    def test_what_is_shared_is_not_helped_by_more_machines(self, change, limit):
        outcome = simulate(STUDIES, 16, replace(CALM, **change), seed=1)
        assert outcome.hours == pytest.approx(20.0, rel=0.05)
        assert summary([outcome])["bottleneck"] == limit

    def test_losses_and_slow_machines_cost_time_and_are_counted(self):
        assert hours(8, slow_share=1.0, slow_by=0.5) > 1.8 * hours(8)
        troubled = simulate(STUDIES, 8, replace(CALM, machine_hours=1.0, starting=600.0), seed=1)
        assert troubled.hours > hours(8)
        assert troubled.lost_machines > 0
        assert troubled.again > 0

    def test_machines_that_get_nowhere_are_told_and_no_hours(self, monkeypatch):
        monkeypatch.setattr("scale_simulation.MOST_STEPS", 50)
        with pytest.raises(ValueError, match="only 0 studies"):
            simulate(STUDIES, 2, replace(CALM, starting=36_000.0, machine_hours=0.01), seed=1)

    def test_the_seed_decides(self):
        shaky = replace(CALM, machine_hours=2.0, starting=300.0)
        assert simulate(STUDIES, 8, shaky, seed=1) == simulate(STUDIES, 8, shaky, seed=1)
        assert simulate(STUDIES, 8, shaky, seed=1) != simulate(STUDIES, 8, shaky, seed=2)
