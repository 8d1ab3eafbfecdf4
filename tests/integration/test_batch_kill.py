"""kill -9 at any moment of a batch: nothing is lost or there twice, and the drafts are those of a quiet run."""

import importlib.util
import json
import os
import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from batch_support import (
    kill,
    queue_of,
    ray_work_and_crash,
    start_batch,
    what_was_drafted,
    write_film,
    write_films,
)
from small_workspaces import report, small_workspace
from support import missing

from radrag.batch import ray_runner
from radrag.batch.local import LocalRun, Plan
from radrag.batch.values import RayOptions, WorkerOptions
from radrag.settings import load_settings
from radrag.store.job_values import JobState
from radrag.workspace import Workspace

STUDIES = 40
KILLS = 5


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return write_films(tmp_path_factory.mktemp("films"), STUDIES)


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory):
    """Three workspaces with the same few reports."""
    folders = [tmp_path_factory.mktemp("workspace") for _ in range(3)]
    findings = ("Left pleural effusion.", "Heart size is normal.", "No pneumothorax.", "Large right mass.")
    for folder in folders:
        cases = [
            report(f"small:{n}", f"{text} The mediastinum is normal. Report {n}.") for n, text in enumerate(findings)
        ]
        small_workspace(folder, cases).store.close()
        (folder / "patient_salt").write_text("the same")
    return folders


def done(workspace):
    with sqlite3.connect(f"file:{workspace}/radrag.sqlite?mode=ro", uri=True) as database:
        return database.execute("SELECT count(*) FROM jobs WHERE state = 'done'").fetchone()[0]


@pytest.fixture(scope="module")
def quiet(workspaces, films, tmp_path_factory):
    """What a run that nobody disturbs drafts."""
    out = tmp_path_factory.mktemp("quiet")
    process = start_batch(workspaces[0], films, "--out", out, "--batch", "b", "--workers", "1")
    _, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    drafted = what_was_drafted(out / "b.jsonl")
    assert len(drafted) == STUDIES
    return drafted


@pytest.mark.timeout(600)
def test_killed_at_random_moments_and_then_finished(quiet, workspaces, films, tmp_path):
    workspace, chance = workspaces[1], random.Random(8)
    command = (films, "--out", tmp_path, "--batch", "b", "--workers", "2")
    seen = [0]
    for number in range(KILLS):
        process = start_batch(workspace, *command)
        deadline = time.monotonic() + 90
        goal = seen[-1] + chance.randint(0, 5)
        while number and done(workspace) < goal and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.random() / 5 if number else 2)  # the first kill comes before anything is drafted
        kill(process)
        seen.append(done(workspace))
    assert 0 < seen[-1] < STUDIES, "the kills tested nothing"

    process = start_batch(workspace, *command, "--json")
    out, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    status = json.loads(out)
    assert (status["done"], status["total"]) == (STUDIES, STUDIES)
    assert what_was_drafted(tmp_path / "b.jsonl") == quiet
    with sqlite3.connect(workspace / "radrag.sqlite") as database:
        assert database.execute("SELECT count(*), count(DISTINCT study_instance_uid) FROM drafts").fetchone() == (
            STUDIES,
            STUDIES,
        )
        assert database.execute("SELECT count(*) FROM audit_log WHERE what = 'draft.saved'").fetchone() == (STUDIES,)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.timeout(300)
def test_told_to_stop_it_finishes_what_it_began_and_gives_back_the_rest(quiet, workspaces, films, tmp_path):
    del quiet
    command = (films, "--out", tmp_path, "--batch", "again", "--workers", "1", "--hits", "3")
    process = start_batch(workspaces[0], *command)
    deadline = time.monotonic() + 90
    while done(workspaces[0]) < STUDIES + 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "same command again" in said
    with sqlite3.connect(workspaces[0] / "radrag.sqlite") as database:
        left = database.execute("SELECT state, crashes, failures, count(*) FROM jobs GROUP BY 1, 2, 3").fetchall()
    assert {(state, crashes, failures) for state, crashes, failures, _ in left} == {("done", 0, 0), ("waiting", 0, 0)}
    assert len(what_was_drafted(tmp_path / "again.jsonl")) == done(workspaces[0]) - STUDIES


