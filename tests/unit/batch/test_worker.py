"""A worker ends each job with its draft or its reason, whatever goes wrong, and stops in order."""

import threading
import time

import pytest
from batch_support import Drafts, queue_of, worker_of, write_film, write_films
from pydicom import dcmread

from radrag.batch import stages
from radrag.batch import worker as worker_module
from radrag.errors import GenerationCode, GenerationError, RestrictedData, StoreError
from radrag.store.engine import NoRoom
from radrag.store.job_values import JobState, RetryPolicy, Wanted

NEVER = threading.Event()


@pytest.fixture
def queue(tmp_path):
    made = queue_of(tmp_path / "workspace")
    made.submit([write_films(tmp_path / "films", 6)], batch="b")
    return made


def states(queue):
    return {state: count for state, count in queue.status("b").counts.items() if count}


def test_all_are_drafted_each_once(queue):
    made, events = worker_of(queue, Drafts())
    made.run(NEVER)
    assert states(queue) == {JobState.DONE: 6}
    assert queue.store.count_drafts() == 6
    assert [event.kind for event in events] == ["drafted"] * 6
    assert all(set(event.seconds) == {"fetch", "decode", "look", "write", "save"} for event in events)
    jobs = {job.id: job for job in queue.store.iter_jobs("b")}
    assert all((jobs[e.job].draft_id, jobs[e.job].trace) == (e.draft_id, e.trace) for e in events)


def test_what_was_submitted_for_other_parts_is_left_alone(queue):
    queue.versions = "other"
    made, events = worker_of(queue, Drafts())
    made.run(NEVER)
    assert events == []
    assert states(queue) == {JobState.WAITING: 6}


def of_patient(path, patient):
    """Let a film be of some patient."""
    dataset = dcmread(path)
    dataset.PatientID = patient
    dataset.save_as(path)
    return path


def test_a_study_is_compared_with_its_patients_prior_and_no_other(tmp_path):
    queue = queue_of(tmp_path / "workspace")
    earlier, now, other = (write_film(tmp_path / f"{number}.dcm", number) for number in (1, 2, 3))
    for path in (earlier, now):
        of_patient(path, "P1")
    queue.submit([now, other], batch="b", prior=[earlier])
    drafter = Drafts()
    worker_of(queue, drafter)[0].run(NEVER)
    assert states(queue) == {JobState.DONE: 2}
    assert drafter.compared == {str(now): [str(earlier)]}


