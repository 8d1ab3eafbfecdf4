"""The evidence of what is in focus: every link in groups by relation, the strongest first."""

from __future__ import annotations

import streamlit as st

from radrag.domain import EvidenceLink, Omission, Relation, Status
from ui import cards, pages, state
from ui.sitting import Sitting, quoted

FIRST_SHOWN = 6
"""Links of one relation that are shown at once; the rest on request, since each brings a picture."""


def show(sitting: Sitting) -> None:
    """Show what speaks for and against the sentence or omission in focus."""
    found = sitting.focused
    if found is None:
        return
    if isinstance(found, Omission):
        st.html(cards.omission_focus_card(found))
    else:
        number = [item.key for item in sitting.review.items].index(sitting.focus) + 1
        st.html(cards.focus_card(f"Sentence {number} · {found.section}", found))
    if not found.links:
        st.html(
            cards.notice("No evidence", "No sentence of a retrieved report speaks for or against this.", kind="info")
        )
    order = [Relation.SUPPORTS, Relation.CONTRADICTS]
    if getattr(found, "status", None) is Status.CONTRADICTED:  # what made the status stands first
        order.reverse()
    for relation in order:
        _group(sitting, relation, [link for link in found.links if link.relation is relation])


def _group(sitting: Sitting, relation: Relation, links: list[EvidenceLink]) -> None:
    if not links:
        return
    st.html(cards.group_title(relation, links))
    ordered = sorted(links, key=lambda link: -link.strength)
    more = f"more-{sitting.focus}-{relation.value}"
    shown = len(ordered) if st.session_state.get(more) else FIRST_SHOWN
    for number, link in enumerate(ordered[:shown]):
        _link(sitting, link, f"{relation.value}-{number}")
    if shown < len(ordered):
        st.button(f"Show all {len(ordered)}", key=f"{more}-button", on_click=_show_all, args=(more,))


def _show_all(key: str) -> None:
    st.session_state[key] = True


def _link(sitting: Sitting, link: EvidenceLink, key: str) -> None:
    draft = sitting.draft
    case = state.evidence(draft.draft_id).get(link.case_id)
    misleading = quoted(link) in sitting.review.distrusted
    with st.container(key=f"link-{key}", gap=None):
        st.html(
            cards.evidence_card(
                link,
                corpus=case.corpus if case else link.case_id.partition(":")[0],
                section_text=case.sections.get(link.section) if case else None,
                hit=next((hit for hit in draft.hits if hit.case_id == link.case_id), None),
                picture=state.picture(case),
                misleading=misleading,
            )
        )
        with st.container(key=f"about-{key}", horizontal=True, gap="small"):
            if case is not None:
                st.page_link(
                    pages.corpus(),
                    label="Open the case",
                    icon=":material/description:",
                    query_params={"case": link.case_id, "draft": draft.draft_id},
                )
            if sitting.may_decide:
                st.button(
                    "Not misleading" if misleading else "Misleading",
                    key=f"mislead-{key}",
                    icon=":material/flag:",
                    type="tertiary",
                    on_click=lambda: sitting.distrust(link, misleading=not misleading),
                )
