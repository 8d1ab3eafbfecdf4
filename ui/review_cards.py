"""What a reader did, as HTML strings: decisions, changed words, signatures; pure, every value escaped."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from html import escape

from radrag.domain import DraftSentence, ReportState, Signature
from radrag.review.values import Decision, Item, Review
from ui import cards

DECISION_WORDS: dict[Decision, str] = {
    Decision.PENDING: "Undecided",
    Decision.ACCEPTED: "Accepted",
    Decision.EDITED: "Edited",
    Decision.REJECTED: "Rejected",
    Decision.ADDED: "Added",
}


def decision_badge(item: Item, reasons: Mapping[str, str]) -> str:
    """Return what became of a sentence, in words."""
    words = DECISION_WORDS[item.decision]
    if item.decision is Decision.REJECTED:
        words = f"{words}: {reasons.get(item.reason, item.reason).lower()}"
    return f'<span class="rr-decision rr-{item.decision.value}">{escape(words)}</span>'


def item_card(number: int, item: Item, *, focused: bool, reasons: Mapping[str, str]) -> str:
    """Return one sentence under review: number, text, decision, status and how much evidence it has."""
    where = " rr-focused" if focused else ""
    status = item.checked.status
    note = f'<span class="rr-note">{escape(item.note)}</span>' if item.note else ""
    drafted = ""
    if item.decision is Decision.EDITED:
        drafted = f'<p class="rr-was">Drafted: {word_diff(item.drafted, item.text)}</p>'
    return (
        f'<div class="rr-row rr-edge-{status.value} rr-is-{item.decision.value}{where}"{cards.current(focused)}>'
        f'<span class="rr-number">{number}</span><div><p class="rr-text" dir="auto">{escape(item.text)}</p>{drafted}'
        f'<p class="rr-meta">{decision_badge(item, reasons)}{cards.badge(status)}'
        f"<span>{escape(cards.links_in_words(item.checked.links))}</span>{note}</p></div></div>"
    )


def preview_card(sentence: DraftSentence) -> str:
    """Return what the evidence says of words that are not kept yet."""
    return (
        f'<div class="rr-preview" role="status"><p class="rr-meta">{cards.badge(sentence.status)}'
        f"<span>{escape(cards.links_in_words(sentence.links))}</span></p><p>{cards.meaning(sentence)}</p></div>"
    )


_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


def word_diff(before: str, after: str) -> str:
    """Return two texts as one, words that went struck out and words that came marked."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    parts = []
    for kind, a0, a1, b0, b1 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, came = escape("".join(old[a0:a1])), escape("".join(new[b0:b1]))
        if kind == "equal":
            parts.append(came)
        else:
            parts += [f"<del>{gone}</del>"] * bool(gone) + [f"<ins>{came}</ins>"] * bool(came)
    return "".join(parts)


STATE_WORDS: dict[ReportState, str] = {
    ReportState.DRAFT: "Draft",
    ReportState.PRELIMINARY: "Preliminary",
    ReportState.FINAL: "Final",
    ReportState.ADDENDED: "Final with addendum",
    ReportState.CORRECTED: "Corrected",
}


def state_banner(review: Review) -> str:
    """Return the line that tells whether somebody answers for the report."""
    if not review.state.signed:
        return cards.banner()
    last = review.signatures[-1]
    return (
        f'<div class="rr-banner rr-signed" role="note"><b>{STATE_WORDS[review.state].upper()}</b>'
        f"<span>Signed by {escape(last.name)}, {escape(last.at[:16].replace('T', ' '))} UTC. "
        "Read-only: an addendum or a correction makes a new version.</span></div>"
    )


def sign_line(review: Review) -> str:
    """Return the report's state and how far its review is."""
    decided = len(review.items) - len(review.pending)
    return (
        f'<p class="rr-meta"><span class="rr-decision rr-{review.state.value}">{STATE_WORDS[review.state]}</span>'
        f"<span>{decided} of {len(review.items)} sentences decided</span><span>version {review.version}</span></p>"
    )


def obstacles(missing: Sequence[str]) -> str:
    """Return what must be done before signing."""
    return '<ul class="rr-obstacles">' + "".join(f"<li>{escape(one)}</li>" for one in missing) + "</ul>"


def acknowledgements(review: Review) -> str:
    """Return who was told of critical findings."""
    told = "".join(
        f"<li>{escape(one.label)}: {escape(one.to)} ({escape(one.how.lower())}), by {escape(one.who)}</li>"
        for one in review.acknowledged
    )
    words = "<b>Critical finding</b><p>Someone must be told at once.</p>"
    return f'<div class="rr-notice rr-error">{words}<ul>{told}</ul></div>'


def signature_card(signature: Signature) -> str:
    """Return one signed version: by whom, when, what."""
    added = f"<p>{escape(signature.added)}</p>" if signature.added else ""
    report = "".join(
        f"<p><b>{escape(name.capitalize())}</b> {escape(text)}</p>" for name, text in signature.text.items()
    )
    return (
        f'<details class="rr-signature"><summary>{STATE_WORDS[signature.state]} · {escape(signature.name)} · '
        f"{escape(signature.at[:16].replace('T', ' '))} UTC</summary>{added}{report}</details>"
    )


def context(indication: str, prior: Mapping[str, str]) -> str:
    """Return the indication and the prior report that the draft was given."""
    asked = f'<p><b>Indication</b> <span dir="auto">{escape(indication)}</span></p>' if indication else ""
    if not prior:
        return f'<div class="rr-context">{asked}<p class="rr-quiet">No prior report was given.</p></div>'
    text = "".join(
        f'<p dir="auto"><b>{escape(name.capitalize())}</b> {escape(words)}</p>' for name, words in prior.items()
    )
    return f'<div class="rr-context">{asked}<details><summary>Prior report</summary>{text}</details></div>'
