"""Who has the draft open: one reader at a time decides, another may take over."""

from __future__ import annotations

import streamlit as st

from radrag.errors import RadragError
from radrag.store.canonical import utc_now
from radrag.store.people_values import Account
from ui import cards, people, state, when
from ui.sitting import Sitting

SIGN_OF_LIFE = 30
"""Seconds between two; a lease lasts three of them."""


def show(sitting: Sitting, person: Account) -> None:
    """Take the draft for this reader, or say who has it; then look again now and then."""
    if not people.may_decide(person):
        return
    _watch(sitting, person)


@st.fragment(run_every=SIGN_OF_LIFE)
def _watch(sitting: Sitting, person: Account) -> None:
    draft_id = sitting.draft.draft_id
    had = sitting.may_decide
    try:
        lease = state.store().take_lease(draft_id, person.name, now=utc_now())
        changed = sitting.refresh()
    except RadragError as error:
        st.html(cards.notice("Not connected to the draft", str(error), kind="error"))
        return
    sitting.may_decide = lease.who == person.name
    if not sitting.may_decide:
        with st.container(horizontal=True, vertical_alignment="center"):
            since = when.clock(lease.taken_at)
            st.html(cards.notice("Read-only", f"{lease.who} has this draft open since {since}.", kind="info"))
            st.button(
                "Take over", key="take-over", icon=":material/back_hand:", on_click=_take_over, args=(sitting, person)
            )
    if changed or had != sitting.may_decide:
        st.rerun()


def _take_over(sitting: Sitting, person: Account) -> None:
    state.store().take_over_lease(sitting.draft.draft_id, person.name, now=utc_now())
