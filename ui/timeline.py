"""Everything that was done to a draft, oldest first, with the words that changed; and whether the record is whole."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import streamlit as st

from radrag.errors import RadragError
from radrag.review.values import Act
from radrag.store.values import ReviewEvent
from ui import cards, pages, people, reading, review_cards, state

ACT_WORDS: dict[Act, str] = {
    Act.ACCEPT: "Accepted",
    Act.EDIT: "Edited",
    Act.REJECT: "Rejected",
    Act.REOPEN: "Reopened",
    Act.ADD: "Added",
    Act.MOVE: "Moved",
    Act.ACKNOWLEDGE: "Recorded who was told",
    Act.MARK_PRELIMINARY: "Marked as preliminary",
    Act.SIGN: "Signed",
    Act.ADDENDUM: "Signed an addendum",
    Act.CORRECT: "Signed a correction",
    Act.DISTRUST: "Called evidence misleading",
    Act.TRUST: "No longer calls evidence misleading",
}


def page() -> None:
    """Show the acts on the draft that the address names."""
    people.current()
    draft_id = st.query_params.get("draft", "")
    if not draft_id:
        st.html(cards.notice("No draft chosen", "Open a draft, then its timeline.", kind="info"))
        st.page_link(pages.worklist(), label="Open the worklist", icon=":material/list:")
        return
    try:
        draft = state.store().draft(draft_id)
        events = state.store().review_events(draft_id)
        altered = [version for _, version in state.store().altered_review_events(draft_id)]
    except RadragError as error:
        st.html(cards.notice("This draft cannot be opened", str(error), kind="error"))
        return
    st.page_link(
        pages.review(), label="Back to the draft", icon=":material/arrow_back:", query_params={"draft": draft_id}
    )
    if altered:
        numbers = ", ".join(map(str, altered))
        st.html(
            cards.notice(
                "The record was changed outside radrag", f"Acts {numbers} are not as they were written.", kind="error"
            )
        )
    else:
        st.html(cards.notice("The record is whole", "Every act is as the audit log holds it.", kind="info"))
    texts = {f"d{place}": sentence.text for place, sentence in enumerate(draft.sentences)}
    rows = [row(str(draft.provenance.get("created_at", "")), "radrag", "Drafted")]
    rows += [
        row(event.at, f"{event.who} ({event.role})", words(event), more=details(event, texts), version=event.version)
        for event in events
    ]
    st.html(f'<ol class="rr-timeline">{"".join(rows)}</ol>')


def row(at: str, by: str, what: str, *, more: str = "", version: int = 0) -> str:
    """Return one act as a list item; ``more`` is HTML."""
    return (
        f'<li><p class="rr-meta"><b>{escape(what)}</b><span>{escape(by)}</span>'
        f"<time>{escape(at[:19].replace('T', ' '))} UTC</time><span>version {version}</span></p>{more}</li>"
    )


def words(event: ReviewEvent) -> str:
    """Return what was done, in words."""
    given = event.payload
    what = ACT_WORDS[Act(event.act)]
    if "items" in given:
        return f"{what} {len(given['items'])} supported sentences together"
    return what


def details(event: ReviewEvent, drafted: Mapping[str, str]) -> str:
    """Return what an act changed, as HTML: words that went and came, reasons, names.

    Args:
        drafted: key of a drafted sentence → its text, for those acts that keep no words.
    """
    given: Mapping[str, Any] = event.payload
    before = str((given.get("before") or {}).get("text", "")) if event.act != Act.CORRECT else ""
    match Act(event.act):
        case Act.EDIT:
            return f"<p>{review_cards.word_diff(before, str(given.get('text', '')))}</p>"
        case Act.ADD:
            return f"<p><ins>{escape(str(given.get('text', '')))}</ins></p>"
        case Act.REJECT:
            reason = reading.REASON_WORDS.get(str(given.get("reason")), "")
            note = f" · {given['note']}" if given.get("note") else ""
            return f"<p><del>{escape(before)}</del></p><p>{escape(reason + note)}</p>"
        case Act.ACCEPT if "items" in given:
            return "".join(f"<p>{escape(drafted.get(str(key), str(key)))}</p>" for key in given["items"])
        case Act.ACKNOWLEDGE:
            told = "{label}: {to} ({how})".format_map(given)
            return f"<p>{escape(told)}</p>"
        case Act.SIGN:
            return f"<p>{escape(effort(given.get('effort') or {}))}</p>"
        case Act.CORRECT:
            return _correction(given)
        case Act.ADDENDUM:
            return f"<p><ins>{escape(str(given.get('text', '')))}</ins></p>"
        case Act.DISTRUST | Act.TRUST:
            quoted = f"{given['case_id']}, {given['section']}, sentence {int(given['sentence']) + 1}"
            return f"<p>{escape(quoted)}</p>"
        case _:
            return f"<p>{escape(before)}</p>" if before else ""


def _correction(given: Mapping[str, Any]) -> str:
    before, after = given.get("before") or {}, given.get("report") or {}
    changed = {
        name: review_cards.word_diff(str(before.get(name, "")), str(after.get(name, "")))
        for name in dict.fromkeys((*before, *after))
    }
    parts = [f"<p><b>{escape(name.capitalize())}</b> {diff}</p>" for name, diff in changed.items()]
    return f"<p>{escape(str(given.get('text', '')))}</p>{''.join(parts)}"


def effort(given: Mapping[str, Any]) -> str:
    """Return what a review took, in words."""
    if not given:
        return ""
    seconds = given.get("seconds")
    took = "time from opening not on record" if seconds is None else f"{float(seconds) / 60:.1f} min from first opening"
    return f"{took}; {given['edit_distance']} of {given['drafted_words']} words changed"
