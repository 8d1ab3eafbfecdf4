"""A report as plain text: head, state, sections, signature, addenda, and the evidence as numbered references."""

from __future__ import annotations

import textwrap

from radrag.domain import DraftSentence
from radrag.export.outgoing import Outgoing
from radrag.export.plain import moment
from radrag.export.wording import (
    EVIDENCE_NOTE,
    MOST_RUNS,
    TITLE,
    clock,
    communicated,
    drafted_by,
    heading,
    patient_line,
    runs,
    status_line,
    status_words,
    weighed,
)

WIDTH = 88


def report_to_text(outgoing: Outgoing) -> str:
    """Return the report as text of at most 88 columns, but for words that are longer; ends with a line break."""
    lines = [TITLE.upper(), "", *_wrap(status_line(outgoing)), ""]
    head = patient_line(outgoing)
    broad = max((len(name) for name, _ in head), default=0) + 2
    for name, value in head:
        lines += _wrap(value, f"{name + ':':<{broad}}", " " * broad)
    for section, sentences in outgoing.sections.items():
        lines += ["", heading(section).upper()]
        for sentence in sentences:
            lines += _wrap(f"{sentence.text}{_marks(outgoing, sentence)}", "  ", "  ")
    if not outgoing.sections:
        lines += ["", "No sentence stands in this report."]
    lines += _after_the_text(outgoing)
    lines += _evidence(outgoing)
    lines += ["", *_wrap(drafted_by(outgoing) + "."), *_wrap(f"Draft {outgoing.draft.draft_id}.")]
    return "\n".join(lines) + "\n"


def _after_the_text(outgoing: Outgoing) -> list[str]:
    lines: list[str] = []
    for correction in outgoing.corrections:
        lines += ["", f"CORRECTION ({moment(correction.at):%Y-%m-%d %H:%M} UTC, {correction.name})"]
        lines += _wrap(correction.added, "  ", "  ")
    for addendum in outgoing.addenda:
        lines += ["", f"ADDENDUM ({moment(addendum.at):%Y-%m-%d %H:%M} UTC, {addendum.name})"]
        lines += _wrap(addendum.added, "  ", "  ")
    if outgoing.report.acknowledged:
        lines += ["", "COMMUNICATED"]
        for told in outgoing.report.acknowledged:
            lines += _wrap(communicated(told), "  ", "    ")
    if outgoing.signed and outgoing.signature is not None:
        lines += ["", f"Signed: {outgoing.signature.name}, {clock(outgoing)}"]
    else:
        lines += ["", "Signed: nobody. This report is preliminary and unverified."]
    return lines


def _evidence(outgoing: Outgoing) -> list[str]:
    """Return what each sentence rests on, then the references."""
    lines = ["", "EVIDENCE", *_wrap(EVIDENCE_NOTE)]
    for sentences in outgoing.sections.values():
        for sentence in sentences:
            lines += _wrap(f"{sentence.text} - {status_words(sentence.status)}", "  - ", "    ")
            lines += _wrap(weighed(outgoing, sentence), "    ", "    ")
    if outgoing.references:
        lines += ["", "REFERENCES"]
    for reference in outgoing.references:
        link = reference.link
        lines += _wrap(f'{link.case_id} {link.section}: "{link.quote}"', f"{f'[{reference.number}]':>6} ", " " * 7)
    if outgoing.withheld:
        lines += ["", *_wrap(f"{outgoing.withheld} evidence sentence(s) are named but not quoted, by their terms.")]
    return lines


def _marks(outgoing: Outgoing, sentence: DraftSentence) -> str:
    found = [label for label, _ in runs(outgoing.numbers(sentence.links))]
    shown = [*found[:MOST_RUNS], *(["..."] if len(found) > MOST_RUNS else [])]
    return f" [{', '.join(shown)}]" if shown else ""


def _wrap(text: str, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
