"""What a worker in a Ray actor tells is heard whole and in order, and its faults say nothing of patients."""

import socket
from types import SimpleNamespace

import pytest

from radrag.batch import ray_worker
from radrag.batch.ray_cluster import NoCluster, running
from radrag.batch.ray_runner import RayCrew
from radrag.batch.ray_worker import MOST_EVENTS, RayWorker
from radrag.batch.values import Event, RayOptions, WorkerOptions
from radrag.errors import StoreError, UsageError
from radrag.settings import load_settings


@pytest.fixture
def listened(tmp_path, monkeypatch):
    """Run some work in a RayWorker of this process; return its name and all that it told."""
    monkeypatch.setattr(ray_worker, "_be_silent", lambda: None)

    def run(work):
        worker = RayWorker()
        name = worker.begin(load_settings(workspace=tmp_path), WorkerOptions(), work)
        heard, over = [], False
        while not over:
            events, over = worker.listen(1.0)
            assert len(events) <= MOST_EVENTS
            heard += events
        assert worker.listen(1.0) == ([], True)  # an answer may be lost on the way: the next one says so again
        return name, heard

    return run


def test_all_events_arrive_in_order_and_the_last_one_says_that_it_ended(listened):
    def work(settings, options, name, *, tell, stop):
        for number in range(3 * MOST_EVENTS):
            tell(Event("drafted", name, number))

    name, heard = listened(work)
    assert [event.job for event in heard[:-1]] == list(range(3 * MOST_EVENTS))
    assert heard[-1] == Event("ended", name)


def test_a_worker_that_cannot_go_on_says_why(listened):
    def work(settings, options, name, *, tell, stop):
        raise StoreError("The database is away.", hint="Start it.")

    name, heard = listened(work)
    assert heard == [Event("broken", name, code="store", message="The database is away. Start it.")]


def test_the_text_of_an_unforeseen_error_stays_where_it_is(listened):
    def work(settings, options, name, *, tell, stop):
        raise ValueError("Doe^Jane")

    _, (event,) = listened(work)
    assert event.kind == "broken"
    assert "ValueError" in event.message
    assert "Doe" not in repr(event)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere"])
def test_a_cluster_that_is_not_there_is_said_at_once(tmp_path, address, monkeypatch):
    monkeypatch.setattr(RayCrew, "_ray", SimpleNamespace(is_initialized=lambda: False))
    with pytest.raises(NoCluster, match=address):
        RayCrew(load_settings(workspace=tmp_path), None, RayOptions(address)).start()


def test_the_address_of_a_cluster_that_has_ended_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert running() == "local"
    (tmp_path / "ray").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "ray" / "ray_current_cluster").write_text(f"{address}\n")
        assert running() == address
    assert running() == "local"


def test_a_worker_that_is_not_reached_before_it_began_is_replaced(tmp_path, monkeypatch):
    class Away(Exception):
        pass

    class Actor:
        """Answers nothing; what is asked is its own answer."""

        def __init__(self):
            self.begin = self.listen = SimpleNamespace(remote=lambda *_: self)

    def get(_):
        raise Away

    killed, heard = [], []
    kind = SimpleNamespace(options=lambda **_: SimpleNamespace(remote=Actor))
    ray = {"remote": lambda _: kind, "get": get, "kill": killed.append}
    errors = SimpleNamespace(ActorUnavailableError=Away, RayError=Away)
    monkeypatch.setattr(RayCrew, "_ray", SimpleNamespace(exceptions=errors, **ray))
    crew = RayCrew(load_settings(workspace=tmp_path), None, RayOptions("local"), workers=1, tell=heard.append)
    crew._add()
    (first,) = crew._members
    crew._hear(first)
    assert killed == [first.actor]
    assert [event.kind for event in heard] == ["crashed"]
    (second,) = crew._members
    assert second.actor is not first.actor


def test_one_machines_database_is_refused_for_several(tmp_path, monkeypatch):
    left = []
    nodes = [{"Alive": True}, {"Alive": False}, {"Alive": True}]
    ray = {"nodes": lambda: nodes, "init": lambda **_: None, "shutdown": lambda: left.append(1)}
    monkeypatch.setattr(RayCrew, "_ray", SimpleNamespace(is_initialized=lambda: False, **ray))
    with pytest.raises(UsageError, match="2 machines"):
        RayCrew(load_settings(workspace=tmp_path), None, RayOptions("local")).start()
    assert left == [1]


def test_a_share_of_a_gpu_is_refused_when_nothing_would_use_it(tmp_path):
    with pytest.raises(UsageError, match="RADRAG_DEVICE=cuda"):
        RayCrew(load_settings(workspace=tmp_path), None, RayOptions(gpus=0.25))
