"""Accounts let in whoever knows the password, and tell nobody else anything."""

import hashlib
import time

import pytest
from argon2 import PasswordHasher

from radrag.domain import Role
from radrag.errors import UsageError
from radrag.people import accounts, passwords
from radrag.store.people_values import FAILURES
from radrag.store.repository import Store

NOW = "2026-01-05T08:00:00.000000+00:00"
PASSWORD = "nine green bottles hang"


@pytest.fixture
def store():
    with Store.open("sqlite://", who="admin") as opened:
        accounts.add(opened, "adams", PASSWORD, role=Role.READER, now=NOW)
        yield opened


def test_the_right_password_gives_a_token_that_is_kept_nowhere(store):
    passed = accounts.log_in(store, " Adams ", PASSWORD, now=NOW, origin="10.0.0.7")
    assert accounts.of_token(store, passed.token, now=NOW).name == "adams"
    everything = str(store.audit_entries()) + str(store.accounts()) + store.password_hash("adams")
    assert passed.token not in everything
    assert PASSWORD not in everything
    with store._database.reading() as session:
        rows = session.connection().exec_driver_sql("SELECT * FROM logins").all()
    assert rows[0][0] == hashlib.sha256(passed.token.encode()).hexdigest()
    assert passed.token not in str(rows)


def test_every_token_is_another(store):
    tokens = {accounts.log_in(store, "adams", PASSWORD, now=NOW).token for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) == 43 for token in tokens)  # 256 bits in base 64


@pytest.mark.parametrize(("name", "password"), [("adams", "wrong"), ("adams", ""), ("baker", PASSWORD), ("", "")])
def test_whoever_does_not_know_the_password_stays_outside(store, name, password):
    assert accounts.log_in(store, name, password, now=NOW) is None


@pytest.mark.parametrize("token", ["", "x", "\x00", "\udcff", "a" * 10_000])
def test_what_is_no_token_is_nobody_s(store, token):
    assert accounts.of_token(store, token, now=NOW) is None


def test_a_name_that_does_not_exist_takes_as_long_as_one_that_does(store):
    passwords.ready()

    def least(name):
        times = []
        for _ in range(3):
            began = time.perf_counter()
            accounts.log_in(store, name, "wrong password", now=NOW)
            times.append(time.perf_counter() - began)
        return min(times)

    assert least("baker") > least("adams") / 3  # without the same work it would be a hundredth


def test_a_locked_account_takes_the_right_password_no_more_than_a_wrong_one(store):
    for _ in range(FAILURES):
        accounts.log_in(store, "adams", "wrong password", now=NOW)
    assert accounts.log_in(store, "adams", PASSWORD, now=NOW) is None


def test_a_hash_of_older_parameters_is_replaced_at_the_next_log_in(store):
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    store.set_password_hash("adams", old)
    assert passwords.outdated(old)
    assert accounts.log_in(store, "adams", PASSWORD, now=NOW)
    assert not passwords.outdated(store.password_hash("adams"))
    assert accounts.log_in(store, "adams", PASSWORD, now=NOW)


def test_one_for_whom_a_provider_vouches_needs_no_password_and_can_use_none(store):
    accounts.add(store, "baker", "", role=Role.TRAINEE, subject="sub-7", now=NOW)
    passed = accounts.log_in_as(store, store.account_of_subject("sub-7"), now=NOW)
    assert accounts.of_token(store, passed.token, now=NOW).role is Role.TRAINEE
    assert accounts.log_in(store, "baker", "", now=NOW) is None
    assert accounts.log_in_as(store, None, now=NOW) is None


@pytest.mark.parametrize("name", ["", "Adams", "a b", "-a", "a/b", "ä", "a" * 65, "a\n"])
def test_names_that_could_be_mistaken_are_refused(store, name):
    with pytest.raises(UsageError, match="account's name"):
        accounts.add(store, name, PASSWORD, role=Role.READER, now=NOW)


def test_a_full_name_may_be_anybody_s_but_not_a_terminal_s(store):
    accounts.add(store, "o", PASSWORD, role=Role.READER, full_name="Ø. O’Connor-Ñúñez <b>", now=NOW)
    with pytest.raises(UsageError, match="control"):
        accounts.add(store, "p", PASSWORD, role=Role.READER, full_name="a\x1b[2J", now=NOW)


def test_an_account_that_nobody_could_log_in_to_is_refused(store):
    with pytest.raises(UsageError, match="password or an OpenID subject"):
        accounts.add(store, "baker", "", role=Role.READER, now=NOW)
