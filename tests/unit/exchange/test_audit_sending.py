"""Audit messages go on where the last run ended, and a message that may not have arrived is sent again."""

import json
import re
from xml.etree import ElementTree

import pytest
from certificates import self_signed, server_context
from click.testing import CliRunner
from syslog_server import TlsReceiver, udp_receiver

from radrag.cli.audit_messages import messages
from radrag.errors import RadragError, UsageError
from radrag.exchange import audit_sending
from radrag.exchange.audit_messages import Source
from radrag.exchange.audit_sending import AuditSendError, Target, parse_target, send_new
from radrag.settings import load_settings
from radrag.store.repository import Store
from radrag.store.values import AuditEvent

SOURCE = Source("ward-3")
FRAME = re.compile(
    rb"<(\d+)>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00) (\S+) radrag (\d+) DICOM\+RFC3881 - \xef\xbb\xbf(<.*)",
    re.S,
)


@pytest.fixture
def store():
    with Store.open("sqlite://", who="reader1", origin="host1") as made:
        yield made


def note(store, *names):
    for name in names:
        store.record(AuditEvent(name, "reader1", "host1", "ab12", {"draft_id": name}))


def positions(messages):
    """Return the positions of the entries that messages tell of."""
    found = []
    for message in messages:
        for one in ElementTree.fromstring(message).iter("ParticipantObjectIdentification"):
            if one.find("ParticipantObjectIDTypeCode").get("csd-code") == "audit_log":
                found.append(int(one.get("ParticipantObjectID")))
    return found


def test_a_file_gets_each_entry_once_over_runs(tmp_path, store):
    target = Target("file", path=tmp_path / "audit.xml")
    note(store, "draft.saved", "draft.opened")
    assert send_new(store, target, SOURCE, tmp_path / "state") == (2, 2)
    assert send_new(store, target, SOURCE, tmp_path / "state") == (0, 2)
    note(store, "review.sign")
    assert send_new(store, target, SOURCE, tmp_path / "state") == (1, 3)
    assert positions(target.path.read_bytes().splitlines()) == [1, 2, 3]


def test_more_entries_than_are_sent_together_all_arrive(tmp_path, store, monkeypatch):
    monkeypatch.setattr(audit_sending, "TOGETHER", 3)
    note(store, *["draft.saved"] * 8)
    target = Target("file", path=tmp_path / "audit.xml")
    assert send_new(store, target, SOURCE, tmp_path / "state") == (8, 8)
    assert positions(target.path.read_bytes().splitlines()) == list(range(1, 9))


def test_a_line_left_half_is_not_continued(tmp_path, store):
    target = Target("file", path=tmp_path / "audit.xml")
    target.path.write_bytes(b"<AuditMess")
    note(store, "draft.saved")
    send_new(store, target, SOURCE, tmp_path / "state")
    half, whole = target.path.read_bytes().splitlines()
    assert half == b"<AuditMess" and positions([whole]) == [1]


def test_each_target_is_as_far_as_it_is(tmp_path, store):
    note(store, "draft.saved")
    for name in ("one.xml", "two.xml"):
        assert send_new(store, Target("file", path=tmp_path / name), SOURCE, tmp_path / "state") == (1, 1)


def test_udp_carries_one_message_a_datagram(tmp_path, store):
    note(store, "draft.saved", "login.failed")
    with udp_receiver() as (port, take):
        send_new(store, Target("udp", host="127.0.0.1", port=port), SOURCE, tmp_path / "state")
        frames = [FRAME.fullmatch(take()) for _ in range(2)]
    assert [int(frame[1]) for frame in frames] == [85, 84]  # 10 × 8 + notice, + warning
    assert [frame[3] for frame in frames] == [b"host1", b"host1"]
    assert positions([frame[5] for frame in frames]) == [1, 2]


def test_a_message_too_long_for_a_datagram_is_said_and_not_skipped(tmp_path, store):
    store.record(AuditEvent("draft.saved", "reader1", "host1", "", {"long": "x" * 40_000}))
    with udp_receiver() as (port, _), pytest.raises(AuditSendError, match="Entry 1"):
        send_new(store, Target("udp", host="127.0.0.1", port=port), SOURCE, tmp_path / "state")


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def receiver(pems):
    with TlsReceiver(server_context(*pems)).running() as made:
        yield made


