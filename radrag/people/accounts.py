"""Making accounts, and letting their owners in."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from dataclasses import dataclass

from radrag.domain import Role
from radrag.errors import UsageError
from radrag.people import passwords
from radrag.store.people import People
from radrag.store.people_values import Account, Login

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
REFUSED = (
    "Name and password do not fit, or the account is closed. "
    "After five wrong passwords in a row an account is closed for 15 minutes."
)
"""The one answer to every log-in that fails: it tells a guesser neither names, nor that a password was right."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What a log-in gives.

    Attributes:
        token: 256 random bits for the browser's cookie; kept nowhere else.
    """

    token: str
    login: Login


def add(
    store: People, name: str, password: str, *, role: Role, full_name: str = "", subject: str = "", now: str
) -> Account:
    """Add an account.

    Args:
        password: empty for one who logs in with an OpenID provider alone.
        subject: the provider's ``sub`` or verified e-mail address; empty for none.

    Raises:
        UsageError: the name or the password cannot be one, or there is neither password nor subject.
        StoreError: the name or the subject is another's.
        MissingDependency: argon2-cffi is not installed.
    """
    checked_name(name)
    if len(full_name) > 200 or any(unicodedata.category(one)[0] == "C" for one in full_name):
        raise UsageError("A full name has up to 200 characters, and no control characters.")
    if not password and not subject:
        raise UsageError("An account needs a password or an OpenID subject.")
    account = Account(name, full_name, role, subject, has_password=bool(password), created_at=now)
    store.add_account(account, passwords.hashed(passwords.checked(password)) if password else "", now=now)
    return account


def checked_name(name: str) -> str:
    """Return a name that an account may have.

    Raises:
        UsageError: it could be mistaken for another, or for none.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            "An account's name has up to 64 of a–z, 0–9, '.', '_', '-' and '@', and begins with a letter or a digit.",
            hint="Give the person's own spelling with --full-name.",
        )
    return name


def set_password(store: People, name: str, password: str) -> None:
    """Give an account a new password; whoever is logged in with the old one is logged out.

    Raises:
        UsageError: the password cannot be one.
        StoreError: there is no such account.
    """
    store.set_password_hash(name, passwords.hashed(passwords.checked(password)))


def log_in(store: People, name: str, password: str, *, now: str, origin: str = "") -> Pass | None:
    """Let somebody in who knows the password; None for everybody else, whatever the reason.

    The same work is done for names that do not exist, so that the time tells nothing either.
    """
    name = name.strip().lower()
    stored = store.password_hash(name)
    fits = passwords.fits(stored, password[: passwords.LONGEST + 1])
    token = secrets.token_urlsafe(32)
    login = store.log_in(name, token_sha256(token), fits=fits, now=now, origin=origin)
    if login is None:
        return None
    if passwords.outdated(stored):
        store.replace_password_hash(name, stored, passwords.hashed(password))
    return Pass(token, login)


def log_in_as(store: People, account: Account | None, *, now: str, origin: str = "") -> Pass | None:
    """Let somebody in for whom an OpenID provider vouches; None for no account, and for a closed one."""
    token = secrets.token_urlsafe(32)
    name = account.name if account else ""
    login = store.log_in(name, token_sha256(token), fits=True, now=now, origin=origin, means="openid")
    return Pass(token, login) if login else None


def of_token(store: People, token: str, *, now: str, seen: bool = True) -> Account | None:
    """Return whose log-in a cookie's token is; None where it is over or was never one.

    Args:
        seen: whether this is a sign of life of the person.
    """
    return store.logged_in(token_sha256(token), now=now, seen=seen) if token else None


def log_out(store: People, token: str, *, origin: str = "") -> None:
    """End the log-in of a cookie's token."""
    store.log_out(token_sha256(token), origin=origin)


def token_sha256(token: str) -> str:
    """Return what the store keeps of a token: enough to know it again, not to use it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
