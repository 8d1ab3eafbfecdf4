"""Accounts and log-ins within a transaction: values in, values out; what is allowed is decided here, under the lock."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from radrag.domain import Role
from radrag.errors import StoreError
from radrag.store.people_values import (
    FAILURES,
    LOCK_SECONDS,
    LOGIN_SECONDS,
    SEEN_EVERY_SECONDS,
    Account,
    Login,
    after,
)
from radrag.store.tables import AuditRow, ReviewEventRow
from radrag.store.tables_people import AccountRow, LoginRow


def listed(session: Session) -> list[Account]:
    """Return all accounts by name."""
    return [_account(row) for row in session.scalars(select(AccountRow).order_by(AccountRow.name))]


def find(session: Session, name: str) -> Account | None:
    """Return one account, or None."""
    row = session.get(AccountRow, name)
    return _account(row) if row else None


def known(session: Session, name: str) -> Account:
    """Return one account.

    Raises:
        StoreError: there is no such account.
    """
    account = find(session, name)
    if account is None:
        raise StoreError(f"There is no account {name!r}.", hint="See: radrag users list")
    return account


def of_subject(session: Session, subject: str) -> Account | None:
    """Return the account of an OpenID subject, or None; the empty subject is nobody's."""
    row = session.scalars(select(AccountRow).where(AccountRow.subject == subject, AccountRow.subject != "")).first()
    return _account(row) if row else None


def password_hash(session: Session, name: str) -> str:
    """Return the hash of an account's password; empty where there is no account, or it has no password."""
    return session.scalar(select(AccountRow.password_hash).where(AccountRow.name == name)) or ""


def add(session: Session, account: Account, hashed: str, now: str) -> None:
    """Add an account.

    Raises:
        StoreError: the name, or the OpenID subject, is another's.
    """
    if find(session, account.name):
        raise StoreError(f"There is an account {account.name!r} already.", hint="See: radrag users list")
    if account.subject and of_subject(session, account.subject):
        raise StoreError("Another account has this OpenID subject.", hint="See: radrag users list")
    row = {"name": account.name, "full_name": account.full_name, "role": account.role, "subject": account.subject}
    fresh = {"disabled": False, "failures": 0, "locked_until": "", "created_at": now}
    session.execute(insert(AccountRow).values(password_hash=hashed, **row, **fresh))


def change(session: Session, name: str, **values: Any) -> Account:
    """Change columns of an account; return what it was before.

    Raises:
        StoreError: there is no such account.
    """
    before = known(session, name)
    session.execute(update(AccountRow).where(AccountRow.name == name).values(**values))
    return before


def remove(session: Session, name: str) -> None:
    """Remove an account that never did anything.

    Raises:
        StoreError: there is no such account, or records name it: whose acts they were must stay known.
    """
    known(session, name)
    acts = (
        select(AuditRow.position).where(AuditRow.who == name),
        select(ReviewEventRow.position).where(ReviewEventRow.who == name),
    )
    if any(session.execute(query.limit(1)).first() for query in acts):
        raise StoreError(
            f"The account {name!r} cannot be removed: reviews or the audit log name it.",
            hint=f"Close it instead: radrag users disable {name}",
        )
    session.execute(delete(AccountRow).where(AccountRow.name == name))


def set_subject(session: Session, name: str, subject: str) -> None:
    """Say who an OpenID provider calls this person; empty for nobody.

    Raises:
        StoreError: there is no such account, or the subject is another's.
    """
    known(session, name)
    other = of_subject(session, subject)
    if other and other.name != name:
        raise StoreError("Another account has this OpenID subject.", hint="See: radrag users list")
    change(session, name, subject=subject)


def refusal(account: Account | None, now: str, *, fits: bool, means: str) -> str:
    """Return why somebody is not logged in, for the audit log; empty where nothing is against it.

    The lock is against guesses at the password: it does not keep out whom the OpenID provider vouches for.
    """
    if account is None:
        return "unknown"
    if account.disabled:
        return "disabled"
    if account.locked(now) and means == "password":
        return "locked"
    return "" if fits else "wrong"


def count_failure(session: Session, account: Account, now: str) -> bool:
    """Count a wrong password; return whether that locked the account."""
    failures = account.failures + 1
    locks = failures >= FAILURES
    values: dict[str, Any] = {"failures": 0, "locked_until": after(now, LOCK_SECONDS)} if locks else {}
    change(session, account.name, **{"failures": failures, **values})
    return locks


# Log-ins


def log_in(session: Session, name: str, token_sha256: str, now: str) -> Login:
    """Add a log-in of an account, and forget those that are over."""
    session.execute(delete(LoginRow).where(LoginRow.expires_at <= now))
    change(session, name, failures=0, locked_until="")
    login = Login(name, now, now, after(now, LOGIN_SECONDS))
    times = {"created_at": now, "seen_at": now, "expires_at": login.expires_at}
    session.execute(insert(LoginRow).values(token_sha256=token_sha256, account=name, **times))
    return login


def logged_in(session: Session, token_sha256: str, now: str) -> tuple[Account, Login] | None:
    """Return whose log-in a token is; None where it is over, was never one, or the account is disabled."""
    row = session.get(LoginRow, token_sha256)
    account = find(session, row.account) if row else None
    if row is None or account is None or account.disabled:
        return None
    login = Login(row.account, row.created_at, row.seen_at, row.expires_at)
    return (account, login) if login.valid(now) else None


def due(login: Login, now: str) -> bool:
    """Return whether a sign of life is worth a write."""
    return now >= after(login.seen_at, SEEN_EVERY_SECONDS)


def seen(session: Session, token_sha256: str, now: str) -> None:
    """Write a sign of life; never one that lies before another."""
    this = LoginRow.token_sha256 == token_sha256
    session.execute(update(LoginRow).where(this, LoginRow.seen_at < now).values(seen_at=now))


def log_out(session: Session, token_sha256: str) -> str:
    """End one log-in; return whose it was, or an empty string."""
    row = session.get(LoginRow, token_sha256)
    session.execute(delete(LoginRow).where(LoginRow.token_sha256 == token_sha256))
    return row.account if row else ""


def log_out_everywhere(session: Session, name: str) -> int:
    """End all log-ins of an account; return how many there were."""
    return len(session.scalars(delete(LoginRow).where(LoginRow.account == name).returning(LoginRow.token_sha256)).all())


def _account(row: AccountRow) -> Account:
    return Account(
        row.name,
        row.full_name,
        Role(row.role),
        row.subject,
        bool(row.password_hash),
        row.disabled,
        row.failures,
        row.locked_until,
        row.created_at,
    )
