"""The pages by name, so that each can send the reader to another without importing it at load."""

import streamlit as st


def worklist() -> st.Page:
    """Return the page that lists the drafts."""
    from ui import worklist as module

    return st.Page(module.page, title="Worklist", icon=":material/list:", url_path="worklist", default=True)


def review() -> st.Page:
    """Return the page that shows one draft, named by ``?draft=``."""
    from ui import review as module

    return st.Page(module.page, title="Review", icon=":material/radiology:", url_path="review")


def timeline() -> st.Page:
    """Return the page that tells what was done to a draft, named by ``?draft=``."""
    from ui import timeline as module

    return st.Page(module.page, title="Timeline", icon=":material/history:", url_path="timeline")


def corpus() -> st.Page:
    """Return the page that shows corpora, and one case named by ``?case=``."""
    from ui import corpus as module

    return st.Page(module.page, title="Corpora", icon=":material/library_books:", url_path="corpora")


def audit() -> st.Page:
    """Return the page that answers for the numbers, with a section named by ``?section=``."""
    from ui import audit as module

    return st.Page(module.page, title="Audit", icon=":material/fact_check:", url_path="audit")


def window() -> st.Page:
    """Return the page that holds nothing but the images of a draft, for a second monitor."""
    from ui import images as module

    return st.Page(module.page, title="Images", icon=":material/radiology:", url_path="images", visibility="hidden")
