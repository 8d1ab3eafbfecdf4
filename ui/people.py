"""Who is at the page: asked first on every run, so that nothing is shown once a log-in is over.

What keeps a log-in from ending for idleness is noted at the gate (:mod:`ui.gate`): only there timers and people can be
told apart.
"""

from __future__ import annotations

from html import escape
from urllib.parse import quote, urlencode, urlsplit

import streamlit as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx

from radrag.domain import Role
from radrag.store.people_values import Account
from ui import state
from ui.gate import COOKIE, account_of

LOGOUT = "/logout"
"""Address that ends the log-in."""
SECONDS_BETWEEN_LOOKS = 20


def current() -> Account:
    """Return who is logged in; where nobody is any more, show nothing but the way to log in again.

    For pages and fragments alike: a fragment makes the whole page go.
    """
    account = account_of(state.store(), token(), seen=False)
    if account is None:
        context = get_script_run_ctx()
        if context is not None and context.fragment_ids_this_run:
            st.rerun(scope="app")
        _say_over()
    return account


@st.fragment(run_every=SECONDS_BETWEEN_LOOKS)
def watch() -> None:
    """Look now and then, also while nothing is done, whether the log-in still counts; called once on every page."""
    current()


def may_decide(account: Account) -> bool:
    """Return whether the person decides on sentences; auditors and administrators only read."""
    return account.role in (Role.READER, Role.TRAINEE)


def token() -> str:
    """Return the log-in's token that the browser sent when it opened the page's socket."""
    return st.context.cookies.get(COOKIE, "")


def _say_over() -> None:
    """Send the browser to the log-in page and from there back here, and say so where it does not go."""
    page = urlsplit(st.context.url or "/").path
    query = urlencode([(name, value) for name in st.query_params for value in st.query_params.get_all(name)])
    back = quote(f"{page}?{query}" if query else page, safe="")
    address = f"/login?over&next={back}"
    context = get_script_run_ctx()
    if context is not None:
        message = ForwardMsg()
        message.auth_redirect.url = address
        context.enqueue(message)
    st.html(
        '<div class="rr-empty"><h2>You are logged out</h2><p>All decisions so far are kept.</p>'
        f'<p><a href="{escape(address)}" target="_self">Log in again</a></p></div>'
    )
    st.stop()
