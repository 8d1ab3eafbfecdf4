"""No study that arrived is lost between inbox and queue, whatever is away or changes meanwhile."""

import pytest
from batch_support import new_job, queue_of, write_film

from radrag.errors import StoreError
from radrag.exchange import submitting
from radrag.exchange.arrivals import Arrivals
from radrag.exchange.submitting import Submitter
from radrag.settings import load_settings
from radrag.store.job_values import JobState, RetryPolicy, Wanted
from radrag.workspace import Workspace


@pytest.fixture
def arrivals(tmp_path):
    made = Arrivals(tmp_path / "workspace", salt="salt")
    yield made
    made.close()


def take(arrivals, tmp_path, number):
    from pydicom import dcmread

    path = write_film(tmp_path / f"{number}.dcm", number)
    dataset = dcmread(path, stop_before_pixels=True)
    return arrivals.take([path.read_bytes()], announced=(dataset.SOPClassUID, dataset.SOPInstanceUID))


@pytest.fixture
def versions(monkeypatch):
    """What drafts, as a list of one that the test may change; there is no index here."""
    present = ["a" * 16]
    monkeypatch.setattr("radrag.batch.queue.versions_of", lambda _: present[0])
    return present


def submitter(arrivals, tmp_path, told, *, quiet=0.0):
    workspace = Workspace(load_settings(workspace=tmp_path / "workspace"))
    return Submitter(workspace, arrivals, quiet=quiet, tell=told.append)


def test_a_study_waits_until_it_is_quiet(arrivals, tmp_path, versions):
    assert take(arrivals, tmp_path, 1).code == "stored"
    assert submitter(arrivals, tmp_path, [], quiet=60).submit() == 0
    assert arrivals.ledger.waiting() == 1
    assert submitter(arrivals, tmp_path, []).submit() == 1
    assert arrivals.ledger.waiting() == 0


def test_while_the_database_is_away_images_are_taken_and_submitted_later(arrivals, tmp_path, versions, monkeypatch):
    told = []
    made = submitter(arrivals, tmp_path, told)
    monkeypatch.setattr(submitting, "RETRY_SECONDS", 0)
    with monkeypatch.context() as patch:

        def away(*_, **__):
            raise StoreError("The database cannot be reached.")

        patch.setattr(made._queue, "submit", away)
        assert take(arrivals, tmp_path, 1).code == "stored"
        assert made.submit() == 0
    assert [(one.kind, one.code, one.count) for one in told] == [("waiting", "store", 1)]
    assert take(arrivals, tmp_path, 2).code == "stored"
    assert made.submit() == 2


def test_without_an_index_studies_wait_and_are_told_of(arrivals, tmp_path):
    told = []
    take(arrivals, tmp_path, 1)
    made = submitter(arrivals, tmp_path, told)
    assert made.submit() == 0
    assert [(one.kind, one.code) for one in told] == [("waiting", "bad_index")]
    assert arrivals.ledger.waiting() == 1


def test_what_waits_for_an_earlier_index_is_submitted_for_the_present_one(arrivals, tmp_path, versions, monkeypatch):
    monkeypatch.setattr(submitting, "RETRY_SECONDS", 0)
    for number in (1, 2):
        take(arrivals, tmp_path, number)
    made = submitter(arrivals, tmp_path, [])
    assert made.submit() == 2
    store = queue_of(tmp_path / "workspace").store
    wanted = Wanted(1, versions="a" * 16)
    assert store.claim_jobs("worker", wanted, now=store.now(), lease=60, policy=RetryPolicy())
    store.add_jobs("arrived-000000-of-another-listener", [new_job(1, "a" * 16)], now=store.now())
    versions[0] = "b" * 16
    assert made.submit() == 0
    counts = {name[-1]: store.batch_status(name).counts for name in store.batches()}
    assert counts["b"][JobState.WAITING] == 2
    assert counts["a"][JobState.WAITING] == counts["a"][JobState.RUNNING] == 0
    assert counts["r"][JobState.WAITING] == 1


def test_arrivals_survive_the_process(tmp_path, versions):
    first = Arrivals(tmp_path / "workspace", salt="salt")
    take(first, tmp_path, 1)
    half = tmp_path / "workspace" / "quarantine" / "half.part"
    half.write_bytes(b"half an image")
    first.close()
    second = Arrivals(tmp_path / "workspace", salt="salt")
    assert not half.exists()
    assert take(second, tmp_path, 1).code == "known"
    assert submitter(second, tmp_path, []).submit() == 1
    second.close()
