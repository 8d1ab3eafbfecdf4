"""What the store says of people: accounts, log-ins, leases, and how their times are compared.

Times are ISO 8601 UTC with microseconds, as :func:`radrag.store.canonical.utc_now` writes them. All rules on time take
the present as an argument, and none gives anybody longer because a clock went back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from radrag.domain import Role

FAILURES = 5  # wrong passwords in a row, then the account is locked
LOCK_SECONDS = 15 * 60
LOGIN_SECONDS = 12 * 3600  # a log-in ends then, whatever happens
IDLE_SECONDS = 30 * 60  # and earlier when nobody does anything for so long
SEEN_EVERY_SECONDS = 60  # signs of life are written no oftener: each is a write to the database
LEASE_SECONDS = 90  # a lease holds so long without a sign of life
SKEW_SECONDS = 60  # hosts that share a database differ by less, and clocks are set back by less


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may use the review screen.

    Attributes:
        name: short name in lower case, as it stands in reviews and in the audit log.
        subject: who an OpenID provider says it is (its ``sub``, or a verified e-mail address); empty for none.
        has_password: False for one who can only log in with the provider.
        failures: wrong passwords since the last right one, or since the last lock.
        locked_until: time; empty for never locked.
    """

    name: str
    full_name: str
    role: Role
    subject: str = ""
    has_password: bool = False
    disabled: bool = False
    failures: int = 0
    locked_until: str = ""
    created_at: str = ""

    def locked(self, now: str) -> bool:
        """Return whether the account is closed after too many wrong passwords."""
        return now < self.locked_until

    @property
    def shown(self) -> str:
        """The name for people."""
        return self.full_name or self.name


@dataclass(frozen=True, slots=True)
class Login:
    """A browser that is logged in.

    Attributes:
        account: name of the account.
        seen_at: the last sign of life that was written, at most ``SEEN_EVERY_SECONDS`` before the last there was.
    """

    account: str
    created_at: str
    seen_at: str
    expires_at: str

    def valid(self, now: str) -> bool:
        """Return whether it still counts; a clock that went back by more than ``SKEW_SECONDS`` ends it."""
        return after(self.seen_at, -SKEW_SECONDS) <= now < min(self.expires_at, after(self.seen_at, IDLE_SECONDS))


@dataclass(frozen=True, slots=True)
class Lease:
    """Who has a draft open.

    Attributes:
        who: name of the account.
        taken_at: since when.
        until: without another sign of life it ends then.
    """

    who: str
    taken_at: str
    until: str

    def holds(self, now: str) -> bool:
        """Return whether it still counts; after a clock went back, a lease too far ahead does not."""
        return now < self.until <= after(now, LEASE_SECONDS + SKEW_SECONDS)


def after(moment: str, seconds: float) -> str:
    """Return the time ``seconds`` after ``moment``."""
    return (datetime.fromisoformat(moment) + timedelta(seconds=seconds)).isoformat(timespec="microseconds")
