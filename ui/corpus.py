"""The corpora that drafts quote, and one case as it is stored: report, findings, image, terms."""

from __future__ import annotations

import streamlit as st

from radrag.domain import Case, Polarity, Sentence
from radrag.errors import RadragError
from ui import cards, case_cards, pages, people, state

FOUND = 50
"""Cases listed for one search."""


def page() -> None:
    """Show the case that the address names, else corpora and a search by finding."""
    person = people.current()
    case_id = st.query_params.get("case", "")
    try:
        if case_id:
            _case(case_id, person.name)
        else:
            _corpora()
    except RadragError as error:
        st.html(cards.notice("Not found", str(error), kind="error"))
        st.page_link(pages.corpus(), label="All corpora", icon=":material/library_books:")


def _case(case_id: str, who: str) -> None:
    case = state.read_case(case_id, who)
    draft = st.query_params.get("draft", "")
    with st.container(horizontal=True):
        if draft:
            st.page_link(
                pages.review(), label="Back to the draft", icon=":material/arrow_back:", query_params={"draft": draft}
            )
        st.page_link(pages.corpus(), label="All corpora", icon=":material/library_books:")
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.html(case_cards.picture(state.picture(case), case))
    with right:
        st.html(case_cards.report(case, _sentences(case)))


def _sentences(case: Case) -> tuple[Sentence, ...]:
    return state.store().sentences([case.case_id]).get(case.case_id, ())


def _corpora() -> None:
    found = state.store().corpora()
    if not found:
        st.html(cards.notice("No corpus", "Add one: radrag corpus add iu-xray", kind="info"))
        return
    st.dataframe(
        [
            {
                "Corpus": one.name,
                "Title": one.title,
                "Cases": one.cases,
                "Sentences": one.sentences,
                "Images": one.images,
                "Terms": one.licence,
                "Restricted": one.restricted,
            }
            for one in found
        ],
        hide_index=True,
    )
    from radrag.reports.vocabulary import NAMES

    with st.container(horizontal=True, vertical_alignment="bottom"):
        case_id = st.text_input("Open a case", key="case-id", placeholder="case id, such as iu-xray:CXR1")
        label = st.selectbox("Sentences that state", NAMES, index=None, key="label", placeholder="finding")
    if case_id.strip():
        st.switch_page(pages.corpus(), query_params={"case": case_id.strip()})
    if label:
        _stating(str(label))


def _stating(label: str) -> None:
    for sentence in state.store().sentences_with(label, Polarity.POSITIVE, limit=FOUND):
        st.page_link(
            pages.corpus(),
            label=f"{sentence.case_id} · {sentence.text}".replace("[", "\\[").replace("*", "\\*"),
            query_params={"case": sentence.case_id},
        )
