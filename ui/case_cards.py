"""One case of a corpus as HTML strings: picture, terms, report with its findings; pure, every value escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from radrag.domain import Case, Sentence
from ui import cards


def picture(source: str, case: Case) -> str:
    """Return a case's image, or that it is not held, with its terms.

    Args:
        source: PNG data URI; empty when the image is not held.
    """
    image = (
        f'<img class="rr-case-image" alt="Radiograph of the case" src="{escape(source)}">'
        if source.startswith("data:image/png;base64,")
        else '<p class="rr-noimage">image not held</p>'
    )
    terms = f"{case.licence}{', restricted' if case.restricted else ''}" or "terms not said"
    return (
        f'{image}<p class="rr-meta"><code>{escape(case.case_id)}</code><span>{escape(case.corpus)}</span>'
        f"<span>{escape(terms)}</span></p>"
    )


def report(case: Case, sentences: Sequence[Sentence]) -> str:
    """Return a case's report: each section as stored, then each sentence with the findings it states."""
    sections = "".join(
        f'<h3 class="rr-section-title">{escape(name.capitalize())}</h3>'
        f'<div class="rr-section" dir="auto">{escape(text)}</div>'
        for name, text in case.sections.items()
    )
    rows = "".join(
        f'<tr><td dir="auto">{escape(one.text)}</td><td><span class="rr-chips">'
        + "".join(f'<span class="rr-chip">{escape(cards.finding_in_words(finding))}</span>' for finding in one.findings)
        + "</span></td></tr>"
        for one in sentences
    )
    return (
        f'{sections}<h3 class="rr-section-title">Findings by sentence</h3>'
        f'<table class="rr-table"><tbody>{rows}</tbody></table>'
    )
