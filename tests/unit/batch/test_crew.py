"""Workers that crash are replaced, what they held is tried again, and the study to blame is parked."""

import os
import subprocess
import sys

import pytest
from batch_support import break_at_once, queue_of, work_and_crash, write_film, write_films

from radrag.batch import alive, crew
from radrag.batch.crew import Crew, WorkersBroken
from radrag.batch.values import WorkerOptions
from radrag.store.job_values import JobState, Wanted


@pytest.fixture
def queue(tmp_path):
    made = queue_of(tmp_path / "workspace")
    write_films(tmp_path / "films", 5)
    write_film(tmp_path / "films" / "poison.dcm", 99)
    made.submit([tmp_path / "films"], batch="b")
    return made


def run(made):
    made.start()
    while made.watch(1.0):
        pass


def states(queue):
    return {state: count for state, count in queue.status("b").counts.items() if count}


def crew_of(queue, **how):
    events = []
    settings = queue._workspace.settings
    return Crew(settings, queue.store, options=WorkerOptions(poll=0.02), tell=events.append, **how), events


def test_a_study_that_crashes_its_worker_is_parked_after_two_tries_and_the_others_are_drafted(queue, monkeypatch):
    monkeypatch.setattr(crew, "work", work_and_crash)
    made, events = crew_of(queue, workers=1)
    run(made)
    assert states(queue) == {JobState.DONE: 5, JobState.PARKED: 1}
    (poison,) = queue.store.iter_jobs("b", [JobState.PARKED])
    assert poison.source["files"][0][0].endswith("poison.dcm")
    assert (poison.error_code, poison.crashes) == ("worker_lost", 2)
    assert [event.code for event in events if event.kind == "crashed"] == ["exit 7"] * 2
    assert queue.store.count_drafts() == 5


def test_workers_that_only_crash_are_given_up(queue, monkeypatch):
    monkeypatch.setattr(crew, "work", break_at_once)
    made, events = crew_of(queue, workers=1)
    with pytest.raises(WorkersBroken, match="over and over"):
        run(made)
    assert len([event for event in events if event.kind == "crashed"]) == crew.MOST_CRASHES
    assert states(queue) == {JobState.WAITING: 6}


def test_a_worker_that_cannot_start_says_why(queue):
    made, events = crew_of(queue, workers=1)  # the real one: this workspace has no index
    with pytest.raises(WorkersBroken, match="has no index"):
        run(made)
    assert [event.kind for event in events] == ["broken"]


@pytest.mark.skipif(sys.platform == "win32", reason="files are not locked there")
def test_the_jobs_of_a_killed_command_are_free_at_once(queue, tmp_path):
    folder = alive.folder_of(tmp_path / "workspace")
    script = (
        "import sys, time; from pathlib import Path; from radrag.batch import alive;"
        "alive.announce(Path(sys.argv[1]), 'dead'); print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"held\n"
    queue.store.claim_jobs("dead", Wanted(6), now=queue.store.now(), lease=600)
    made, _ = crew_of(queue)
    made.free_jobs_of_the_dead()
    assert states(queue) == {JobState.RUNNING: 6}
    other.kill()
    other.communicate()
    made.free_jobs_of_the_dead()
    assert states(queue) == {JobState.WAITING: 6}
    assert os.listdir(folder) == []