def test_tls_counts_octets_and_all_arrive(tmp_path, store, receiver, pems):
    note(store, *["draft.saved"] * 20)
    target = Target("tls", host="127.0.0.1", port=receiver.port, authorities=pems[0])
    assert send_new(store, target, SOURCE, tmp_path / "state") == (20, 20)
    assert positions([FRAME.fullmatch(one)[5] for one in receiver.received]) == list(range(1, 21))


def test_what_a_receiver_broke_off_is_sent_again(tmp_path, store, receiver, pems):
    note(store, *["draft.saved"] * 20)
    target = Target("tls", host="127.0.0.1", port=receiver.port, authorities=pems[0])
    receiver.reset_after = 5000
    with pytest.raises(AuditSendError, match="cannot be reached"):
        send_new(store, target, SOURCE, tmp_path / "state")
    assert send_new(store, target, SOURCE, tmp_path / "state") == (20, 20)
    assert positions([FRAME.fullmatch(one)[5] for one in receiver.received]) == list(range(1, 21))


def test_a_receiver_that_nobody_vouches_for_gets_nothing(tmp_path, store, receiver):
    note(store, "draft.saved")
    with pytest.raises(AuditSendError, match="certificate"):
        send_new(store, Target("tls", host="127.0.0.1", port=receiver.port), SOURCE, tmp_path / "state")
    assert receiver.received == []


def test_a_receiver_that_is_away_is_said_and_nothing_is_skipped(tmp_path, store):
    note(store, "draft.saved")
    with pytest.raises(AuditSendError):
        send_new(store, Target("tls", host="127.0.0.1", port=1), SOURCE, tmp_path / "state")
    with pytest.raises(AuditSendError):
        send_new(store, Target("file", path=tmp_path / "no folder" / "audit.xml"), SOURCE, tmp_path / "state")
    assert not list((tmp_path / "state").glob("*.json"))


def test_another_log_than_the_one_sent_before_is_noticed(tmp_path, store):
    target = Target("file", path=tmp_path / "audit.xml")
    note(store, "draft.saved", "draft.opened")
    send_new(store, target, SOURCE, tmp_path / "state")
    with Store.open("sqlite://") as other:
        note(other, "draft.saved")
        with pytest.raises(AuditSendError, match="Entry 2"):
            send_new(other, target, SOURCE, tmp_path / "state")
        assert send_new(other, target, SOURCE, tmp_path / "state", again=True) == (1, 1)


def test_a_damaged_note_is_not_taken_for_the_beginning(tmp_path, store):
    target = Target("file", path=tmp_path / "audit.xml")
    note(store, "draft.saved")
    send_new(store, target, SOURCE, tmp_path / "state")
    (tmp_path / "state" / f"{target.name}.json").write_text("{")
    with pytest.raises(AuditSendError, match="--again"):
        send_new(store, target, SOURCE, tmp_path / "state")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("udp://10.0.0.7", Target("udp", host="10.0.0.7", port=514)),
        ("tls://audit.example.org:1999", Target("tls", host="audit.example.org", port=1999)),
        ("tls://[fd00::7]", Target("tls", host="fd00::7", port=6514)),
    ],
)
def test_targets_are_read(text, target):
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["tcp://10.0.0.7", "udp://", "tls://host:99999", "tls://host/path"])
def test_what_is_no_target_is_a_usage_error(text):
    with pytest.raises(UsageError):
        parse_target(text)


def test_the_command_sends_what_is_new(tmp_path):
    settings = load_settings(workspace=tmp_path / "workspace")
    with Store.open(settings.url) as store:
        note(store, "draft.saved")

    def run(*arguments):
        return CliRunner().invoke(messages, [*arguments, "--json"], obj=settings, standalone_mode=False)

    told = [json.loads(run("--to", str(tmp_path / "audit.xml")).stdout) for _ in range(2)]
    assert told == [{"sent": 1, "last": 1}, {"sent": 0, "last": 1}]
    for refused in (("--to", "udp://10.0.0.7"), ("--to", "tls://10.0.0.7", "--certificate", __file__)):
        assert isinstance(run(*refused).exception, RadragError)
