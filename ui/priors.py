"""What is known besides the images: indication, the prior that the draft was given, earlier drafts of the patient."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from radrag.domain import Draft
from radrag.store.values import DraftSummary
from ui import pages, review_cards


def show(draft: Draft, others: Sequence[DraftSummary]) -> None:
    """Show indication and priors; that there is none is said.

    Args:
        others: drafts of the patient's other studies.
    """
    given = draft.provenance.get("prior") or {}
    st.html(review_cards.context(draft.study.indication, given.get("sections", {})))
    for one in others:
        st.page_link(pages.review(), label=_label(one), icon=":material/history:", query_params={"draft": one.draft_id})


def _label(summary: DraftSummary) -> str:
    return f"Other draft of this patient · {summary.created_at[:10]} · {summary.status}"
