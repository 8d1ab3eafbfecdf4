"""Accounts, log-ins and leases on every database: what counts, what ends, what is on record."""

import threading

import pytest
from store_databases import postgres_server, postgres_url, url  # noqa: F401 - fixtures
from store_support import sample_draft

from radrag.domain import Role
from radrag.errors import StoreError
from radrag.store.people_values import (
    FAILURES,
    IDLE_SECONDS,
    LEASE_SECONDS,
    LOCK_SECONDS,
    LOGIN_SECONDS,
    Account,
    after,
)
from radrag.store.repository import Store

NOW = "2026-01-05T08:00:00.000000+00:00"


@pytest.fixture
def store(url):  # noqa: F811
    with Store.open(url, who="admin", origin="host") as opened:
        opened.add_account(Account("adams", "Dr. A. Adams", Role.READER), "hash of adams", now=NOW)
        opened.add_account(Account("baker", "", Role.TRAINEE, subject="sub-7"), "", now=NOW)
        opened.save_draft(sample_draft())
        yield opened


def events(store, *names):
    return [(one.what, one.who, one.payload) for one in store.audit_entries() if one.what.split(".")[0] in names]


def wrong(store, times, now=NOW, name="adams"):
    for _ in range(times):
        assert store.log_in(name, "t", fits=False, now=now) is None


def test_accounts_come_back_as_they_were_added_without_their_hashes(store):
    adams, baker = store.accounts()
    assert (adams.name, adams.shown, adams.role, adams.has_password) == ("adams", "Dr. A. Adams", Role.READER, True)
    assert (baker.shown, baker.subject, baker.has_password) == ("baker", "sub-7", False)
    assert store.account_of_subject("sub-7") == baker
    assert store.account_of_subject("") is None
    assert store.password_hash("adams") == "hash of adams"
    assert store.password_hash("nobody") == ""
    assert "hash of adams" not in str(store.audit_entries())


def test_a_name_and_a_subject_are_one_person_s(store):
    with pytest.raises(StoreError, match="already"):
        store.add_account(Account("adams", "", Role.READER), "x", now=NOW)
    with pytest.raises(StoreError, match="subject"):
        store.add_account(Account("clark", "", Role.READER, subject="sub-7"), "", now=NOW)
    store.add_account(Account("clark", "", Role.READER), "x", now=NOW)
    store.add_account(Account("davis", "", Role.READER), "x", now=NOW)  # two without a subject are fine


def test_a_log_in_counts_until_it_is_ended(store):
    assert store.log_in("adams", "t1", fits=True, now=NOW, origin="10.0.0.7").account == "adams"
    assert store.logged_in("t1", now=NOW, seen=True).name == "adams"
    assert store.logged_in("t2", now=NOW, seen=True) is None
    store.log_out("t1")
    store.log_out("t1")
    assert store.logged_in("t1", now=NOW, seen=True) is None
    kept = [(one.what, one.who, one.origin) for one in store.audit_entries() if one.what.startswith("log")]
    assert kept == [("login", "adams", "10.0.0.7"), ("logout", "adams", "host")]


def test_a_log_in_ends_after_half_an_hour_without_a_sign_of_life_and_after_twelve_hours_anyway(store):
    store.log_in("adams", "idle", fits=True, now=NOW)
    store.log_in("adams", "busy", fits=True, now=NOW)
    moment = NOW
    while moment < after(NOW, LOGIN_SECONDS):
        assert store.logged_in("busy", now=moment, seen=True)
        idle = store.logged_in("idle", now=moment, seen=False)  # timers of the page are no sign of life
        assert (idle is not None) == (moment < after(NOW, IDLE_SECONDS))
        moment = after(moment, IDLE_SECONDS / 3)
    assert store.logged_in("busy", now=moment, seen=True) is None
    assert store.logged_in("busy", now=after(NOW, 60), seen=True) is None  # nor does it come back with the clock


def test_a_clock_set_back_ends_a_log_in_rather_than_making_it_longer(store):
    store.log_in("adams", "t", fits=True, now=NOW)
    assert store.logged_in("t", now=after(NOW, -30), seen=True)
    assert store.logged_in("t", now=after(NOW, -90), seen=True) is None


