"""One draft: the image, the sentences with their status, and the evidence of the sentence in focus.

The image pane stays outside the fragment that the reader clicks in, so that moving from sentence to sentence neither
sends the image again nor loses the zoom.
"""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from radrag.domain import Box, Draft, DraftSentence, EvidenceLink, Omission, Relation, Status
from radrag.errors import RadragError
from ui import cards, pages, state, tables, viewer, when


def page() -> None:
    """Show the draft that the address names, or say what is missing."""
    draft_id = st.query_params.get("draft", "")
    if not draft_id:
        st.html(cards.notice("No draft chosen", "Choose one in the worklist.", kind="info"))
        st.page_link(pages.worklist(), label="Open the worklist", icon=":material/list:")
        return
    try:
        draft = state.store().draft(draft_id)
    except RadragError as error:
        st.html(cards.notice("This draft cannot be opened", str(error), kind="error"))
        st.page_link(pages.worklist(), label="Open the worklist", icon=":material/list:")
        return
    created = str(draft.provenance.get("created_at", ""))
    st.html(cards.banner() + tables.study_line(draft, age_of_draft=when.ago(created, datetime.now(UTC))))
    many = len(draft.study.images) > 1
    image_column, reading_column = st.columns([8, 7] if many else [5, 7], gap="small")
    with image_column, st.container(key="pane-image", gap="small"):
        _images(draft)
    with reading_column:
        _reading(draft)


def _images(draft: Draft) -> None:
    """Show the study's images side by side, each with its own zoom and window."""
    if not draft.study.images:
        st.html(cards.notice("No image", "This draft holds no image.", kind="info"))
        return
    many = len(draft.study.images) > 1
    region = _region(draft, st.session_state.get(f"place-{draft.draft_id}", ""))
    for number, (column, image) in enumerate(
        zip(st.columns(len(draft.study.images), gap="small"), draft.study.images, strict=True)
    ):
        with column, st.container(key=f"image-{number}", gap=None):
            found = state.shown(image)
            if found.changed:
                st.html(
                    cards.notice(
                        "Another image", "The file no longer holds the pixels that were drafted.", kind="error"
                    )
                )
            if found.image is None:
                st.html(cards.notice(f"{image.view.value}: image not shown", found.problem))
            else:
                focus = None
                if number == 0 and region is not None and found.geometry is not None:  # the best frontal comes first
                    focus = found.geometry.box_to_display(region)
                st.plotly_chart(
                    viewer.figure(found.image, focus=focus),
                    key=f"figure-{draft.draft_id}-{number}",
                    height="stretch",
                    theme=None,
                    config=viewer.CONFIG,
                    alt=f"Radiograph, {image.view.value}",
                )
            st.html(tables.image_caption(image, hint=found.image is not None and not many))


def _region(draft: Draft, label: str) -> Box | None:
    return next((f.region for f in draft.image_findings if f.label == label and f.region is not None), None)


@st.fragment
def _reading(draft: Draft) -> None:
    """Show draft and evidence side by side; a click reruns this part alone."""
    stops = _stops(draft)
    focus = st.session_state.get(_focus_key(draft), stops[0] if stops else "")
    left, right = st.columns(2, gap="small")
    with left, st.container(key="pane-draft", gap="small"):
        _draft(draft, focus)
    with right, st.container(key="pane-evidence", gap="small"):
        _steps(draft, stops, focus)
        _evidence(draft, focus)


def _stops(draft: Draft) -> list[str]:
    """Return what the reader can step through: sentences, then possible omissions."""
    return [f"s{i}" for i in range(len(draft.sentences))] + [f"o{i}" for i in range(len(draft.omissions))]


def _focus_key(draft: Draft) -> str:
    return f"focus-{draft.draft_id}"


def _focus(draft: Draft, stop: str) -> None:
    st.session_state[_focus_key(draft)] = stop