def test_a_prior_that_was_changed_meanwhile_is_not_compared_with(tmp_path):
    queue = queue_of(tmp_path / "workspace")
    earlier, now = (of_patient(write_film(tmp_path / f"{number}.dcm", number), "P1") for number in (1, 2))
    queue.submit([now], batch="b", prior=[earlier])
    of_patient(write_film(earlier, 4), "P1")
    drafter = Drafts()
    worker_of(queue, drafter)[0].run(NEVER)
    assert states(queue) == {JobState.PARKED: 1}
    assert next(queue.store.iter_jobs("b")).error_code == "file_changed"


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (RestrictedData("No."), JobState.PARKED, "restricted"),
        (GenerationError(GenerationCode.TIMED_OUT, "No answer."), JobState.WAITING, "timed_out"),
        (ZeroDivisionError("Doe^Jane"), JobState.WAITING, "internal"),
    ],
)
def test_a_failure_is_one_studys(queue, error, state, code):
    def act(name):
        if name == "00002.dcm":
            raise error

    stop = threading.Event()
    made, events = worker_of(queue, Drafts(act), stay=True)
    thread = threading.Thread(target=made.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 30
    while len(events) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join(30)
    assert states(queue) == {JobState.DONE: 5, state: 1}
    (job,) = queue.store.iter_jobs("b", [state])
    assert (job.error_code, job.failures) == (code, 1)
    assert "Doe" not in job.error
    assert {event.code for event in events if event.kind != "drafted"} == {code}


def test_a_failure_that_passes_is_tried_again(queue):
    tried = []

    def act(name):
        tried.append(name)
        if tried.count(name) < 2:
            raise GenerationError(GenerationCode.UNREACHABLE, "Nobody there.")

    made, _ = worker_of(queue, Drafts(act), policy=RetryPolicy(base_seconds=0.01))
    made.run(NEVER)
    assert states(queue) == {JobState.DONE: 6}


def test_files_that_went_or_changed_after_they_were_submitted_are_parked(queue, tmp_path):
    (tmp_path / "films" / "00000.dcm").unlink()
    write_film(tmp_path / "films" / "00001.dcm", 77)
    write_film(tmp_path / "films" / "00002.dcm", 2, modality="CT")
    made, _ = worker_of(queue, Drafts())
    made.run(NEVER)
    assert states(queue) == {JobState.DONE: 3, JobState.PARKED: 3}
    assert queue.status("b").reasons == {"file_changed": 1, "not_found": 1, "wrong_modality": 1}


def test_told_to_stop_it_finishes_what_it_began_and_gives_back_the_rest(queue, tmp_path):
    queue.submit([write_films(tmp_path / "more", 14, first=100)], batch="b")
    stop = threading.Event()
    made, events = worker_of(queue, Drafts(lambda _: stop.set()))
    made.run(stop)
    kinds = [event.kind for event in events]
    assert set(kinds) <= {"drafted", "given_back"}
    assert states(queue) == {JobState.DONE: kinds.count("drafted"), JobState.WAITING: 20 - kinds.count("drafted")}
    assert all(job.failures == job.crashes == 0 for job in queue.store.iter_jobs("b"))


def test_told_to_stop_it_gives_back_what_waits_to_be_decoded(queue, monkeypatch):
    stop, read = threading.Event(), stages.load_study
    made, events = worker_of(queue, Drafts())

    def load(files):
        stop.set()
        until = time.monotonic() + 20
        while len(events) < 5 and time.monotonic() < until:
            time.sleep(0.001)
        return read(files)

    monkeypatch.setattr(stages, "load_study", load)
    made.run(stop)
    assert [event.kind for event in events] == ["given_back"] * 5 + ["drafted"]
    assert states(queue) == {JobState.DONE: 1, JobState.WAITING: 5}


def test_a_cancelled_study_is_dropped_on_its_way(queue):
    begun, go_on = threading.Event(), threading.Event()

    def act(_):
        begun.set()
        go_on.wait(20)

    made, events = worker_of(queue, Drafts(act), lease=0.3)
    thread = threading.Thread(target=made.run, args=(NEVER,))
    thread.start()
    assert begun.wait(20)
    queue.store.cancel_batch("b", now=queue.store.now())
    time.sleep(0.4)
    go_on.set()
    thread.join(30)
    assert states(queue) == {JobState.CANCELLED: 6}
    assert queue.store.count_drafts() == 0
    assert {event.kind for event in events} == {"lost"}


def test_a_job_that_ended_a_worker_is_drafted_alone(queue):
    queue.store.claim_jobs("dead", Wanted(3), now=queue.store.now(), lease=60)
    queue.store.lose_jobs("dead", now=queue.store.now(), seen=True)
    drafts, together = Drafts(), []
    made, _ = worker_of(queue, drafts)

    def act(name):
        with made._changed:
            together.append({hand.claim.crashes for hand in made._hands.values()} | {len(made._hands)})

    drafts.act = act
    made.run(NEVER)
    assert states(queue) == {JobState.DONE: 6}
    assert [held for held in together if 1 in held and len(held) == 1] == [{1}] * 3  # one hand, of one crash


@pytest.mark.parametrize("moment", ["claim_jobs", "finish_job"])
def test_a_database_that_is_away_is_waited_for(queue, monkeypatch, moment):
    monkeypatch.setattr(worker_module, "OUTAGE_SECONDS", 0.02)
    away = {"until": 0}
    store = queue.store

    def sometimes(name):
        real = getattr(store, name)

        def call(*args, **kwargs):
            if name == moment and not away["until"]:
                away["until"] = time.monotonic() + 0.3
            if time.monotonic() < away["until"]:
                raise StoreError("The database: disk is full.")
            return real(*args, **kwargs)

        return call

    for name in ("claim_jobs", "finish_job", "hold_jobs"):
        monkeypatch.setattr(store, name, sometimes(name))
    made, events = worker_of(queue, Drafts())
    made.run(NEVER)
    assert states(queue) == {JobState.DONE: 6}
    kinds = [event.kind for event in events]
    assert {"paused", "resumed"} <= set(kinds)
    assert kinds.count("drafted") == 6


def test_a_full_disk_that_still_takes_small_changes_is_waited_for(queue, monkeypatch):
    monkeypatch.setattr(worker_module, "OUTAGE_SECONDS", 0.001)
    real, refused = queue.store.finish_job, []

    def full(*args, **kwargs):
        if len(refused) < 5:  # more often than a database that answers may refuse
            refused.append(1)
            raise NoRoom("The database: database or disk is full.")
        return real(*args, **kwargs)

    monkeypatch.setattr(queue.store, "finish_job", full)
    made, events = worker_of(queue, Drafts())
    made.run(NEVER)
    kinds = [event.kind for event in events]
    assert kinds[0] == "paused"
    assert (kinds.count("paused"), kinds.count("resumed"), kinds.count("drafted")) == (1, 1, 6)


def test_a_database_that_stays_away_ends_the_worker(queue, monkeypatch):
    monkeypatch.setattr(worker_module, "OUTAGE_SECONDS", 0.02)

    def away(*_args, **_kwargs):
        raise StoreError("The database: connection refused.")

    for name in ("claim_jobs", "hold_jobs"):
        monkeypatch.setattr(queue.store, name, away)
    made, _ = worker_of(queue, Drafts(), patience=0.1)
    with pytest.raises(StoreError, match="connection refused"):
        made.run(NEVER)


def test_a_store_error_of_one_study_is_that_studys(queue):
    from dataclasses import replace

    class OneBad(Drafts):
        def draft(self, study, *, seen, prior=None):
            draft = super().draft(study, seen=seen, prior=prior)
            bad = study.study.images[0].path.endswith("00003.dcm")
            return replace(draft, study=replace(draft.study, age=float("nan"))) if bad else draft

    made, _ = worker_of(queue, OneBad(), policy=RetryPolicy(failures=1))
    made.run(NEVER)
    assert states(queue) == {JobState.DONE: 5, JobState.PARKED: 1}
    assert queue.status("b").reasons == {"store": 1}
