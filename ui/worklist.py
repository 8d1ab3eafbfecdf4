"""The worklist: the drafts of the workspace, the urgent ones first, with what their readers must look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from radrag.domain import ReportState, Status
from radrag.errors import RadragError
from radrag.reports.vocabulary import BY_NAME, Urgency
from radrag.store.canonical import utc_now
from ui import cards, pages, people, review_cards, state, tables, uploads, when

if TYPE_CHECKING:
    from radrag.store.people_values import Account
    from radrag.store.values import DraftSummary

PAGE_SIZE = 1000
ROW_HEIGHT = 38  # pixels
WIDTHS = {"Urgent": 130, "Patient": 90, "Views": 90, "Status": 90, "Reader": 110, "Draft": 90}  # pixels

# What asks for the reader's eye, and its colour: of a lightness that reads on dark and on light ground.
ATTENTION = {"Urgent": "#e05252", "Contradicted": "#e05252", "Unsupported": "#d9772b", "Omissions": "#9a78e8"}

# What a filter counts, by the word on its button, which also stands in the address.
FILTERS = {
    "All": "all",
    "Urgent": "urgent",
    "Contradicted": Status.CONTRADICTED.value,
    "Unsupported": Status.UNSUPPORTED.value,
    "Omissions": "omissions",
}
STATES = ("Open", "Signed", "Any")

URGENT = frozenset(name for name, label in BY_NAME.items() if label.urgency is Urgency.CRITICAL)


def page() -> None:
    """Show the drafts that the address's filters leave: urgent ones first, then the newest."""
    person = people.current()
    st.html(cards.banner())
    try:
        store = state.store()
        summaries, total = store.drafts(limit=PAGE_SIZE, urgent=URGENT), store.count_drafts()
        held = {draft_id: lease.who for draft_id, lease in store.leases(now=utc_now()).items()}
    except RadragError as error:
        st.html(cards.notice("The workspace cannot be opened", str(error), kind="error"))
        return
    if people.may_decide(person):
        uploads.progress()
    if not summaries:
        st.html(empty(str(state.settings().workspace)))
        if people.may_decide(person):
            uploads.show()
        return
    find, show, which, mine = _filters(person)
    rows = [
        summary
        for summary in ordered(summaries)
        if matches(summary, find, show, which) and (not mine or belongs_to(summary, person, held))
    ]
    st.html(f'<p class="rr-kicker">{tally(len(rows), len(summaries), total)}</p>')
    if rows:
        _table(rows, held)


def ordered(summaries: Sequence[DraftSummary]) -> list[DraftSummary]:
    """Return drafts with those that wait for a reader and name an urgent finding first; else as they were."""
    return sorted(summaries, key=lambda one: not (one.urgent and not signed(one)))


def next_open(draft_id: str) -> str:
    """Return the draft that a reader would open next: unsigned, not opened by others, this one's follower in the list.

    Empty where none is left.
    """
    store = state.store()
    held = store.leases(now=utc_now())
    waiting = [
        one.draft_id
        for one in ordered(store.drafts(limit=PAGE_SIZE, status=ReportState.PRELIMINARY, urgent=URGENT))
        if one.draft_id == draft_id or one.draft_id not in held
    ]
    here = waiting.index(draft_id) if draft_id in waiting else -1
    others = [*waiting[here + 1 :], *waiting[: max(here, 0)]]
    return others[0] if others else ""


def signed(summary: DraftSummary) -> bool:
    """Return whether a reader has signed."""
    return summary.status in set(ReportState) and ReportState(summary.status).signed


def belongs_to(summary: DraftSummary, person: Account, held: Mapping[str, str]) -> bool:
    """Return whether a person acted on a draft last, or has it open."""
    return person.name in (summary.reader, held.get(summary.draft_id))


def empty(workspace: str) -> str:
    """Return what to run when there is no draft yet."""
    return (
        '<div class="rr-empty"><h2>No drafts yet</h2><p>Draft for the sample radiograph with <code>radrag demo</code>, '
        "or for files of yours with <code>radrag draft PATH --save</code>, or upload them here.</p>"
        f'<p class="rr-quiet">Workspace: {cards.text(workspace)}</p></div>'
    )


