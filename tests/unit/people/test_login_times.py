"""Whatever happens, and whatever the machine's clock does: log-ins end when they should, locks hold, leases too."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from store_support import sample_draft

from radrag.domain import Role
from radrag.people.clock import SteadyClock
from radrag.store.people_values import (
    FAILURES,
    IDLE_SECONDS,
    LEASE_SECONDS,
    LOCK_SECONDS,
    LOGIN_SECONDS,
    SEEN_EVERY_SECONDS,
    Account,
    after,
)
from radrag.store.repository import Store

START = "2026-01-05T08:00:00.000000+00:00"
NAMES = ("adams", "baker")
names = st.sampled_from(NAMES)


class Days(RuleBasedStateMachine):
    """Two people, one draft, a true time that only passes, and a clock that is also set."""

    @initialize()
    def begin(self):
        self.passed = 0.0  # true seconds
        self.set_by = 0.0  # what the clock shows beyond them
        self.now = SteadyClock(lambda: after(START, self.passed + self.set_by), lambda: self.passed)
        self.store = Store.open("sqlite://", who="admin")
        for name in NAMES:
            self.store.add_account(Account(name, "", Role.READER), "hash", now=START)
        self.store.save_draft(sample_draft())
        self.tokens = {}  # token → [name, true time of the log-in, of the last sign of life]
        self.ended = set()
        self.wrong_in_a_row = dict.fromkeys(NAMES, 0)
        self.locked_at = dict.fromkeys(NAMES)  # true time
        self.made = 0
        self.held = None  # (who, true time of the last sign of life)
        self.jumped_at = -1.0  # true time of the last jump forward

    def teardown(self):
        if hasattr(self, "store"):
            self.store.close()

    @rule(seconds=st.sampled_from([1, 30, 59, 61, LEASE_SECONDS, IDLE_SECONDS - 1, IDLE_SECONDS, 3600, LOCK_SECONDS]))
    def pass_time(self, seconds):
        self.passed += seconds

    @rule(seconds=st.sampled_from([-7200, -600, -59, -1]))
    def set_the_clock_back(self, seconds):
        self.now()  # it was looked at before: a clock nobody saw cannot go back
        self.set_by += seconds

    @rule(seconds=st.sampled_from([1, 7200]))
    def set_the_clock_forward(self, seconds):
        self.set_by += seconds
        self.jumped_at = self.passed

    @rule(name=names)
    def log_in(self, name):
        locked = self.store.account(name).locked(self.now())
        self.made += 1
        token = f"token{self.made}"
        login = self.store.log_in(name, token, fits=True, now=self.now())
        assert (login is None) == locked
        if login:
            self.tokens[token] = [name, self.passed, self.passed]
            self.wrong_in_a_row[name] = 0

    @rule(name=names)
    def guess(self, name):
        before = self.store.account(name)
        assert self.store.log_in(name, "guess", fits=False, now=self.now()) is None
        if not before.locked(self.now()):
            self.wrong_in_a_row[name] += 1
            if self.wrong_in_a_row[name] == FAILURES:
                self.wrong_in_a_row[name] = 0
                self.locked_at[name] = self.passed
                assert self.store.account(name).locked(self.now())

    @invariant()
    def a_lock_holds_a_quarter_of_an_hour_of_true_time_at_most(self):
        for name in NAMES if hasattr(self, "store") else ():
            if self.store.account(name).locked(self.now()):
                assert self.passed - self.locked_at[name] < LOCK_SECONDS

    @precondition(lambda self: getattr(self, "tokens", None))
    @rule(data=st.data(), seen=st.booleans())
    def use(self, data, seen):
        token = data.draw(st.sampled_from(sorted(self.tokens)))
        name, began, used = self.tokens[token]
        found = self.store.logged_in(token, now=self.now(), seen=seen)
        idle = self.passed - used
        if found:
            assert token not in self.ended
            assert found.name == name
            assert self.passed - began < LOGIN_SECONDS
            assert idle < IDLE_SECONDS
            if seen:
                self.tokens[token][2] = self.passed
        elif token not in self.ended and self.jumped_at < used:
            # Nobody is logged out early, but for the minute within which signs of life are not written.
            assert self.passed - began >= LOGIN_SECONDS or idle >= IDLE_SECONDS - SEEN_EVERY_SECONDS

    @precondition(lambda self: getattr(self, "tokens", None))
    @rule(data=st.data())
    def log_out(self, data):
        token = data.draw(st.sampled_from(sorted(self.tokens)))
        self.store.log_out(token)
        if self.store.lease("d1", now=self.now()) is None:
            self.held = None
        self.ended.add(token)

    @rule(name=names)
    def end_all(self, name):
        self.store.set_password_hash(name, "other")
        self.ended |= {token for token, (owner, *_) in self.tokens.items() if owner == name}
        self.wrong_in_a_row[name] = 0
        if self.held and self.held[0] == name:
            self.held = None

    @rule(name=names, over=st.booleans())
    def open_the_draft(self, name, over):
        act = self.store.take_over_lease if over else self.store.take_lease
        lease = act("d1", name, now=self.now())
        other = self.held and self.held[0] != name and self.passed - self.held[1] < LEASE_SECONDS
        if over or not other:
            assert lease.who == name
        elif self.jumped_at < self.held[1]:
            assert lease.who == self.held[0]
        if lease.who == name:
            self.held = (name, self.passed)


TestDays = Days.TestCase
TestDays.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("back", [-1, -3600])
def test_a_clock_set_back_stands_for_nobody(back):
    shown, passed = [START], [0.0]
    clock = SteadyClock(lambda: shown[0], lambda: passed[0])
    assert clock() == START
    shown[0], passed[0] = after(START, back), 60.0
    assert clock() == after(START, 60)


def test_a_clock_set_forward_is_followed_and_kept():
    shown, passed = [START], [0.0]
    clock = SteadyClock(lambda: shown[0], lambda: passed[0])
    shown[0] = after(START, 3600)
    assert clock() == after(START, 3600)
    shown[0], passed[0] = START, 10.0
    assert clock() == after(START, 3610)
