"""Who is at the page: called first on every run, so that nothing is shown once a log-in is over."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

from radrag.domain import Role
from radrag.store.people_values import Account
from ui import state
from ui.gate import COOKIE, account_of

LOGOUT = "/logout"
SECONDS_BETWEEN_LOOKS = 20


def current() -> Account:
    """Return who is logged in (``name``, ``shown``, ``role``); stop the run with the way to log in where nobody is.

    Counts as a sign of life of the person. While the page is open, it also looks by itself whether the log-in still
    counts, and clears the page when it does not; that is no sign of life.
    """
    account = account_of(state.store(), token(), True)
    if account is None:
        _over()
    _watch()
    return account


def can_review(account: Account) -> bool:
    """Return whether the person decides on sentences; auditors and administrators only read."""
    return account.role in (Role.READER, Role.TRAINEE)


def token() -> str:
    """Return the log-in's token that the browser sent when it opened the page's socket."""
    return st.context.cookies.get(COOKIE, "")


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def _watch() -> None:
    if account_of(state.store(), token(), False) is None:
        st.rerun(scope="app")


def _over() -> None:
    back = quote(st.context.url or "/", safe="")
    st.html(
        '<div class="rr-empty"><h2>You are logged out</h2><p>Nothing was done for half an hour, twelve hours are over, '
        "or the account was changed. All decisions so far are kept.</p>"
        f'<p><a href="/login?next={back}&amp;note=over" target="_self">Log in again</a></p></div>'
    )
    st.stop()
