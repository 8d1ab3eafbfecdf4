"""``radrag send``: what it prints, what its exit code says, and what it does with an outbox in trouble."""

import json

import pytest
from click.testing import CliRunner
from outbox_support import DRAFT, WebReceiver, closed_port, transacted, workspace_of

from radrag.cli.send import command
from radrag.errors import UsageError


class Sending:
    """The command on a workspace with one draft, and destinations "share" and "emr"."""

    def __init__(self, folder, url, **given):
        self.folder = folder / "share"
        self.folder.mkdir()
        self.tables = {
            "share": {"kind": "folder", "path": str(self.folder), "forms": ["text"]},
            "emr": {"kind": "fhir", "url": url},
        }
        self.workspace = workspace_of(folder, self.tables, **given)

    def __call__(self, *arguments):
        return CliRunner().invoke(
            command, list(arguments), obj=self.workspace.settings, standalone_mode=False, catch_exceptions=False
        )

    def json(self, *arguments):
        return json.loads(self(*arguments, "--json").stdout)


@pytest.fixture
def emr():
    with WebReceiver(transacted) as receiver:
        yield receiver


@pytest.fixture
def send(tmp_path, emr):
    made = Sending(tmp_path, emr.url)
    with made.workspace.store:
        yield made


def test_a_report_goes_to_several_destinations_at_once_and_only_once(send, emr):
    done = send(DRAFT, "--to", "share,emr")
    assert done.return_value == 0, done.output
    assert "delivered" in done.stdout and "http 200 location DiagnosticReport/x0" in done.stdout
    assert [path.name for path in send.folder.iterdir()] == [f"{DRAFT}.v5.txt"]
    again = send.json(DRAFT, "--to", "emr")
    assert [(one["state"], one["attempts"]) for one in again["messages"]] == [("delivered", 1)]
    assert len(emr.got) == 1
    assert not {"worker", "lease_until", "content"} & again["messages"][0].keys()


def test_what_is_refused_is_parked_shown_and_sent_on_request(send, emr):
    emr.answers = [(422, {"resourceType": "OperationOutcome", "issue": [{"code": "invalid", "diagnostics": "Doe"}]})]
    refused = send(DRAFT, "--to", "emr,share")
    assert refused.return_value == 1
    assert "http_422: The server answered 422: invalid." in refused.stdout and "Doe" not in refused.output
    assert send("--pending").return_value == 1
    (parked,) = [one for one in send.json("--status", DRAFT)["messages"] if one["state"] == "parked"]
    assert send("--retry", str(parked["id"])).return_value == 0
    done = send("--pending")
    assert done.return_value == 0 and "delivered" in done.stdout
    assert send("--retry", "all").return_value == 0
    assert send("--retry", str(parked["id"])).return_value == 1  # it is delivered


def test_what_waits_is_tried_by_pending(send, emr):
    address = f"http://127.0.0.1:{closed_port()}"
    send.workspace.settings = send.workspace.settings.with_changes(
        destinations=send.tables | {"emr": {"kind": "fhir", "url": address}}
    )
    waits = send(DRAFT, "--to", "emr")
    assert waits.return_value == 1 and "unreachable" in waits.stdout
    assert send("--retry", "all", "--json").stdout == '{"retried": [1]}\n'
    send.workspace.settings = send.workspace.settings.with_changes(destinations=send.tables)
    assert send("--pending").return_value == 0
    assert len(emr.got) == 1


def test_one_draft_that_cannot_be_sent_keeps_no_other(send):
    done = send("another", DRAFT, "--to", "share", "--json")
    assert done.return_value == 1
    said = json.loads(done.stdout)
    assert [one["state"] for one in said["messages"]] == ["delivered"]
    assert [(one["draft_id"], one["code"]) for one in said["failed"]] == [("another", "store")]


def test_an_unsigned_report_needs_the_word(tmp_path, emr):
    made = Sending(tmp_path, emr.url, signed=False)
    with made.workspace.store:
        refused = made(DRAFT, "--to", "share", "--json")
        assert refused.return_value == 1
        assert json.loads(refused.stdout)["failed"][0]["code"] == "not_signed"
        assert made(DRAFT, "--to", "share", "--preliminary").return_value == 0
        (file,) = made.folder.iterdir()
        assert "PRELIMINARY" in file.read_text()


def test_messages_for_a_destination_that_is_gone_from_the_settings_are_named(send, emr):
    emr.answers = [(503, {})]
    send(DRAFT, "--to", "emr")
    send.workspace.settings = send.workspace.settings.with_changes(destinations={"share": send.tables["share"]})
    assert "emr: 1 message(s) wait for a destination that is not configured" in send("--status").stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "--to, --pending"),
        ((DRAFT,), "--to, --pending"),
        (("--to", "share"), "No draft"),
        ((DRAFT, "--to", "fax"), "fax is no destination.*share, emr"),
        ((DRAFT, "--to", " , "), "Nothing is no destination"),
        ((DRAFT, "--to", "share", "--format", "fax"), "fax is no form"),
        ((DRAFT, "--to", "share", "--pending"), "one of"),
        ((DRAFT, "--pending"), "takes no drafts"),
        (("--status", "--preliminary"), "go with --to"),
        (("--retry", "x"), "ids of messages"),
        (("--retry", "1" * 20), "ids of messages"),
    ],
)
def test_what_cannot_be_meant_is_refused(send, arguments, named):
    with pytest.raises(UsageError, match=named):
        send(*arguments)


def test_without_destinations_there_is_nothing_to_deliver_to(tmp_path):
    made = workspace_of(tmp_path)
    with made.store, pytest.raises(UsageError, match="No destination is configured"):
        CliRunner().invoke(command, ["--watch"], obj=made.settings, standalone_mode=False, catch_exceptions=False)
