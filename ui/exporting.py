"""The report as files: made when asked for, then one click away."""

from __future__ import annotations

import base64
import hashlib
import io

import streamlit as st

from radrag.domain import Draft
from radrag.errors import RadragError
from radrag.review.values import Review
from radrag.store.people_values import Account
from ui import cards, state

NAMES = {
    "text": "Plain text",
    "pdf": "PDF",
    "sr": "DICOM SR",
    "sr3d": "DICOM SR with regions",
    "dicompdf": "DICOM PDF",
    "fhir": "FHIR R4",
    "hl7": "HL7 v2",
}


def show(draft: Draft, review: Review, person: Account) -> None:
    """Offer the report in every form; until it is signed, each says that it is preliminary."""
    with st.expander("Export", icon=":material/ios_share:", key="export"):
        form = st.pills(
            "Form", list(NAMES), key="export-form", default="pdf", required=True, format_func=lambda name: NAMES[name]
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            anonymous = st.toggle(
                "Without identity", key="export-anonymous", help="The patient key instead of the patient."
            )
            wanted = st.button("Prepare", key="export-prepare", icon=":material/file_present:")
        version = (draft.draft_id, review.version, form, anonymous)
        if wanted:
            _prepare(version, str(form), person, anonymous=anonymous)
        held = st.session_state.get("exported")
        if held and held[0] == version:
            name, content = held[1], held[2]
            st.download_button(
                f"Download {name}", content, name, key="export-download", icon=":material/download:", on_click="ignore"
            )
            if form == "pdf":
                st.html("".join(cards.page_picture(source) for source in _pages(content)))


def _prepare(version: tuple[str, int, str, bool], form: str, person: Account, *, anonymous: bool) -> None:
    from radrag.export.files import FORMS, file_name

    parts, draft_id = state.workspace(), version[0]
    try:
        outgoing = parts.outgoing(draft_id, without_identity=anonymous)
        content = FORMS[form].write(outgoing)
        parts.record_export(outgoing, {form: hashlib.sha256(content).hexdigest()}, who=person.name)
    except RadragError as error:
        st.html(cards.notice("Not exported", str(error), kind="error"))
        return
    st.session_state["exported"] = (version, file_name(draft_id, form), content)


@st.cache_data(max_entries=2, show_spinner="Rendering the pages …")
def _pages(content: bytes) -> list[str]:
    """Return the pages of a PDF file as PNG data URIs."""
    import pypdfium2

    found = []
    for page in pypdfium2.PdfDocument(content):
        buffer = io.BytesIO()
        page.render(scale=1.5).to_pil().save(buffer, format="PNG")
        found.append("data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"))
    return found
