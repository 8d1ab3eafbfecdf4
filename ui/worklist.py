"""The worklist: the drafts of the workspace with what their readers must look at; a click opens one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from radrag.domain import Status
from radrag.errors import RadragError
from ui import cards, pages, state, tables, when

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.formats.style import Styler

    from radrag.store.values import DraftSummary

PAGE_SIZE = 200
ROW_HEIGHT = 38  # pixels

# Of a lightness that reads on dark and on light ground.
ATTENTION_COLOURS = {"Unsupported": "#d9772b", "Contradicted": "#e05252", "Omissions": "#9a78e8"}
QUIET = "#7a8b9c"

# What a filter counts, by the word on its button, which also stands in the address.
FILTERS = {
    "All": "all",
    "Contradicted": Status.CONTRADICTED.value,
    "Unsupported": Status.UNSUPPORTED.value,
    "Omissions": "omissions",
}


def page() -> None:
    """Show the drafts that the address's filters leave, newest first."""
    st.html(cards.banner())
    try:
        summaries, total = state.store().drafts(limit=PAGE_SIZE), state.store().count_drafts()
    except RadragError as error:
        st.html(cards.notice("The workspace cannot be opened", str(error), kind="error"))
        return
    if not summaries:
        st.html(empty(str(state.settings().workspace)))
        return
    find, show = _filters()
    rows = [summary for summary in summaries if matches(summary, find, show)]
    st.html(f'<p class="rr-kicker">{tally(len(rows), len(summaries), total)}</p>')
    if rows:
        _table(rows)


def empty(workspace: str) -> str:
    """Return what to run when there is no draft yet."""
    return (
        '<div class="rr-empty"><h2>No drafts yet</h2><p>Draft for the sample radiograph with <code>radrag demo</code>, '
        "or for a file of yours with <code>radrag draft PATH --save</code>, then reload this page.</p>"
        f'<p class="rr-quiet">Workspace: {cards.text(workspace)}</p></div>'
    )


def tally(shown: int, loaded: int, total: int) -> str:
    """Return how many of how many drafts are listed."""
    newest = f" · the newest {loaded} of {total}" if total > loaded else ""
    return f"{shown} of {loaded} drafts{newest}"


def _filters() -> tuple[str, str]:
    """Show the filters; their values live in the address, so that a filtered list can be bookmarked."""
    with st.container(horizontal=True, gap="medium", key="filters"):
        find = st.text_input("Find", key="find", bind="query-params", placeholder="patient key or draft id", width=260)
        show = st.segmented_control("Show drafts with", list(FILTERS), key="show", bind="query-params", default="All")
    return find.strip(), FILTERS[show or "All"]


def matches(summary: DraftSummary, find: str, show: str) -> bool:
    """Return whether a draft passes the filters: ``find`` begins its patient key or draft id, in any case."""
    sought = find.lower()
    named = any(name.lower().startswith(sought) for name in (summary.patient_key, summary.draft_id))
    counts = {**summary.sentences, "all": 1, "omissions": summary.omissions}
    return named and counts.get(show, 0) > 0


def row(summary: DraftSummary) -> dict[str, Any]:
    """Return a line of the worklist."""
    counts = {cards.STATUS_WORDS[status]: summary.sentences.get(status.value, 0) for status in Status}
    return {
        "Drafted": when.instant(summary.created_at),
        "Patient": tables.short_key(summary.patient_key),
        "Views": " ".join(view.value for view in summary.views),
        **counts,
        "Omissions": summary.omissions,
        "Warnings": summary.warnings,
        "Status": summary.status.upper(),
        "Draft": summary.draft_id,
    }


def styled(summaries: Sequence[DraftSummary]) -> Styler:
    """Return the worklist's lines; counts that ask for the reader's eye are bold, zeros are quiet."""
    import pandas as pd  # loaded by Streamlit already

    counts = [*cards.STATUS_WORDS.values(), "Omissions", "Warnings"]
    table = pd.DataFrame([row(summary) for summary in summaries])

    def look(column: pd.Series[int]) -> list[str]:
        colour = ATTENTION_COLOURS.get(str(column.name))
        strong = f"font-weight: 700; color: {colour}" if colour else ""
        return [strong if number else f"color: {QUIET}" for number in column]

    return table.style.apply(look, subset=counts)


def _table(summaries: Sequence[DraftSummary]) -> None:
    counts = [*cards.STATUS_WORDS.values(), "Omissions", "Warnings"]
    # One cell or the row's box: whatever the reader clicks opens the draft.
    event = st.dataframe(
        styled(summaries),
        hide_index=True,
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        key="drafts",
        row_height=ROW_HEIGHT,
        height=min(ROW_HEIGHT * len(summaries) + 37, 700),
        column_config={
            "Drafted": st.column_config.DatetimeColumn("Drafted", format="distance", width="small"),
            **{name: st.column_config.TextColumn(name, width="small") for name in ("Patient", "Views", "Draft")},
            **{name: st.column_config.NumberColumn(name, width="small") for name in counts},
        },
    )
    chosen = [*event.selection.rows, *(cell[0] for cell in event.selection.cells)]
    if chosen:
        st.switch_page(pages.review(), query_params={"draft": summaries[chosen[0]].draft_id})