def tally(shown: int, loaded: int, total: int) -> str:
    """Return how many of how many drafts are listed."""
    newest = f" · the newest {loaded} of {total}" if total > loaded else ""
    return f"{shown} of {loaded} drafts{newest}"


def _filters(person: Account) -> tuple[str, str, str, bool]:
    """Show the filters; their values live in the address, so that a filtered list can be bookmarked."""
    with st.container(horizontal=True, gap="medium", key="filters"):
        find = st.text_input("Find", key="find", bind="query-params", placeholder="patient key or draft id", width=230)
        show = st.segmented_control("Show drafts with", list(FILTERS), key="show", bind="query-params", default="All")
        which = st.segmented_control("Signature", STATES, key="state", bind="query-params", default="Open")
        mine = st.toggle("Mine", key="mine", bind="query-params", help="Drafts that you acted on last, or have open.")
        if people.may_decide(person):
            uploads.show()
    return find.strip(), FILTERS[show or "All"], which or "Open", mine


def matches(summary: DraftSummary, find: str, show: str, which: str = "Any") -> bool:
    """Return whether a draft passes the filters: ``find`` begins its patient key or draft id, in any case."""
    sought = find.lower()
    named = any(name.lower().startswith(sought) for name in (summary.patient_key, summary.draft_id))
    counts = {**summary.sentences, "all": 1, "omissions": summary.omissions, "urgent": len(summary.urgent)}
    return named and counts.get(show, 0) > 0 and (which == "Any" or signed(summary) == (which == "Signed"))


def row(summary: DraftSummary, held: Mapping[str, str]) -> dict[str, Any]:
    """Return a line of the worklist.

    Args:
        held: draft id → who has it open.
    """
    counts = {cards.STATUS_WORDS[status]: summary.sentences.get(status.value, 0) for status in Status}
    holder = held.get(summary.draft_id)
    return {
        "Look at": attention(summary),
        "Urgent": ", ".join(summary.urgent),
        "Drafted": when.instant(summary.created_at),
        "Patient": tables.short_key(summary.patient_key),
        "Views": " ".join(view.value for view in summary.views),
        **counts,
        "Omissions": summary.omissions,
        "Warnings": summary.warnings,
        "Status": in_words(summary),
        "Reader": f"{holder} (open)" if holder else summary.reader,
        "Draft": summary.draft_id,
    }


def in_words(summary: DraftSummary) -> str:
    """Return a draft's status: that nobody touched it yet is told apart from what somebody marked as preliminary."""
    if summary.status not in set(ReportState):
        return summary.status
    found = ReportState(summary.status)
    if found is ReportState.PRELIMINARY:
        return "In review" if summary.reader else "New"
    return review_cards.STATE_WORDS[found]


def attention(summary: DraftSummary) -> list[str]:
    """Return in words what of a draft asks for the reader's eye."""
    counts = {
        "Urgent": len(summary.urgent),
        "Contradicted": summary.sentences.get(Status.CONTRADICTED.value, 0),
        "Unsupported": summary.sentences.get(Status.UNSUPPORTED.value, 0),
        "Omissions": summary.omissions,
    }
    return [name for name, count in counts.items() if count]


def _table(summaries: Sequence[DraftSummary], held: Mapping[str, str]) -> None:
    import pandas as pd  # loaded by Streamlit already

    counts = [*cards.STATUS_WORDS.values(), "Omissions", "Warnings"]
    # One cell or the row's box: whatever the reader clicks opens the draft.
    event = st.dataframe(
        pd.DataFrame([row(summary, held) for summary in summaries]),
        hide_index=True,
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        key="drafts",
        row_height=ROW_HEIGHT,
        height=min(ROW_HEIGHT * len(summaries) + 37, 700),
        column_config={
            "Look at": st.column_config.MultiselectColumn(
                "Look at", options=list(ATTENTION), color=list(ATTENTION.values()), width=220
            ),
            "Drafted": st.column_config.DatetimeColumn("Drafted", format="distance", width=110),
            **{name: st.column_config.TextColumn(name, width=width) for name, width in WIDTHS.items()},
            **{name: st.column_config.NumberColumn(name, width=92) for name in counts},
        },
    )
    chosen = [*event.selection.rows, *(cell[0] for cell in event.selection.cells)]
    if chosen:
        st.switch_page(pages.review(), query_params={"draft": summaries[chosen[0]].draft_id})
