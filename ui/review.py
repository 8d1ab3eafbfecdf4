"""One draft under review: the images, the sentences with their decisions, and the evidence of the one in focus.

The image pane stays outside the fragment that the reader works in, so that moving from sentence to sentence neither
sends the image again nor loses the zoom.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from radrag.domain import Draft
from radrag.errors import RadragError
from radrag.store.people_values import Account
from radrag.store.values import DraftSummary
from ui import (
    cards,
    evidence,
    holding,
    images,
    pages,
    people,
    priors,
    reading,
    review_cards,
    signing,
    state,
    tables,
    when,
    worklist,
)
from ui.sitting import Sitting


def page() -> None:
    """Show the draft that the address names, or say what is missing."""
    person = people.current()
    draft_id = _chosen()
    if not draft_id:
        st.html(cards.notice("No draft chosen", "Choose one in the worklist.", kind="info"))
        st.page_link(pages.worklist(), label="Open the worklist", icon=":material/list:")
        return
    try:
        sitting = state.sitting(draft_id, person)
        sitting.refresh()
        others = state.earlier(sitting.draft)  # here, and not in the fragment that each decision reruns
    except RadragError as error:
        st.html(cards.notice("This draft cannot be opened", str(error), kind="error"))
        st.page_link(pages.worklist(), label="Open the worklist", icon=":material/list:")
        return
    draft = sitting.draft
    _head(sitting, draft)
    holding.show(sitting, person)
    many = len(draft.study.images) > 1
    image_column, reading_column = st.columns([8, 7] if many else [5, 7], gap="small")
    with image_column, st.container(key="pane-image", gap="small"):
        images.show(sitting, others)
    with reading_column:
        _work(sitting, person, others)


def _chosen() -> str:
    """Return the draft that the address names; without one, that which the reader had open."""
    if "draft" not in st.query_params and (last := state.last_opened()):
        st.query_params["draft"] = last
    return str(st.query_params.get("draft", ""))


def _head(sitting: Sitting, draft: Draft) -> None:
    created = str(draft.provenance.get("created_at", ""))
    with st.container(key="head", horizontal=True, vertical_alignment="center", gap="small"):
        st.html(
            review_cards.state_banner(sitting.review)
            + tables.study_line(draft, age_of_draft=when.ago(created, datetime.now(UTC)))
        )
        st.toggle("Read first", key="first", bind="query-params", help="Hides the draft until you have read the image.")
        st.html(cards.window_link(draft.draft_id), width="content")
        if st.button("Next study", key="next-study", icon=":material/skip_next:", shortcut="Shift+N"):
            following = worklist.next_open(draft.draft_id)
            if following:
                st.switch_page(pages.review(), query_params={"draft": following})
            st.switch_page(pages.worklist())
        st.page_link(
            pages.timeline(), label="Timeline", icon=":material/history:", query_params={"draft": draft.draft_id}
        )


@st.fragment
def _work(sitting: Sitting, person: Account, others: Sequence[DraftSummary]) -> None:
    """Show draft and evidence side by side; what the reader does reruns this part alone."""
    hidden = bool(st.session_state.get("first")) and not sitting.revealed
    left, right = st.columns(2, gap="small")
    with left, st.container(key="pane-draft", gap="small"):
        priors.show(sitting.draft, others)
        if hidden:
            _hidden(sitting)
        else:
            reading.show(sitting)
            signing.show(sitting, person)
    with right, st.container(key="pane-evidence", gap="small"):
        if not hidden:
            _steps(sitting)
            evidence.show(sitting)


def _hidden(sitting: Sitting) -> None:
    st.html(cards.notice("The draft is hidden", "Read the image first, then show what was drafted.", kind="info"))
    st.button(
        "Show the draft",
        key="reveal",
        icon=":material/visibility:",
        shortcut="V",
        type="primary",
        on_click=sitting.reveal,
    )


def _steps(sitting: Sitting) -> None:
    """Show where the reader is, and the ways on."""
    stops = sitting.stops()
    here = stops.index(sitting.focus) if sitting.focus in stops else 0
    with st.container(key="steps", horizontal=True, vertical_alignment="center", gap="small"):
        if stops:
            st.html(cards.position(here + 1, len(stops)), width="content")
        if sitting.regions() and st.button("Locate", key="locate", icon=":material/my_location:", shortcut="L"):
            sitting.locate()
            st.rerun()  # the image stands outside this fragment
        st.button(
            "Previous",
            key="step-previous",
            icon=":material/keyboard_arrow_up:",
            shortcut="P",
            disabled=here == 0,
            on_click=sitting.step,
            args=(-1,),
        )
        st.button(
            "Next",
            key="step-next",
            icon=":material/keyboard_arrow_down:",
            shortcut="N",
            disabled=here >= len(stops) - 1,
            on_click=sitting.step,
            args=(1,),
        )
