"""The courier: tries what is due, leaves alone who is away, ends in order, and never tells who the patient is."""

import threading

import pytest
from outbox_support import DRAFT, HospitalSystem, WebReceiver, closed_port, transacted, workspace_of

from radrag.errors import StoreError
from radrag.exchange.courier import Courier
from radrag.exchange.destinations import read_destinations
from radrag.exchange.queueing import queue_report
from radrag.store.outbox_values import MessageState, NewMessage

WAITING, SENDING, DELIVERED, PARKED = MessageState


@pytest.fixture
def workspace(tmp_path):
    made = workspace_of(tmp_path)
    with made.store:
        yield made


def states(workspace):
    return {(one.destination, one.form): one.state for one in workspace.store.messages()}


def copies(store, count, destination, kind="folder"):
    """Queue messages that are no reports."""
    new = [
        NewMessage(DRAFT, number, "final", True, "text", destination, kind, f"r.v{number}.txt", b"text of %d" % number)
        for number in range(count)
    ]
    return store.queue_messages(new, now=store.now())


def test_one_who_is_away_keeps_no_other_waiting_and_is_asked_once(workspace, tmp_path):
    told = []
    with WebReceiver(transacted) as emr, HospitalSystem() as ris:
        known = read_destinations(
            {
                "emr": {"kind": "fhir", "url": emr.url},
                "pacs": {"kind": "dicom", "address": f"127.0.0.1:{closed_port()}", "ae_title": "PACS"},
                "ris": {"kind": "mllp", "address": ris.address},
            },
            {},
        )
        queue_report(workspace, DRAFT, list(known.values()))
        Courier(workspace.store, list(known.values()), tell=told.append).run_once()
    assert states(workspace) == {
        **{("emr", "fhir"): DELIVERED, ("ris", "hl7"): DELIVERED},
        **{("pacs", "sr"): WAITING, ("pacs", "dicompdf"): WAITING},
    }
    assert sorted((one.kind, one.peer, one.code) for one in told) == [
        *(("delivered", "emr", ""), ("delivered", "ris", ""), ("waiting", "pacs", "unreachable"))
    ]
    assert [one.attempts for one in workspace.store.messages() if one.destination == "pacs"] == [1, 0]
    spoken = repr(told) + repr([one.record() for one in told])
    assert not any(secret in spoken for secret in ("Doe", "PAT-0815", "ACC-4711"))


def test_a_second_try_sends_the_very_bytes_though_the_images_are_gone(workspace, tmp_path):
    with WebReceiver(transacted) as emr:
        emr.answers = [(422, {})]
        known = read_destinations({"emr": {"kind": "fhir", "url": emr.url}}, {})["emr"]
        queue_report(workspace, DRAFT, [known])
        courier = Courier(workspace.store, [known])
        courier.run_once()
        assert states(workspace) == {("emr", "fhir"): PARKED}
        for image in (tmp_path / "images").iterdir():
            image.unlink()
        workspace.store.retry_messages()
        courier.run_once()
    assert states(workspace) == {("emr", "fhir"): DELIVERED}
    assert emr.got[0][2] == emr.got[1][2]


def test_only_what_was_asked_for_is_tried(workspace, tmp_path):
    first, second = copies(workspace.store, 2, "share")
    share = read_destinations({"share": {"kind": "folder", "path": str(tmp_path)}}, {})["share"]
    courier = Courier(workspace.store, [share])
    courier.run_once([second.id])  # a later version waits for the earlier one
    assert not list(tmp_path.glob("r.v*"))
    courier.run_once([first.id])
    assert [path.name for path in tmp_path.glob("r.v*")] == ["r.v0.txt"]


def test_it_goes_on_delivering_until_it_is_told_to_stop_and_leaves_nothing_claimed(workspace, tmp_path):
    share = read_destinations({"share": {"kind": "folder", "path": str(tmp_path)}}, {})["share"]
    arrived = threading.Event()
    told = []

    def tell(one):
        told.append(one)
        if len(told) == 3:
            arrived.set()
            courier.stop()

    courier = Courier(workspace.store, [share], tell=tell)
    copies(workspace.store, 5, "share")
    thread = threading.Thread(target=courier.run)
    thread.start()
    assert arrived.wait(20)
    thread.join(20)
    assert not thread.is_alive()
    assert [one.state for one in workspace.store.messages()] == [DELIVERED] * 3 + [WAITING] * 2


def test_while_the_database_is_away_it_waits_and_says_so(workspace, tmp_path, monkeypatch):
    share = read_destinations({"share": {"kind": "folder", "path": str(tmp_path)}}, {})["share"]
    told = []

    def away(*_, **__):
        raise StoreError("The database cannot be reached.")

    def tell(one):
        told.append(one)
        courier.stop()

    monkeypatch.setattr(workspace.store, "claim_message", away)
    courier = Courier(workspace.store, [share], tell=tell)
    courier.run()
    assert [(one.kind, one.code) for one in told] == [("waiting", "store")]
    with pytest.raises(StoreError):
        Courier(workspace.store, [share]).run_once()


def test_a_fault_of_its_own_ends_it_aloud_and_loses_nothing(workspace, tmp_path, monkeypatch):
    share = read_destinations({"share": {"kind": "folder", "path": str(tmp_path)}}, {})["share"]
    copies(workspace.store, 2, "share")

    def faulty(*_):
        raise KeyError("fault")

    monkeypatch.setattr("radrag.exchange.send_folder.send", faulty)
    with pytest.raises(KeyError):
        Courier(workspace.store, [share]).run()
    assert [one.state for one in workspace.store.messages()] == [SENDING, WAITING]
