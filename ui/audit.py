"""The audit: whether the record is whole, what readers do with drafts, and the last report on retrieval."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from typing import Any

import streamlit as st

from radrag.audit.document import SAVED, Document, Missing
from radrag.audit.sections import Plot, Section, Table
from radrag.domain import Role
from radrag.errors import MissingDependency, RadragError
from radrag.store.canonical import utc_now
from radrag.store.people_values import Account
from ui import cards, people, state, when

SECONDS_COUNTED = 600
LIVE = ("chain", "readers")
"""Sections that are counted from the database here; a saved report's own are passed over."""

NONE_SAVED = (
    "Leakage, hubs and the other audits of retrieval need queries: radrag audit report --manifest CSV --out DIR"
)


def page() -> None:
    """Show one section of the audit: the one that the address names, or the first."""
    person = people.current()
    named = person.role is Role.AUDITOR and _asks_for_names(person)
    try:
        at, live, uncounted = _counted(state.settings().url, named)
    except RadragError as error:
        st.html(cards.notice("The audit cannot be made", str(error), kind="error"))
        return
    saved, broken = _saved()
    sections = [*live, *(saved.sections if saved else ())]
    titles = [section.title for section in sections]
    with st.container(horizontal=True, vertical_alignment="bottom", key="audit-head"):
        chosen = st.segmented_control(
            "Section", titles, key="section", bind="query-params", default=titles[0], required=True
        )
        if person.role is Role.AUDITOR:
            st.toggle("By named reader", key="audit-named", help="Put on record with your name.")
        if st.button("Count again", key="audit-again", icon=":material/refresh:"):
            _counted.clear()
            st.rerun()
        st.download_button(
            "Download the page",
            lambda: _download(live, uncounted, saved),
            "radrag-audit.html",
            "text/html",
            key="audit-download",
            icon=":material/download:",
            on_click="ignore",
        )
    st.html(flags(sections))
    section = next(one for one in sections if one.title == chosen)
    _show(section, at if section.name in LIVE or saved is None else saved.made.at)
    for one in uncounted:
        st.html(cards.notice(f"{one.title} cannot be counted", one.why, kind="error"))
    if broken:
        st.html(cards.notice("The saved report cannot be shown", broken, kind="error"))
    elif saved is None:
        st.html(cards.notice("No report was saved yet", NONE_SAVED, kind="info"))
    for one in saved.missing if saved else ():
        st.html(cards.notice(f"{one.title} is not in the saved report", one.why, kind="info"))


def flags(sections: Sequence[Section]) -> str:
    """Return what somebody must look at, as HTML, or that there is nothing."""
    found = [(section.title, flag) for section in sections for flag in section.flags]
    if not found:
        return cards.notice("Nothing was flagged", "Read the tables all the same.", kind="info")
    items = "".join(f"<li><b>{escape(title)}</b> {escape(flag)}</li>" for title, flag in found)
    return f'<div class="rr-notice rr-warning"><b>To look at</b><ul>{items}</ul></div>'


def _asks_for_names(person: Account) -> bool:
    """Return whether an auditor wants names; the asking is on record before anything is shown."""
    if not st.session_state.get("audit-named"):
        st.session_state.pop("audit-asked", None)
        return False
    if st.session_state.get("audit-asked") != person.name:
        from radrag.audit.asking import ask_for_names

        ask_for_names(state.store(), person, means="screen")
        st.session_state["audit-asked"] = person.name
    return True


@st.cache_data(ttl=SECONDS_COUNTED, max_entries=4, show_spinner="Counting …")
def _counted(url: str, named: bool) -> tuple[str, tuple[Section, ...], tuple[Missing, ...]]:  # noqa: ARG001 - a key
    """Return when, what was counted from the database, and what could not be: what the chain shows is shown anyway."""
    from radrag.audit import chain, readers
    from radrag.audit.reviewed import reviewed_drafts

    store = state.store()
    record = chain.section(chain.check_chain(store))
    try:
        found = readers.section(list(reviewed_drafts(store)), by_reader=named)
    except RadragError as error:
        return utc_now(), (record,), (Missing("readers", "Readers", str(error)),)
    return utc_now(), (record, found), ()


