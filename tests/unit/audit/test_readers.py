"""The audit of readers counts what became of drafted sentences, and names nobody who was not asked for."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner
from review_support import Reader, checked
from store_support import sample_draft

from radrag.audit.readers import section
from radrag.audit.reviewed import IDLE, reviewed
from radrag.cli.audit_readers import readers
from radrag.domain import Role, Status
from radrag.people import passwords
from radrag.review.signoff import ATTESTATION
from radrag.review.values import Act, Decision, Reason, sentence_to_plain
from radrag.settings import load_settings
from radrag.store.canonical import utc_now
from radrag.store.people_values import Account
from radrag.store.repository import Store
from radrag.store.values import ReviewEvent

START = datetime.fromisoformat("2026-01-01T08:00:00+00:00")
WORD = "word "  # 238 of them are read in a minute


def at(seconds):
    return (START + timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def left(reader, *seconds, opened=0.0):
    """What a reader left, acts at these seconds (the last one's for all further acts)."""
    times = [*seconds, *[seconds[-1]] * len(reader.events)] if seconds else [float(n) for n in range(1, 99)]
    events = [replace(one, at=at(when)) for one, when in zip(reader.events, times, strict=False)]
    return reviewed(reader.draft, events, None if opened is None else at(opened))


def table(found, name):
    one = next(table for table in found.tables if table.name == name)
    return {row[0]: dict(zip(one.columns, row, strict=True)) for row in one.rows}


def sentences(*statuses):
    return [checked(f"Sentence {number}.", "Nodule", status=status) for number, status in enumerate(statuses)]


def test_decisions_are_counted_by_the_status_of_the_drafted_words():
    reader = Reader(*sentences(Status.SUPPORTED, Status.SUPPORTED, Status.UNSUPPORTED, Status.CONTRADICTED))
    reader(Act.ACCEPT, item="d0")
    reader.edit("d1", "Other words.")
    reader(Act.REJECT, item="d2", reason=Reason.NOT_SEEN)
    found = section([left(reader)])
    rows = table(found, "status")
    assert (rows["supported"]["decided"], rows["supported"]["accepted"], rows["supported"]["edited"]) == (2, 0.5, 0.5)
    assert (rows["unsupported"]["rejected"], rows["contradicted"]["decided"]) == (1.0, 0)
    assert table(found, "reasons")["not_seen"]["count"] == 1
    assert "1 still wait" in found.summary


def test_what_counts_is_the_last_decision():
    reader = Reader(*sentences(Status.SUPPORTED))
    reader(Act.REJECT, item="d0", reason=Reason.OTHER)
    reader(Act.REOPEN, item="d0")
    assert left(reader).decided == ()
    reader(Act.ACCEPT, item="d0")
    assert [one.decision for one in left(reader).decided] == [Decision.ACCEPTED]


def test_additions_count_under_their_finding():
    reader = Reader(*sentences(Status.SUPPORTED))
    reader.add("There is an effusion.", "Pleural Effusion")
    row = table(section([left(reader)]), "findings")["Pleural Effusion"]
    assert (row["decided"], row["accepted"], row["added by readers"]) == (0, None, 1)


@pytest.mark.parametrize("status", [Status.CONTRADICTED, Status.UNSUPPORTED])
def test_weak_sentences_accepted_as_drafted_are_flagged(status):
    reader = Reader(*sentences(status, status))
    reader(Act.ACCEPT, item="d0")
    reader(Act.REJECT, item="d1", reason=Reason.NOT_SEEN)
    flags = [flag for flag in section([left(reader, 100.0)]).flags if "accepted as drafted: 1 of 2" in flag]
    assert len(flags) == 1
    assert flags[0].startswith(status.value.capitalize())


def test_acceptance_in_bulk_is_told_apart():
    reader = Reader(*sentences(Status.SUPPORTED, Status.SUPPORTED, Status.SUPPORTED))
    reader(Act.ACCEPT, items=["d0", "d1"])
    reader(Act.ACCEPT, item="d2")
    row = table(section([left(reader)]), "signs")["Accepted together with others"]
    assert (row["count"], row["of"]) == (2, 3)


def test_a_decision_is_early_when_the_words_so_far_cannot_have_been_read():
    reader = Reader(checked(WORD * 238), checked(WORD * 238))
    reader(Act.ACCEPT, item="d0")
    reader(Act.ACCEPT, item="d1")
    assert [one.early for one in left(reader, 59.0, 121.0).decided] == [True, False]
    assert [one.early for one in left(reader, 61.0, 119.0).decided] == [False, True]
    assert [one.early for one in left(reader, 61.0, 119.0, opened=None).decided] == [None, None]


def test_whoever_read_everything_first_may_decide_fast():
    reader = Reader(checked(WORD * 100), checked(WORD * 100))
    reader(Act.ACCEPT, items=["d0", "d1"])
    assert {one.early for one in left(reader, 60.0).decided} == {False}


def test_pauses_count_as_five_minutes_at_most():
    reader = Reader(*sentences(Status.SUPPORTED))
    reader.accept_all()
    reader.sign()
    one = left(reader, 10.0, 10.0 + 3600.0)
    assert (one.active, one.clock, one.pauses) == (10.0 + IDLE, 3610.0, 1)


def test_time_ends_with_the_signature():
    reader = Reader(*sentences(Status.SUPPORTED))
    reader.accept_all()
    reader.sign()
    reader(Act.ADDENDUM, text="Seen again.", attestation=ATTESTATION)
    one = left(reader, 10.0, 20.0, 50_000.0)
    assert (one.clock, one.addended, one.as_drafted) == (20.0, True, True)


def test_accepted_sentences_that_a_correction_changes_are_flagged():
    reader = Reader(*sentences(Status.SUPPORTED, Status.SUPPORTED))
    reader.accept_all()
    reader.sign()
    assert [one.corrected for one in left(reader).decided] == [False, False]
    kept = sentence_to_plain(checked("Sentence 0. Another one."))
    reader(Act.CORRECT, text="Wrong.", attestation=ATTESTATION, sentences=[kept], report={})
    assert [one.corrected for one in left(reader).decided] == [False, True]
    assert "Accepted, signed, and changed by a correction later: 1 of 2." in section([left(reader, 90.0)]).flags


def test_words_that_evidence_contradicts_are_counted():
    reader = Reader(*sentences(Status.PARTIAL))
    against = sentence_to_plain(checked("No nodule.", "Nodule", status=Status.CONTRADICTED))
    reader(Act.EDIT, item="d0", text="No nodule.", checked=against)
    found = section([left(reader)])
    assert table(found, "written")["edits of partial sentences"]["contradicted"] == 1
    assert table(found, "signs")["Readers' own words that the evidence contradicts"]["share"] == 1.0


def test_readers_are_named_only_when_asked_for():
    reader = Reader(*sentences(Status.SUPPORTED))
    reader.accept_all()
    one = left(reader)
    assert "adams" not in section([one]).as_json()
    assert table(section([one], by_reader=True), "by_reader")["adams"]["decided"] == 1


def test_nothing_reviewed_yields_tables_without_shares():
    found = section([])
    assert (found.flags, table(found, "time")["at work"]["median"]) == ((), None)


@pytest.fixture
def workspace(tmp_path):
    """A workspace with one draft on which adams acted, and the accounts of adams (reader) and noor (auditor)."""
    settings = load_settings(workspace=tmp_path)
    with Store.open(settings.url) as store:
        store.save_draft(sample_draft())
        store.record_opening(sample_draft().draft_id, "adams")
        event = ReviewEvent(1, utc_now(), "adams", Role.READER, Act.REJECT, {"item": "d0", "reason": "not_seen"})
        store.add_review_event(sample_draft().draft_id, event, status="preliminary")
        hash_ = passwords.hashed("nine green bottles hang")
        for name, role in (("adams", Role.READER), ("noor", Role.AUDITOR)):
            store.add_account(Account(name, "", role), hash_, now=utc_now())
    return settings


def ask(settings, *arguments, password="nine green bottles hang"):
    return CliRunner().invoke(readers, ["--json", *arguments], obj=settings, input=f"{password}\n")


def logged(settings):
    with Store.open(settings.url) as store:
        return [(entry.what, entry.who) for entry in store.audit_entries() if entry.what.startswith("audit.")]


def test_the_command_names_nobody_by_itself(workspace):
    result = ask(workspace)
    assert json.loads(result.stdout)["summary"].startswith("1 drafts on which 1 reader acted")
    assert "adams" not in result.stdout
    assert logged(workspace) == []


def test_an_auditor_sees_names_and_is_on_record(workspace):
    result = ask(workspace, "--by-reader", "--as", "noor", "--password-stdin")
    assert '"adams"' in result.stdout
    assert logged(workspace) == [("audit.readers_named", "noor")]


def test_a_reader_is_refused_and_the_asking_is_on_record(workspace):
    result = ask(workspace, "--by-reader", "--as", "adams", "--password-stdin")
    assert "only an auditor" in str(result.exception)
    assert result.stdout == ""
    assert logged(workspace) == [("audit.readers_refused", "adams")]


@pytest.mark.parametrize(
    "arguments", [("--by-reader",), ("--by-reader", "--as", "noor", "--password-stdin")], ids=["nobody", "wrong"]
)
def test_without_an_auditors_password_nothing_is_shown(workspace, arguments):
    result = ask(workspace, *arguments, password="ten green bottles hang")
    assert result.exception is not None
    assert result.stdout == ""
    assert logged(workspace) == []
