"""A Streamlit page with one viewer, for the browser test: focus by buttons, an idle rerun, a heat map."""

import numpy as np
import streamlit as st

from radrag.domain import ImageFinding
from ui import state, viewer

DRAFT = "d-0001"
FINDINGS = (
    ImageFinding("Lung Lesion", 0.81, 0.5, region=(300.0, 1100.0, 700.0, 1500.0)),
    ImageFinding("<img src=x onerror=alert(1)>", 0.66, 0.5, region=(1200.0, 300.0, 1500.0, 600.0)),
)

st.set_page_config(layout="wide")


def warm(label: str) -> np.ndarray:
    grid = np.zeros((14, 14), np.float32)
    grid[8:11, 3:6] = 1.0
    return grid


images = state.store().study_images(DRAFT)
for label in ("Nothing", "Lung Lesion"):
    if st.button(f"Focus {label}"):
        st.session_state["focus"] = label
number = st.session_state["runs"] = st.session_state.get("runs", 0) + 1
st.button("Rerun", shortcut="N")
columns = st.columns(int(st.query_params.get("viewers", "1")))
for place, column in enumerate(columns):
    with column:
        clicked = viewer.radiograph(
            images[0],
            viewer.pixels_url(DRAFT, 0),
            key=f"viewer-{place}",
            findings=FINDINGS,
            focus=st.session_state.get("focus", "").replace("Nothing", ""),
            heat_map=warm,
            link="pair" if len(columns) > 1 else "",
            height="560px",
        )
        if clicked:
            st.session_state["clicked"] = clicked
st.text(f"runs {number}")
st.text(f"clicked {st.session_state.get('clicked', '')}")
