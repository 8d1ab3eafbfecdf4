"""The review page's frame: looks and navigation only."""

from pathlib import Path

import streamlit as st

from ui import pages

FOLDER = Path(__file__).parent

st.set_page_config(page_title="radrag review", page_icon=FOLDER / "icon.svg", layout="wide")
st.html(FOLDER / "style.css")
st.navigation([pages.worklist(), pages.review()], position="top").run()
