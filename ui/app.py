"""The review page's frame: who is there, looks, and navigation."""

from pathlib import Path

import streamlit as st

from radrag.errors import RadragError
from ui import cards, pages, people

FOLDER = Path(__file__).parent

st.set_page_config(page_title="radrag review", page_icon=FOLDER / "icon.svg", layout="wide")
st.html(FOLDER / "style.css")
try:
    person = people.current()  # before anything else: nobody else gets a page
except RadragError as error:
    st.html(cards.notice("The workspace cannot be opened", str(error), kind="error"))
    st.stop()
people.watch()
st.html(cards.who(person.full_name or person.name, person.role, people.LOGOUT))
st.navigation(
    [pages.worklist(), pages.review(), pages.timeline(), pages.corpus(), pages.audit(), pages.window()], position="top"
).run()
