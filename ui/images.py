"""The images of the study and of the patient's earlier one, each where a reader expects it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from radrag.domain import StudyImage
from radrag.errors import RadragError
from radrag.store.values import DraftSummary
from ui import cards, people, state, viewer, viewer_heat
from ui.sitting import Sitting


def page() -> None:
    """Show the images of the draft that the address names, and nothing else: a window for a second monitor."""
    person = people.current()
    try:
        sitting = state.sitting(st.query_params.get("draft", ""), person)
        others = state.earlier(sitting.draft)
    except RadragError as error:
        st.html(cards.notice("This draft cannot be opened", str(error), kind="error"))
        return
    with st.container(key="pane-image", gap="small"):
        show(sitting, others)


def show(sitting: Sitting, others: Sequence[DraftSummary]) -> None:
    """Show every image; a click into a finding's box puts a sentence that speaks of it into focus.

    Args:
        others: drafts of the patient's other studies.
    """
    draft = sitting.draft
    prior = state.prior_images(draft, others)
    layout = viewer.arrange(draft.study.images, prior[1] if prior else None)
    if not layout.rows:
        st.html(cards.notice("No image", "This draft holds no image.", kind="info"))
        return
    height = "calc(100vh - 11.5rem)" if len(layout.rows) == 1 else "calc(50vh - 6rem)"
    for row in layout.rows:
        for column, cell in zip(st.columns(len(row), gap="small"), row, strict=True):
            with column, st.container(key=_key(cell), gap=None):
                if cell.number is None:
                    st.html(f'<p class="rr-caption">{cards.text(cell.words)}</p>')
                elif cell.prior and prior:
                    _image(prior[1][cell.number], prior[0], cell, height)
                else:
                    _current(sitting, cell, height)
    if layout.note:
        st.html(f'<p class="rr-caption">{cards.text(layout.note)}</p>')


def _key(cell: viewer.Cell) -> str:
    return f"image-{'prior' if cell.prior else 'current'}-{cell.words or cell.number}".replace(" ", "-")


def _image(image: StudyImage, draft_id: str, cell: viewer.Cell, height: str) -> None:
    url = viewer.pixels_url(draft_id, cell.number or 0)
    viewer.radiograph(image, url, key=f"{_key(cell)}-{draft_id}", name=cell.name, link=cell.link, height=height)


def _current(sitting: Sitting, cell: viewer.Cell, height: str) -> None:
    draft, number = sitting.draft, cell.number or 0
    image = draft.study.images[number]
    clicked = viewer.radiograph(
        image,
        viewer.pixels_url(draft.draft_id, number),
        key=f"{_key(cell)}-{draft.draft_id}",
        name=cell.name,
        # Regions are of the image that was encoded best, which comes first.
        findings=draft.image_findings if number == 0 else (),
        focus=sitting.located if number == 0 else "",
        heat_map=viewer_heat.heat_map(draft, 0, lambda: state.workspace().image_encoder) if number == 0 else None,
        link=cell.link,
        height=height,
    )
    if clicked:
        sitting.go_to_finding(clicked)
