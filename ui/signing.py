"""The way to the signature and beyond: what is missing, who was told, attestation, addenda and corrections."""

from __future__ import annotations

import streamlit as st

from radrag.domain import ReportState, Role
from radrag.review.signoff import ATTESTATION, LONGEST_ADDENDUM, critical_findings, missing_acknowledgements
from radrag.review.values import Review
from radrag.store.people_values import Account
from ui import cards, exporting, focusing, review_cards, sending
from ui.sitting import Sitting, sections_of

WAYS = ("Telephone", "In person", "Message")


def show(sitting: Sitting, person: Account) -> None:
    """Show the state of the report and the next steps that the reader may take."""
    review = sitting.review
    st.html(cards.section_title("Signature") + review_cards.sign_line(review))
    if review.state.signed:
        _signed(sitting, person)
    elif sitting.may_decide:
        _acknowledgements(sitting)
        _unsigned(sitting, person)
    exporting.show(sitting.draft, review, person)
    sending.show(sitting.draft, review, person)


def _unsigned(sitting: Sitting, person: Account) -> None:
    review = sitting.review
    missing = obstacles(review)
    if missing:
        st.html(review_cards.obstacles(missing))
    attested = False
    with st.container(key="sign", gap="small"):
        if person.role is Role.READER:
            attested = st.checkbox(ATTESTATION, key="attested", disabled=bool(missing))
        with st.container(horizontal=True, gap="small"):
            if person.role is Role.READER:
                name = person.full_name or person.name
                signs = st.button(
                    f"Sign as {name}",
                    key="sign-now",
                    type="primary",
                    icon=":material/signature:",
                    shortcut="Ctrl+Enter",
                    disabled=bool(missing) or not attested,
                )
                if signs and sitting.sign(attested=attested):
                    st.rerun()
            if review.state is ReportState.DRAFT:
                marks = st.button(
                    "Mark as preliminary",
                    key="preliminary",
                    icon=":material/hourglass_top:",
                    disabled=bool(review.pending) or not review.text(),
                    help="Decided, not signed: others may see it as preliminary.",
                )
                if marks:
                    sitting.mark_preliminary()
                    st.rerun()
    if person.role is Role.TRAINEE:
        st.html('<p class="rr-quiet">A trainee cannot sign: mark the report as preliminary, and ask a reader.</p>')
    if sitting.at_signature:
        sitting.at_signature = False
        focusing.focus(".st-key-sign input", sitting.turn)


def obstacles(review: Review) -> list[str]:
    """Return in words what must be done before signing."""
    found = []
    if review.pending:
        one = len(review.pending) == 1
        found.append(f"{len(review.pending)} sentence{' waits' if one else 's wait'} for a decision.")
    elif not review.text():
        found.append("No sentence stands, so there is no report: add one.")
    found += [f"Nobody was told of: {label}." for label in missing_acknowledgements(review)]
    return found


def _acknowledgements(sitting: Sitting) -> None:
    """Ask who was told of each critical finding that the report states."""
    review = sitting.review
    if critical_findings(review):
        st.html(review_cards.acknowledgements(review))
    for label in missing_acknowledgements(review):
        with st.form(f"told-{label}", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input(f"{label}: who was told?", key=f"told-to-{label}", max_chars=200)
            st.selectbox("How?", WAYS, key=f"told-how-{label}")
            st.form_submit_button(
                "Record",
                key=f"told-record-{label}",
                on_click=lambda label=label: sitting.acknowledge(
                    label, str(st.session_state[f"told-to-{label}"]), str(st.session_state[f"told-how-{label}"])
                ),
            )


def _signed(sitting: Sitting, person: Account) -> None:
    review = sitting.review
    st.html("".join(review_cards.signature_card(one) for one in review.signatures))
    if person.role is not Role.READER or not sitting.may_decide:
        return
    with st.expander("Addendum", icon=":material/post_add:", key="addendum"):
        text = st.text_area("What is added", key="addendum-text", max_chars=LONGEST_ADDENDUM, on_change="ignore")
        attested = st.checkbox(ATTESTATION, key="addendum-attested")
        if st.button("Sign the addendum", key="addendum-sign", type="primary", disabled=not attested) and (
            sitting.addendum(text, attested=attested)
        ):
            st.rerun()
    with st.expander("Correction", icon=":material/edit_document:", key="correction"):
        standing = review.signatures[-1].text
        report = {
            section: st.text_area(section.capitalize(), standing.get(section, ""), key=f"correct-{section}")
            for section in sections_of(review.items) or list(standing)
        }
        why = st.text_input("Why it is corrected", key="correct-why", max_chars=1000)
        attested = st.checkbox(ATTESTATION, key="correct-attested")
        if st.button("Sign the correction", key="correct-sign", type="primary", disabled=not attested) and (
            sitting.correct({name: text for name, text in report.items() if text.strip()}, why, attested=attested)
        ):
            st.rerun()
