"""The report to other systems: where it went, what waits or was refused, and the buttons that send it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

import streamlit as st

from radrag.domain import Draft, Role
from radrag.errors import RadragError
from radrag.review.values import Review
from radrag.store.outbox_values import Message, MessageState
from radrag.store.people_values import Account
from ui import cards, state
from ui.exporting import NAMES

if TYPE_CHECKING:
    from radrag.exchange.destinations import Destination

WORDS = {
    MessageState.WAITING: "Waiting",
    MessageState.SENDING: "On its way",
    MessageState.DELIVERED: "Delivered",
    MessageState.PARKED: "Refused",
}


def show(draft: Draft, review: Review, person: Account) -> None:
    """Show what became of a draft's messages; let a reader send a signed report, and try again what failed."""
    messages = state.store().messages(draft.draft_id)
    known = _destinations()
    if not known and not messages:
        return
    with st.expander("Send", icon=":material/send:", key="send", expanded=any(map(_failed, messages))):
        if messages:
            st.html(messages_list(messages))
        if not review.state.signed:
            st.html('<p class="rr-quiet">Once the report is signed, it can be sent from here.</p>')
        elif person.role is Role.READER:
            _buttons(draft.draft_id, messages, known, person)


def messages_list(messages: Sequence[Message]) -> str:
    """Return a line for each message, newest first: where, what, and how it stands."""
    lines = "".join(
        f"<li><b>{escape(one.destination)}</b> {escape(NAMES.get(one.form, one.form))}, version {one.version}: "
        f"{WORDS[one.state]}{_why(one)}</li>"
        for one in reversed(messages)
    )
    return f'<ul class="rr-quiet">{lines}</ul>'


def _why(message: Message) -> str:
    if message.state is MessageState.DELIVERED:
        return f" {escape(message.ended_at[:16].replace('T', ' '))} UTC"
    return f". {escape(message.error)} <code>{escape(message.error_code)}</code>" if message.error_code else ""


def _failed(message: Message) -> bool:
    return message.state is not MessageState.DELIVERED and bool(message.error_code)


def _destinations() -> dict[str, Destination]:
    from radrag.exchange.destinations import read_destinations

    try:
        return read_destinations(state.settings().destinations)
    except RadragError as error:
        st.html(cards.notice("Reports cannot be sent", str(error), kind="error"))
        return {}


def _buttons(draft_id: str, messages: Sequence[Message], known: dict[str, Destination], person: Account) -> None:
    chosen = st.pills("Destinations", list(known), selection_mode="multi", key="send-to") if known else []
    with st.container(horizontal=True):
        if st.button("Send", key="send-now", icon=":material/send:", disabled=not chosen):
            _send(draft_id, [known[name] for name in chosen], person)
        failed = [one.id for one in messages if _failed(one) and one.destination in known]
        if failed and st.button("Try again", key="send-again", icon=":material/replay:"):
            again = state.store().retry_messages(failed)
            _deliver(known.values(), again)
            st.rerun()


def _send(draft_id: str, destinations: list[Destination], person: Account) -> None:
    from radrag.exchange.queueing import queue_report

    try:
        queued = queue_report(state.workspace(), draft_id, destinations, who=person.name)
        _deliver(destinations, [message.id for message in queued.messages])
    except RadragError as error:
        st.html(cards.notice("Not sent", str(error), kind="error"))
        return
    for form, error in queued.failed:
        st.html(cards.notice(f"{NAMES.get(form, form)} was not sent", str(error), kind="error"))
    if not queued.failed:
        st.rerun()


def _deliver(destinations: Iterable[Destination], ids: list[int]) -> None:
    """Try once; what does not go now waits for ``radrag send --watch``, or for the button."""
    from radrag.exchange.courier import Courier

    with st.spinner("Sending …"):
        Courier(state.store(), list(destinations)).run_once(ids)
