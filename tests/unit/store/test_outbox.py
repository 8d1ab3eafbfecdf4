"""The outbox: queued once, never in two hands, never lost with its sender, never a correction overtaken."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from store_databases import postgres_server, postgres_url  # noqa: F401 - fixtures
from store_support import sample_draft

from radrag.errors import StoreError
from radrag.store.job_values import later
from radrag.store.outbox_values import MessageState, NewMessage, Trouble
from radrag.store.repository import Store

NOW = "2026-11-22T10:00:00.000000+00:00"
WAITING, SENDING, DELIVERED, PARKED = MessageState


def new(version=6, form="sr", destination="pacs", draft="d1", content=b"bytes"):
    return NewMessage(draft, version, "final", True, form, destination, "dicom", f"1.2.{version}", content)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    sqlite = f"sqlite:///{tmp_path}/radrag.sqlite"
    return sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def store(url):
    with Store.open(url, who="adams") as opened:
        opened.save_draft(sample_draft("d1"))
        yield opened


def queue(store, *messages, now=NOW, **given):
    return store.queue_messages(messages or [new()], now=now, **given)


def claim(store, worker="w1", destination="pacs", *, now=NOW, lease=60):
    return store.claim_message(worker, destination, now=now, lease=lease)


def state(store, message):
    return store.messages(ids=[message.id])[0].state


def test_asking_twice_for_the_same_message_queues_it_once_with_its_first_bytes(store):
    (first,) = queue(store)
    again, other = queue(store, new(content=b"others"), new(destination="archive"))
    assert (again, other.state) == (first, WAITING)
    assert [message.destination for message in store.messages("d1")] == ["pacs", "archive"]
    assert claim(store)[1] == b"bytes"


def test_nothing_is_queued_for_an_unknown_draft(store):
    with pytest.raises(StoreError, match="no draft 'd2'"):
        queue(store, new(), new(draft="d2"))
    assert store.messages() == []


def test_a_message_is_in_one_hand_at_a_time(store):
    queue(store)
    message, _ = claim(store)
    assert (message.state, message.attempts, message.worker) == (SENDING, 1, "w1")
    assert claim(store, "w2") is None
    assert claim(store, "w2", "archive") is None


def test_senders_beside_each_other_take_each_message_once_and_versions_in_order(store, url):
    queue(store, *(new(version, form) for version in range(4) for form in ("sr", "sr3d", "dicompdf")))
    taken = []

    def work(worker):
        with Store.open(url) as own:
            while found := claim(own, worker):
                taken.append((found[0].form, found[0].version))
                assert own.message_delivered(found[0], {}, now=NOW)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, ["w1", "w2", "w3"]))
    while found := claim(store):  # what waited for a version in another's hands when all looked
        taken.append((found[0].form, found[0].version))
        store.message_delivered(found[0], {}, now=NOW)
    assert len(taken) == 12
    for form in ("sr", "sr3d", "dicompdf"):
        assert [version for one, version in taken if one == form] == [0, 1, 2, 3]


def test_what_is_delivered_keeps_its_answer_and_loses_its_bytes(store):
    queue(store, who="berg")
    message, _ = claim(store)
    assert store.message_delivered(message, {"status": "0000"}, now=later(NOW, 2)) is True
    (after,) = store.messages("d1")
    assert (after.state, after.acknowledgement, after.ended_at) == (DELIVERED, {"status": "0000"}, later(NOW, 2))
    with store._database.reading() as session:
        assert session.execute(text("select count(*) from outbox_contents")).scalar() == 0
    entry = store.audit_entries()[-1]
    assert (entry.what, entry.who, entry.patient_key) == ("draft.sent", "berg", "pk")
    assert (entry.payload["destination"], entry.payload["files"]) == ("pacs", {"sr": message.sha256})
    assert store.verify_audit_log() == []


def test_a_message_whose_sender_ended_is_sent_again_and_the_late_sender_is_not_believed(store):
    queue(store)
    late, _ = claim(store, lease=60)
    assert claim(store, "w2", now=later(NOW, 59)) is None
    assert claim(store, "w2", now=later(NOW, 61)) is None  # it waits a little, as after any failure
    taken, content = claim(store, "w2", now=later(NOW, 100))
    assert (taken.id, taken.attempts, content) == (late.id, 2, b"bytes")
    assert taken.error_code == "sender_lost"
    assert store.message_delivered(late, {}, now=NOW) is False
    assert store.message_failed(late, Trouble.REFUSED, "c", "", now=NOW) is None
    assert store.message_delivered(taken, {}, now=NOW) is True


def test_a_sender_that_is_slow_but_alone_is_believed(store):
    queue(store)
    message, _ = claim(store, lease=1)
    assert store.message_delivered(message, {}, now=later(NOW, 1000)) is True


def test_a_destination_that_is_away_for_a_month_loses_nothing_and_is_asked_once_an_hour_at_least(store):
    queue(store)
    now, waits = NOW, []
    for _ in range(30):
        message, _ = claim(store, now=now)
        assert store.message_failed(message, Trouble.AWAY, "unreachable", "No connection.", now=now) is WAITING
        (held,) = store.messages()
        assert claim(store, now=now) is None
        waits.append((held.not_before > now, held.not_before <= later(now, 3600)))
        now = held.not_before
    assert waits == [(True, True)] * 30
    assert claim(store, now=later(now, 30 * 86400))[1] == b"bytes"


def test_waits_grow_and_are_the_same_for_the_same_message(store):
    (first, second) = queue(store, new(), new(form="dicompdf"))
    seen = {}
    for place in range(4):
        for _ in (first, second):
            taken, _ = claim(store, now=later(NOW, place * 86400))
            store.message_failed(taken, Trouble.AWAY, "unreachable", "", now=NOW)
            seen.setdefault(taken.id, []).append(store.messages(ids=[taken.id])[0].not_before)
    assert seen[first.id] == sorted(seen[first.id]) and seen[first.id] != seen[second.id]


def test_a_refused_message_is_parked_with_its_reason_and_tried_again_on_request(store):
    (queued,) = queue(store)
    message, _ = claim(store)
    assert store.message_failed(message, Trouble.REFUSED, "http_422", "Refused.", now=NOW) is PARKED
    assert claim(store, now=later(NOW, 10**7)) is None
    (parked,) = store.messages(states=[PARKED])
    assert (parked.error_code, parked.error, parked.ended_at) == ("http_422", "Refused.", NOW)
    assert queue(store)[0].state is PARKED  # asking again for the same does not repeat a refusal
    assert store.retry_messages([queued.id + 1]) == []
    assert store.retry_messages([queued.id]) == [queued.id]
    taken, content = claim(store)
    assert (content, taken.failures, taken.error_code) == (b"bytes", 0, "")


def test_a_message_that_fails_though_its_destination_is_there_is_parked_in_the_end(store):
    (queued,) = queue(store)
    became = []
    for place in range(23):  # that the destination is away does not count
        message, _ = claim(store, now=later(NOW, place * 7200))
        became.append(store.message_failed(message, Trouble.AWAY if place % 2 else Trouble.FAILED, "x", "", now=NOW))
    assert became == [WAITING] * 22 + [PARKED]
    assert state(store, queued) is PARKED


def test_a_correction_does_not_overtake_what_it_corrects(store):
    queue(store, new(6))
    queue(store, new(7), new(7, "dicompdf"))
    first, _ = claim(store)
    assert first.version == 6
    other, _ = claim(store, "w2")
    assert (other.version, other.form) == (7, "dicompdf")
    assert claim(store, "w3") is None
    store.message_failed(first, Trouble.AWAY, "unreachable", "", now=NOW)
    assert claim(store, "w3") is None
    first, _ = claim(store, now=later(NOW, 3600))
    store.message_delivered(first, {}, now=NOW)
    assert claim(store, "w3")[0].version == 7


def test_a_refused_version_holds_up_no_correction_and_is_never_sent_after_it(store):
    (old,) = queue(store, new(6))
    message, _ = claim(store)
    store.message_failed(message, Trouble.REFUSED, "http_422", "", now=NOW)
    queue(store, new(7))
    correction, _ = claim(store)
    assert correction.version == 7
    assert store.retry_messages() == []
    store.message_delivered(correction, {}, now=NOW)
    assert store.retry_messages([old.id]) == []
    assert state(store, old) is PARKED


def test_a_version_that_was_written_while_a_later_one_went_is_not_queued_behind_it(store):
    queue(store, new(7))
    queue(store, new(5))  # none has gone: they go in order
    taken, _ = claim(store)
    assert taken.version == 5
    store.message_delivered(taken, {}, now=NOW)
    claim(store)
    with pytest.raises(StoreError, match="later version"):
        queue(store, new(6, "sr3d"), new(6))
    assert [message.version for message in store.messages()] == [7, 5]


def test_a_backlog_counts_by_destination_and_reason(store):
    queue(store, new(), new(form="sr3d"))
    queue(store, new(destination="emr", form="hl7"), now=later(NOW, 60))
    message, _ = claim(store)
    store.message_failed(message, Trouble.REFUSED, "c000", "", now=NOW)
    emr, pacs = store.backlogs()
    assert (emr.destination, emr.open, emr.oldest) == ("emr", 1, later(NOW, 60))
    assert (pacs.counts[PARKED], pacs.open, pacs.oldest, pacs.reasons) == (1, 1, NOW, {"c000": 1})


def test_lists_show_the_newest_in_order(store):
    queue(store, *(new(version) for version in range(5)))
    assert [message.version for message in store.messages(limit=2)] == [3, 4]