@pytest.mark.parametrize(
    "end",
    [
        lambda store: store.set_role("adams", Role.AUDITOR),
        lambda store: store.set_disabled("adams", True),
        lambda store: store.set_password_hash("adams", "other"),
        lambda store: store.set_subject("adams", "sub-8"),
        lambda store: store.log_out_everywhere("adams"),
    ],
    ids=["role", "disabled", "password", "subject", "everywhere"],
)
def test_a_change_of_the_account_ends_its_log_ins_and_no_others(store, end):
    for token, name in (("t1", "adams"), ("t2", "adams"), ("t3", "baker")):
        store.log_in(name, token, fits=True, now=NOW)
    store.take_lease("d1", "adams", now=NOW)
    end(store)
    assert [bool(store.logged_in(token, now=NOW, seen=True)) for token in ("t1", "t2", "t3")] == [False, False, True]
    assert store.lease("d1", now=NOW) is None
    assert ("logout.everywhere", "admin", {"account": "adams", "log_ins": 2}) in events(store, "logout")


def test_five_wrong_passwords_in_a_row_lock_the_account_for_a_quarter_of_an_hour(store):
    wrong(store, FAILURES - 1)
    assert store.log_in("adams", "t", fits=True, now=NOW)  # in a row: a right one in between begins anew
    wrong(store, FAILURES)
    assert store.account("adams").locked(NOW)
    assert store.log_in("adams", "t2", fits=True, now=after(NOW, LOCK_SECONDS - 1)) is None
    assert store.log_in("adams", "t2", fits=True, now=after(NOW, LOCK_SECONDS))
    assert store.logged_in("t", now=NOW, seen=True)  # who is inside stays: a stranger's guesses throw nobody out


def test_guesses_at_a_locked_account_do_not_prolong_the_lock(store):
    wrong(store, FAILURES)
    wrong(store, 20, now=after(NOW, LOCK_SECONDS - 1))
    assert store.log_in("adams", "t", fits=True, now=after(NOW, LOCK_SECONDS))


def test_guesses_side_by_side_do_not_get_past_the_lock(store):
    def guess():
        store.log_in("adams", "t", fits=False, now=NOW)

    threads = [threading.Thread(target=guess) for _ in range(2 * FAILURES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reasons = [payload["reason"] for what, _, payload in events(store, "login")]
    assert sorted(reasons) == ["locked"] * FAILURES + ["wrong"] * FAILURES
    assert store.verify_audit_log() == []


def test_guesses_at_the_password_do_not_keep_out_whom_the_provider_vouches_for(store):
    wrong(store, FAILURES, name="baker")
    assert store.log_in("baker", "t", fits=True, now=NOW) is None
    assert store.log_in("baker", "t", fits=True, now=NOW, means="openid")


def test_an_account_is_tied_to_a_subject_and_set_free_again(store):
    store.set_subject("adams", "sub-8")
    store.set_subject("adams", "sub-8")
    assert store.account_of_subject("sub-8").name == "adams"
    with pytest.raises(StoreError, match="Another account"):
        store.set_subject("adams", "sub-7")
    store.set_subject("adams", "")
    store.set_subject("baker", "")  # nobody's subject is no clash
    assert store.account_of_subject("sub-8") is None


def test_a_lock_ends_with_a_new_password_and_when_an_admin_opens_the_account(store):
    for mend in (
        lambda: store.set_password_hash("adams", "new"),
        lambda: store.set_disabled("adams", False),
    ):
        wrong(store, FAILURES)
        mend()
        assert store.log_in("adams", f"t{mend}", fits=True, now=NOW)


def test_a_closed_account_lets_nobody_in_until_it_is_opened(store):
    store.set_disabled("adams", True)
    assert store.log_in("adams", "t", fits=True, now=NOW) is None
    store.set_disabled("adams", False)
    assert store.log_in("adams", "t", fits=True, now=NOW)


def test_failures_are_on_record_by_account_and_names_that_are_none_are_not(store):
    wrong(store, 1)
    wrong(store, 1, name="my secret password")
    wrong(store, FAILURES - 1)
    assert events(store, "login")[:2] == [
        ("login.failed", "unknown", {"account": "adams", "means": "password", "reason": "wrong"}),
        ("login.failed", "unknown", {"account": "", "means": "password", "reason": "unknown"}),
    ]
    assert events(store, "account")[-1] == ("account.locked", "unknown", {"account": "adams"})
    assert "secret" not in str(store.audit_entries())


def test_an_account_that_acted_stays_and_one_made_by_mistake_goes(store):
    store.log_in("adams", "t", fits=True, now=NOW)
    with pytest.raises(StoreError, match="radrag users disable adams"):
        store.remove_account("adams")
    wrong(store, 1, name="baker")
    store.remove_account("baker")
    assert [one.name for one in store.accounts()] == ["adams"]
    assert events(store, "account")[-1] == ("account.removed", "admin", {"account": "baker"})


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.set_role("nobody", Role.READER),
        lambda store: store.set_disabled("nobody", True),
        lambda store: store.set_password_hash("nobody", "x"),
        lambda store: store.set_subject("nobody", "x"),
        lambda store: store.remove_account("nobody"),
    ],
)
def test_what_concerns_nobody_is_said_and_leaves_no_record(store, act):
    before = store.audit_head()
    with pytest.raises(StoreError, match="no account 'nobody'"):
        act(store)
    assert store.audit_head() == before


