"""Readers for tests of the screen: accounts in a workspace, and pages of theirs in AppTest and in a real browser."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from radrag.domain import Role
from radrag.people import accounts, passwords
from radrag.store.canonical import utc_now
from radrag.store.people_values import Account
from radrag.store.repository import Store

PASSWORD = "nine green bottles hang"


@functools.cache
def password_hash() -> str:
    """Return the hash of :data:`PASSWORD`: made once, as each takes a tenth of a second."""
    return passwords.hashed(PASSWORD)


def add_reader(workspace: Path, name: str = "adams", role: Role = Role.READER, full_name: str = "Dr. A. Adams") -> None:
    """Add an account with :data:`PASSWORD` to a workspace, unless it is there."""
    with Store.open(f"sqlite:///{workspace / 'radrag.sqlite'}") as store:
        if store.account(name) is None:
            store.add_account(Account(name, full_name, role), password_hash(), now=utc_now())


def token_of(workspace: Path, name: str = "adams", role: Role = Role.READER) -> str:
    """Return the token of a fresh log-in of an account, which is made where there is none."""
    add_reader(workspace, name, role)
    with Store.open(f"sqlite:///{workspace / 'radrag.sqlite'}") as store:
        passed = accounts.log_in_as(store, store.account(name), now=utc_now())
    assert passed is not None
    return passed.token


def log_in(page: Any, address: str, name: str = "adams", path: str = "/") -> None:
    """Log a playwright page in by the form, and go to ``path``."""
    page.goto(address + path)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login" not in url)


@pytest.fixture
def logged_in(review_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """For AppTest, which has no cookies: ``logged_in(name, role)`` lets the pages see that person from now on.

    Called without arguments it is the reader adams.
    """

    def as_person(name: str = "adams", role: Role = Role.READER) -> None:
        token = token_of(review_workspace, name, role)
        monkeypatch.setattr("ui.people.token", lambda: token)

    return as_person