def _saved() -> tuple[Document | None, str]:
    """Return the last report that ``radrag audit report`` kept, without what is counted here; or why it is not shown.

    None and no words where there is none.
    """
    path = state.settings().workspace / SAVED
    if not path.exists():
        return None, ""
    try:
        found = _read(str(path), path.stat().st_mtime_ns)
    except RadragError as error:
        return None, str(error)
    mine = tuple(one for one in found.sections if one.name not in LIVE)
    return replace(found, sections=mine, missing=tuple(one for one in found.missing if one.name not in LIVE)), ""


@st.cache_data(max_entries=2, show_spinner=False)
def _read(path: str, stamp: int) -> Document:  # noqa: ARG001 - part of the cache's key
    from pathlib import Path

    return Document.read(Path(path))


def _download(live: Sequence[Section], uncounted: Sequence[Missing], saved: Document | None) -> bytes:
    """Return the page of what is shown: counted now, and of the saved report with its date."""
    from radrag.audit.html import document_html
    from radrag.audit.making import made_of
    from radrag.workspace import Workspace

    parts = Workspace(state.settings())
    parts.__dict__["store"] = state.store()  # one set of connections a process
    dated = [
        replace(section, summary=f"{section.summary} (Of the report saved {saved.made.at[:16].replace('T', ' ')} UTC.)")
        for section in (saved.sections if saved else ())
        if saved
    ]
    missing = (*uncounted, *(saved.missing if saved else ()))
    made = replace(made_of(parts, "radrag review"), manifest=saved.made.manifest if saved else {})
    return document_html(Document(made, (*live, *dated), missing)).encode()


def _show(section: Section, at: str) -> None:
    counted = when.ago(at, datetime.now(UTC))
    st.html(
        f'<h2 class="rr-audit-title">{escape(section.title)}</h2><p class="rr-quiet">{escape(section.question)}</p>'
        f'<p class="rr-audit-answer">{escape(section.summary)}</p>'
        f'<p class="rr-kicker">{escape(at[:16].replace("T", " "))} UTC · {escape(counted)}</p>'
    )
    if section.plots:
        columns = st.columns(min(len(section.plots), 2), gap="medium")
        for number, plot in enumerate(section.plots):
            with columns[number % len(columns)]:
                st.html(_picture(plot, section.name))
    for table in section.tables:
        st.html(f'<h3 class="rr-section-title">{escape(table.title)}</h3>')
        if table.rows:
            _table(table, f"audit-{section.name}-{table.name}")
        else:
            st.html('<p class="rr-quiet">None.</p>')
        if table.note:
            st.html(f'<p class="rr-quiet">{escape(table.note)}</p>')


def _picture(plot: Plot, section: str) -> str:
    """Return a plot as HTML in the page's colours, or why there is none."""
    from radrag.audit.plots import plot_image

    title = f"<figcaption>{escape(plot.title)}</figcaption>"
    if plot.empty:
        return f'<figure class="rr-plot">{title}<p class="rr-quiet">There is nothing to draw.</p></figure>'
    try:
        svg = plot_image(plot, f"{section}-{plot.name}", dark=st.context.theme.type != "light")
    except MissingDependency as error:
        return f'<p class="rr-quiet">The tables hold what the plot would show. {escape(str(error))}</p>'
    source = base64.b64encode(svg.encode()).decode("ascii")
    image = f'<img alt="{escape(plot.title)}" src="data:image/svg+xml;base64,{source}">'
    return f'<figure class="rr-plot">{title}{image}</figure>'


def _table(table: Table, key: str) -> None:
    import pandas as pd  # loaded by Streamlit already

    from radrag.audit.wording import MISSING, numeric

    config: dict[str, Any] = {}
    for place, name in enumerate(table.columns):
        if numeric(table, place):
            whole = all(isinstance(row[place], int | None) for row in table.rows)
            config[name] = st.column_config.NumberColumn(name, format="%d" if whole else "%.3f")
    mixed = {name for place, name in enumerate(table.columns) if name not in config}
    rows = [
        {name: _text(value) if name in mixed else value for name, value in zip(table.columns, row, strict=True)}
        for row in table.rows
    ]
    frame = pd.DataFrame(rows, columns=list(table.columns))
    st.dataframe(frame, hide_index=True, key=key, column_config=config, placeholder=MISSING)


def _text(value: object) -> str | None:
    """Return a cell of a column that has words as words: the screen's tables know one type a column."""
    return None if value is None else str(value)