def _draft(draft: Draft, focus: str) -> None:
    """Show the draft by section, then what it may have left out, the image findings and where it all came from."""
    warnings = cards.warnings_card(draft.warnings)
    if warnings:
        st.html(warnings)
    section = ""
    for number, sentence in enumerate(draft.sentences):
        if sentence.section != section:
            section = sentence.section
            st.html(cards.section_title(section))
        _row(
            draft,
            f"s{number}",
            cards.sentence_card(number + 1, sentence, focused=focus == f"s{number}"),
            f"Show the evidence of sentence {number + 1}",
        )
    if not draft.sentences:
        st.html(cards.notice("No sentences", "The generator drafted nothing for this study.", kind="info"))
    if draft.omissions:
        st.html(cards.section_title("Possible omissions"))
    for number, omission in enumerate(draft.omissions):
        _row(
            draft,
            f"o{number}",
            cards.omission_row(omission, focused=focus == f"o{number}"),
            f"Show the evidence of possible omission {number + 1}",
        )
    with st.expander("Image findings", icon=":material/monitoring:"):
        st.html(tables.image_findings_table(draft.image_findings))
    with st.expander("Provenance", icon=":material/fingerprint:"):
        st.html(tables.provenance_table({"draft_id": draft.draft_id, **draft.provenance}))


def _row(draft: Draft, stop: str, html: str, label: str) -> None:
    """Show a row whose whole face is one button: style.css lays the button over the card."""
    with st.container(key=f"row-{stop}", gap=None):
        st.html(html)
        st.button(label, key=f"open-{stop}", on_click=_focus, args=(draft, stop), type="tertiary", width="stretch")


def _steps(draft: Draft, stops: list[str], focus: str) -> None:
    """Show the buttons to the sentence before and after; P and N press them."""
    if not stops:
        return
    here = stops.index(focus) if focus in stops else 0
    with st.container(key="steps", horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
        st.html(cards.position(here + 1, len(stops)), width="stretch")
        st.button(
            "Previous",
            key="step-previous",
            icon=":material/keyboard_arrow_up:",
            shortcut="P",
            disabled=here == 0,
            on_click=_focus,
            args=(draft, stops[max(here - 1, 0)]),
        )
        st.button(
            "Next",
            key="step-next",
            icon=":material/keyboard_arrow_down:",
            shortcut="N",
            disabled=here == len(stops) - 1,
            on_click=_focus,
            args=(draft, stops[min(here + 1, len(stops) - 1)]),
        )


def _evidence(draft: Draft, focus: str) -> None:
    """Show every link of the sentence or omission in focus, in groups by relation, the strongest first."""
    found = _focused(draft, focus)
    if found is None:
        return
    if isinstance(found, Omission):
        st.html(cards.omission_focus_card(found))
    else:
        st.html(cards.focus_card(f"Sentence {int(focus[1:]) + 1} · {found.section}", found))
        _place(draft, found)
    if not found.links:
        st.html(
            cards.notice("No evidence", "No sentence of a retrieved report speaks for or against this.", kind="info")
        )
    order = [Relation.SUPPORTS, Relation.CONTRADICTS]
    if getattr(found, "status", None) is Status.CONTRADICTED:  # what made the status stands first
        order.reverse()
    for relation in order:
        links = [link for link in found.links if link.relation is relation]
        if links:
            st.html(cards.group_title(relation, links))
        for link in sorted(links, key=lambda link: -link.strength):
            st.html(_evidence_html(draft, link))


def _focused(draft: Draft, focus: str) -> DraftSentence | Omission | None:
    kind, number = focus[:1], focus[1:]
    items: tuple[DraftSentence, ...] | tuple[Omission, ...] = draft.omissions if kind == "o" else draft.sentences
    return items[int(number)] if number.isdigit() and int(number) < len(items) else None


def _place(draft: Draft, sentence: DraftSentence) -> None:
    """Offer to centre the image on the region of a finding that bears on the sentence."""
    current = st.session_state.get(f"place-{draft.draft_id}", "")
    for label in sentence.image_findings:
        if _region(draft, label) is None:
            continue
        chosen = label == current
        if st.button("Show the whole image" if chosen else "Show the region on the image", key=f"place-{label}"):
            st.session_state[f"place-{draft.draft_id}"] = "" if chosen else label
            st.rerun()


def _evidence_html(draft: Draft, link: EvidenceLink) -> str:
    case = state.evidence(draft.draft_id).get(link.case_id)
    return cards.evidence_card(
        link,
        corpus=case.corpus if case else link.case_id.partition(":")[0],
        section_text=case.sections.get(link.section) if case else None,
        hit=next((hit for hit in draft.hits if hit.case_id == link.case_id), None),
        picture=state.picture(case),
    )