def living(session):
    """Processes of a session that still run."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            facts = Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(facts[3]) == session and facts[0] != "Z":
            found.append(int(entry))
    return found


@pytest.mark.timeout(300)
@pytest.mark.skipif(not os.path.isdir("/proc"), reason="looks at /proc for processes left over")
def test_workers_whose_command_was_killed_give_their_studies_back_and_end(quiet, workspaces, films):
    del quiet
    before = done(workspaces[0])
    process = start_batch(workspaces[0], films, "--batch", "orphans", "--workers", "1", "--hits", "4")
    deadline = time.monotonic() + 90
    while done(workspaces[0]) < before + 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate(timeout=60)
    while living(process.pid) and time.monotonic() < deadline + 30:
        time.sleep(0.1)
    assert living(process.pid) == []
    with sqlite3.connect(workspaces[0] / "radrag.sqlite") as database:
        left = database.execute("SELECT DISTINCT state, crashes FROM jobs").fetchall()
    assert set(left) == {("done", 0), ("waiting", 0)}


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of this machine, and the folder of its logs."""
    if importlib.util.find_spec("ray") is None:
        missing("ray, of the extra radrag[cluster]")
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # its workers import what stands for a drafter
        quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
        ray.init(address="local", num_cpus=2, object_store_memory=80 * 2**20, **quiet)
        yield Path(ray._private.worker._global_node.get_session_dir_path())
        ray.shutdown()


@pytest.mark.timeout(300)
def test_a_ray_worker_that_is_killed_loses_and_doubles_nothing(quiet, workspaces, films, cluster, tmp_path):
    workspace = Workspace(load_settings(workspace=workspaces[2]))
    seen = []

    def tell(event):
        seen.append(event.kind)
        if event.kind == "drafted" and seen.count("drafted") == 5:
            os.kill(int(event.worker.split("-")[-2]), signal.SIGKILL)

    lines = tmp_path / "b.jsonl"
    status = LocalRun(workspace, Plan("b", [films], workers=1, ray=RayOptions(), out=lines), tell=tell).run()
    assert seen.count("crashed") == 1
    assert (status.counts[JobState.DONE], status.total) == (STUDIES, STUDIES)
    assert what_was_drafted(lines) == quiet
    assert workspace.store.count_drafts() == STUDIES
    workspace.store.close()

    logs = [path for path in cluster.rglob("*") if path.is_file() and path.stat().st_size]
    assert logs, "there is nothing to look at"
    secrets = [b"Doe", b"patient 7", b"00007.dcm", next(iter(quiet)).encode()]
    assert [(path.name, secret) for path in logs for secret in secrets if secret in path.read_bytes()] == []


@pytest.mark.timeout(120)
def test_a_study_that_crashes_its_ray_worker_is_parked_after_two_tries(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_runner, "draft_jobs", ray_work_and_crash)
    queue = queue_of(tmp_path)
    write_film(tmp_path / "films" / "poison.dcm", 99)
    queue.submit([write_films(tmp_path / "films", 3)], batch="b")
    seen = []
    options, settings = WorkerOptions(poll=0.02), queue._workspace.settings
    crew = ray_runner.RayCrew(settings, queue.store, RayOptions(), workers=1, options=options, tell=seen.append)
    crew.start()
    while crew.watch(1.0):
        pass
    counts = {state: count for state, count in queue.status("b").counts.items() if count}
    assert counts == {JobState.DONE: 3, JobState.PARKED: 1}
    (poison,) = queue.store.iter_jobs("b", [JobState.PARKED])
    assert (poison.error_code, poison.crashes) == ("worker_lost", 2)
    assert [event.kind for event in seen].count("crashed") == 2
