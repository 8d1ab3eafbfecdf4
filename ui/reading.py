"""The draft in the middle of the screen: sentence by sentence, with what its reader decides."""

from __future__ import annotations

import streamlit as st

from radrag.domain import DraftSentence
from radrag.review.decisions import LONGEST, SECTIONS, bulk_acceptable
from radrag.review.values import Decision, Item, Reason
from ui import cards, focusing, review_cards, tables
from ui.sitting import Mode, Sitting

REASONS: dict[Reason, str] = {
    Reason.NOT_SEEN: "Not on the image",
    Reason.WRONG_SIDE: "Wrong side",
    Reason.WRONG_PLACE: "Wrong place",
    Reason.WRONG_DEGREE: "Wrong degree",
    Reason.COMPARES: "Compares without a prior",
    Reason.REPEATS: "Repeats",
    Reason.IRRELEVANT: "Not relevant",
    Reason.OTHER: "Other",
}


def show(sitting: Sitting) -> None:
    """Show warnings, the sentences by section, possible omissions, and where it all came from."""
    draft = sitting.draft
    if sitting.complaint:
        st.html(cards.notice("Not done", sitting.complaint, kind="error"))
    _whole(sitting)
    warnings = cards.warnings_card(draft.warnings)
    if warnings:
        st.html(warnings)
    section = ""
    for number, item in enumerate(sitting.review.items, start=1):
        if item.section != section:
            section = item.section
            st.html(cards.section_title(section))
        _item(sitting, number, item)
    if not sitting.review.items:
        st.html(cards.notice("No sentences", "The generator drafted nothing for this study.", kind="info"))
    if sitting.mode is Mode.ADD:
        _add(sitting)
    _omissions(sitting)
    with st.expander("Image findings", icon=":material/monitoring:"):
        st.html(tables.image_findings_table(draft.image_findings))
    with st.expander("Provenance", icon=":material/fingerprint:"):
        st.html(tables.provenance_table({"draft_id": draft.draft_id, **draft.provenance}))


def _item(sitting: Sitting, number: int, item: Item) -> None:
    focused = sitting.focus == item.key
    label = f"Show the evidence of sentence {number}"
    _row(sitting, item.key, review_cards.item_card(number, item, focused=focused, reasons=REASON_WORDS), label)
    if not focused or not _open(sitting):
        return
    match sitting.mode:
        case Mode.EDIT:
            _edit(sitting, item)
        case Mode.REJECT:
            _reject(sitting)
        case Mode.REWORD:
            _reword(sitting)
        case _:
            _decisions(sitting, item)


def _open(sitting: Sitting) -> bool:
    """Whether sentences may still be decided on, by this reader."""
    return sitting.may_decide and not sitting.review.state.signed


def _row(sitting: Sitting, stop: str, html: str, label: str) -> None:
    """Show a row whose whole face is one button: style.css lays the button over the card."""
    with st.container(key=f"row-{stop}", gap=None):
        st.html(html)
        st.button(label, key=f"open-{stop}", on_click=sitting.go, args=(stop,), type="tertiary", width="stretch")


def _decisions(sitting: Sitting, item: Item) -> None:
    """Show what can be done with the sentence in focus; only this one takes the keys."""
    with st.container(key="decisions", horizontal=True, gap="small"):
        if item.decision in (Decision.PENDING, Decision.REJECTED):
            st.button("Accept", key="accept", icon=":material/check:", shortcut="A", on_click=sitting.accept)
        st.button("Edit", key="edit", icon=":material/edit:", shortcut="E", on_click=sitting.begin, args=(Mode.EDIT,))
        if item.decision is not Decision.REJECTED:
            st.button(
                "Reject",
                key="reject",
                icon=":material/close:",
                shortcut="X",
                on_click=sitting.begin,
                args=(Mode.REJECT,),
            )
        st.button(
            "Reword",
            key="reword",
            icon=":material/autorenew:",
            shortcut="W",
            on_click=sitting.begin,
            args=(Mode.REWORD,),
        )
        if item.decision is not Decision.PENDING:
            st.button("Reopen", key="reopen", icon=":material/undo:", shortcut="Z", on_click=sitting.reopen)
        for name, key, by in (("↑", "U", -1), ("↓", "D", 1)):
            way = "up" if by < 0 else "down"
            st.button(name, key=way, help=f"Move {way}", shortcut=key, on_click=sitting.move, args=(by,))


def _edit(sitting: Sitting, item: Item) -> None:
    key = f"words-{sitting.turn}"
    if key not in st.session_state:
        st.session_state[key] = sitting.proposal or item.text
    with st.form("editor", border=False):
        st.text_area(
            "Words of the sentence",
            key=key,
            max_chars=LONGEST,
            height=92,
            help="Ctrl+Enter keeps it. What the evidence says of the new words is found at once.",
        )
        _form_buttons(
            on_keep=lambda: _keep(sitting, key), on_check=lambda: sitting.look(str(st.session_state[key])), keep="Keep"
        )
    _preview(sitting.preview)
    _cancel(sitting)
    focusing.focus("[data-testid=stForm] textarea", sitting.turn)


