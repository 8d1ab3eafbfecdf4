"""Puts the keyboard where the reader is about to type; Streamlit has no way to say so."""

from __future__ import annotations

import streamlit as st

_SCRIPT = """
let done = -1;
export default function ({ data }) {
  if (data.turn === done) return; // once: the reader may have gone elsewhere since
  done = data.turn;
  // The field may come into the page after this one.
  const until = Date.now() + 2000;
  const look = () => {
    const found = document.querySelector(data.selector);
    if (found) {
      found.focus();
      if (found.type !== "checkbox") found.setSelectionRange(found.value.length, found.value.length);
    } else if (Date.now() < until) setTimeout(look, 30);
  };
  look();
}
"""


@st.cache_resource(max_entries=1, show_spinner=False)
def _component() -> st.components.v2.types.ComponentRenderer:
    return st.components.v2.component("radrag_focus", js=_SCRIPT)


def focus(selector: str, turn: int) -> None:
    """Focus the first element that a CSS selector finds, once a turn."""
    _component()(data={"selector": selector, "turn": turn}, key="focus", height=1)
