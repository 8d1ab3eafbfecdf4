"""The doctor names what does not get out, what came in twice and differs, and the line that mends it."""

import pytest
from outbox_support import DRAFT, workspace_of

from radrag.cli.doctor_exchange import diagnose_exchange
from radrag.exchange.ledger import Ledger, refusals_of
from radrag.store.job_values import later
from radrag.store.outbox_values import NewMessage, Trouble

RIS = {"ris": {"kind": "mllp", "address": "ris:2575"}}


@pytest.fixture
def workspace(tmp_path):
    made = workspace_of(tmp_path, RIS, signed=False)
    with made.store:
        yield made


def queue(workspace, *versions, hours=0):
    new = [NewMessage(DRAFT, one, "final", True, "hl7", "ris", "mllp", f"M{one}", b"MSH") for one in versions]
    now = workspace.store.now()
    workspace.store.queue_messages(new, now=later(now, -3600.0 * hours))
    return now


def fail(workspace, now, trouble, code):
    message, _ = workspace.store.claim_message("w", "ris", now=now, lease=60)
    workspace.store.message_failed(message, trouble, code, "", now=now)


def lines(workspace):
    return {name: (state, detail, mend) for name, state, detail, mend in diagnose_exchange(workspace)}


def test_a_destination_without_messages_is_well(workspace):
    assert lines(workspace) == {"destination ris": ("ok", "mllp: nothing sent yet", "")}


def test_what_waits_is_counted_with_its_age_and_reason(workspace):
    fail(workspace, queue(workspace, 1, 2, hours=30), Trouble.AWAY, "unreachable")
    state, detail, mend = lines(workspace)["destination ris"]
    assert (state, detail) == ("missing", "mllp: 2 waiting, the oldest for 30 hours (unreachable 1)")
    assert "radrag send --pending" in mend


def test_what_is_parked_needs_somebody(workspace):
    fail(workspace, queue(workspace, 1), Trouble.REFUSED, "ack_ar")
    state, detail, mend = lines(workspace)["destination ris"]
    assert (state, detail) == ("broken", "mllp: 1 parked (ack_ar 1)")
    assert "radrag send --retry all" in mend


def test_messages_for_a_destination_that_is_gone_and_a_wrong_table_are_named(workspace):
    queue(workspace, 1)
    workspace.settings = workspace.settings.with_changes(destinations={})
    state, detail, mend = lines(workspace)["destination ris"]
    assert (state, "not configured: 1 waiting" in detail, "[destinations.ris]" in mend) == ("broken", True, True)
    workspace.settings = workspace.settings.with_changes(destinations={"ris": {"kind": "mllp"}})
    assert lines(workspace)["destinations"][:2] == (
        "broken",
        "destinations.ris.address: Field required. See docs/exchange.md for the tables of destinations.",
    )


def test_images_kept_apart_and_refused_are_told(workspace):
    quarantine = workspace.settings.workspace / "quarantine"
    (quarantine / "conflicts").mkdir(parents=True)
    (quarantine / "conflicts" / "ab.dcm").touch()
    ledger = Ledger(quarantine / "arrivals.sqlite")
    for code in ("not_chest", "disk_full", "not_chest"):
        ledger.refuse(code)
    said = lines(workspace)  # while the listener has the ledger open
    ledger.close()
    state, detail, mend = said["images in conflict"]
    assert (state, detail[:2], "conflicts" in mend) == ("broken", "1 ", True)
    assert said["images refused"][1].startswith("not_chest 2, disk_full 1; the last ")


def test_a_ledger_that_is_not_there_or_no_ledger_has_no_refusals(tmp_path):
    assert refusals_of(tmp_path / "arrivals.sqlite") == []
    (tmp_path / "arrivals.sqlite").write_text("something else, long enough to be read as a header" * 10)
    assert refusals_of(tmp_path / "arrivals.sqlite") == []
