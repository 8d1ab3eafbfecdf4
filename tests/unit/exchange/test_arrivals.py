"""Whatever is thrown at the inbox, and by however many at once, only whole images lie in it, under their own hash."""

import hashlib
import tempfile
import threading
from functools import cache
from pathlib import Path

import pytest
from batch_support import write_film
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from radrag.exchange.arrivals import Arrivals
from radrag.exchange.values import status_of


@cache
def film():
    with tempfile.TemporaryDirectory() as folder:
        return write_film(Path(folder) / "film.dcm", 1).read_bytes()


@pytest.fixture
def arrivals(tmp_path):
    made = Arrivals(tmp_path / "workspace", salt="salt")
    yield made
    made.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_taken_whole_or_refused_with_a_failure_and_leaves_nothing(arrivals, data):
    content = bytearray(film())
    for at in data.draw(st.lists(st.integers(0, 3000), max_size=8)):  # the header
        content[at] = data.draw(st.integers(0, 255))
    del content[data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content)))) :]
    taken = arrivals.take([bytes(content)])
    held = {path.name for path in arrivals.inbox.iterdir()}
    digest = hashlib.sha256(content).hexdigest()
    assert taken.kept == (status_of(taken.code) == 0)
    assert taken.code != "stored" or f"{digest}.dcm" in held
    assert taken.kept or f"{digest}.dcm" not in held
    assert not list(arrivals.inbox.parent.glob("quarantine/*.part"))


def test_one_image_from_many_senders_at_once_is_one_file(arrivals):
    dataset = dcmread(write_film(arrivals.inbox.parent / "film.dcm", 1), stop_before_pixels=True)
    announced = (dataset.SOPClassUID, dataset.SOPInstanceUID)
    codes = []
    threads = [
        threading.Thread(target=lambda: codes.append(arrivals.take([film()], announced=announced).code))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(codes) == ["known"] * 11 + ["stored"]
    assert len(list(arrivals.inbox.iterdir())) == 1
    assert len(arrivals.ledger.quiet(0)) == 1


def test_an_image_is_not_taken_as_what_it_is_not(arrivals):
    assert arrivals.take([film()], announced=("1.2.840.10008.5.1.4.1.1.1", "1.2.3")).code == "mismatch"
    assert not list(arrivals.inbox.iterdir())


def test_the_ledger_holds_no_identifier_and_is_for_its_owner_alone(arrivals):
    dataset = dcmread(write_film(arrivals.inbox.parent / "film.dcm", 1), stop_before_pixels=True)
    assert arrivals.take([film()]).code == "stored"
    for path in arrivals.inbox.parent.glob("quarantine/arrivals.sqlite*"):
        held = path.read_bytes()
        for secret in (dataset.PatientID, "Doe", dataset.StudyInstanceUID, dataset.SOPInstanceUID):
            assert str(secret).encode() not in held
        assert path.stat().st_mode & 0o077 == 0