def test_a_better_hash_replaces_the_old_one_unless_the_password_was_changed_meanwhile(store):
    store.replace_password_hash("adams", "hash of adams", "better hash")
    store.replace_password_hash("adams", "hash of adams", "too late")
    assert store.password_hash("adams") == "better hash"


# Leases


def test_the_second_reader_sees_who_has_the_draft(store):
    ours = store.take_lease("d1", "adams", now=NOW)
    theirs = store.take_lease("d1", "baker", now=after(NOW, 10))
    assert theirs == ours
    assert store.leases(now=NOW) == {"d1": ours}
    assert store.lease("d1", now=NOW).who == "adams"


def test_a_lease_lasts_as_long_as_there_are_signs_of_life(store):
    store.take_lease("d1", "adams", now=NOW)
    for minute in range(1, 10):
        assert store.renew_lease("d1", "adams", now=after(NOW, 60 * minute)).taken_at == NOW
    end = after(NOW, 9 * 60 + LEASE_SECONDS)
    assert store.take_lease("d1", "baker", now=after(end, -1)).who == "adams"
    assert store.take_lease("d1", "baker", now=end).who == "baker"
    assert store.renew_lease("d1", "adams", now=end) is None


def test_a_takeover_is_on_record_and_the_first_reader_notices(store):
    store.take_lease("d1", "adams", now=NOW)
    assert store.take_over_lease("d1", "baker", now=NOW).who == "baker"
    assert store.renew_lease("d1", "adams", now=NOW) is None
    store.release_lease("d1", "adams")
    assert store.lease("d1", now=NOW).who == "baker"
    (taken,) = [one for one in store.audit_entries() if one.what == "lease.taken_over"]
    assert (taken.who, taken.payload, taken.patient_key) == ("baker", {"draft_id": "d1", "from": "adams"}, "pk")


def test_taking_over_what_nobody_has_is_no_takeover(store):
    store.take_over_lease("d1", "adams", now=NOW)
    store.take_over_lease("d1", "adams", now=NOW)
    store.release_lease("d1", "adams")
    store.take_over_lease("d1", "baker", now=NOW)
    assert events(store, "lease") == []


def test_a_lease_ends_with_the_log_out(store):
    store.log_in("adams", "t", fits=True, now=NOW)
    store.take_lease("d1", "adams", now=NOW)
    store.log_out("t")
    assert store.take_lease("d1", "baker", now=NOW).who == "baker"


def test_a_clock_set_back_does_not_keep_a_draft_closed(store):
    store.take_lease("d1", "adams", now=NOW)
    assert store.take_lease("d1", "baker", now=after(NOW, -3600)).who == "baker"


def test_two_who_open_a_draft_at_once_are_told_the_same(store):
    told = []

    def take(who):
        told.append(store.take_lease("d1", who, now=NOW).who)

    threads = [threading.Thread(target=take, args=(f"reader{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(told)) == 1


def test_a_draft_that_is_gone_is_said_to_be(store):
    for act in (store.take_lease, store.renew_lease, store.take_over_lease):
        with pytest.raises(StoreError, match="no draft"):
            act("d2", "adams", now=NOW)
    store.release_lease("d2", "adams")