def _keep(sitting: Sitting, key: str) -> None:
    sitting.edit(str(st.session_state[key]))


def _form_buttons(*, on_keep: object, on_check: object, keep: str) -> None:
    with st.container(horizontal=True, gap="small"):
        st.form_submit_button(keep, key="keep", type="primary", icon=":material/save:", on_click=on_keep)
        st.form_submit_button("Check only", key="check", icon=":material/fact_check:", on_click=on_check)


def _preview(sentence: DraftSentence | None) -> None:
    if sentence is not None:
        st.html(review_cards.preview_card(sentence))


def _cancel(sitting: Sitting) -> None:
    st.button("Cancel", key="cancel", icon=":material/close:", shortcut="Esc", on_click=sitting.read, type="tertiary")


def _reject(sitting: Sitting) -> None:
    """Ask why; the digits press the reasons."""
    st.html('<p class="rr-kicker">Why is it wrong?</p>')
    with st.container(key="reasons", horizontal=True, gap="small"):
        for number, (reason, words) in enumerate(REASONS.items(), start=1):
            st.button(
                words,
                key=f"reason-{reason.value}",
                shortcut=str(number),
                on_click=lambda reason=reason: sitting.reject(
                    reason, str(st.session_state.get(f"note-{sitting.turn}", ""))
                ),
            )
    st.text_input("Note (kept with the rejection)", key=f"note-{sitting.turn}", on_change="ignore", max_chars=LONGEST)
    _cancel(sitting)


def _reword(sitting: Sitting) -> None:
    with st.form("rewording", border=False):
        st.text_input(
            "How should it read?",
            key=f"hint-{sitting.turn}",
            max_chars=200,
            placeholder="left · small · there is a nodule",
        )
        st.form_submit_button(
            "Propose",
            key="propose",
            type="primary",
            icon=":material/autorenew:",
            on_click=lambda: sitting.reword(str(st.session_state[f"hint-{sitting.turn}"])),
        )
    _cancel(sitting)
    focusing.focus("[data-testid=stForm] input", sitting.turn)


def _add(sitting: Sitting) -> None:
    here = sitting.item.section if sitting.item else SECTIONS[0]
    with st.form("adding", border=False, clear_on_submit=False):
        section = st.segmented_control(
            "Add a sentence to",
            SECTIONS,
            default=here,
            key=f"add-section-{sitting.turn}",
            format_func=str.capitalize,
            required=True,
        )
        st.text_area("Words of the new sentence", key=f"add-words-{sitting.turn}", max_chars=LONGEST, height=92)
        _form_buttons(
            on_keep=lambda: sitting.add(
                str(st.session_state[f"add-section-{sitting.turn}"]), str(st.session_state[f"add-words-{sitting.turn}"])
            ),
            on_check=lambda: sitting.look(str(st.session_state[f"add-words-{sitting.turn}"]), str(section)),
            keep="Add",
        )
    _preview(sitting.preview)
    _cancel(sitting)
    focusing.focus("[data-testid=stForm] textarea", sitting.turn)


def _omissions(sitting: Sitting) -> None:
    stops = [stop for stop in sitting.stops() if stop.startswith("o")]
    if not stops:
        return
    st.html(cards.section_title("Possible omissions"))
    for stop in stops:
        number = int(stop[1:])
        focused = sitting.focus == stop
        html = cards.omission_row(sitting.draft.omissions[number], focused=focused)
        _row(sitting, stop, html, f"Show the evidence of possible omission {number + 1}")
        if focused and _open(sitting):
            with st.container(key="decisions", horizontal=True):
                st.button(
                    "Add to the report", key="accept", icon=":material/add:", shortcut="A", on_click=sitting.accept
                )


def _whole(sitting: Sitting) -> None:
    """Show the acts that concern no single sentence."""
    if not _open(sitting) or sitting.mode is Mode.ADD:
        return
    ready = len(bulk_acceptable(sitting.review))
    with st.container(key="whole", horizontal=True, gap="small"):
        if ready:
            st.button(
                f"Accept {ready} supported",
                key="accept-supported",
                icon=":material/done_all:",
                shortcut="Q",
                on_click=sitting.accept_supported,
            )
        st.button("Add", key="add", icon=":material/add:", shortcut="S", on_click=sitting.begin, args=(Mode.ADD,))
        st.button("Sign …", key="finish", icon=":material/signature:", shortcut="F", on_click=sitting.to_signature)


REASON_WORDS = {reason.value: words for reason, words in REASONS.items()}
