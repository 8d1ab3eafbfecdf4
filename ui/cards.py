"""The pieces of the screen as HTML strings: pure functions, every value escaped.

A status is said in words and by an icon's shape, with colour as the third sign, so that a reader who does not
see colours loses nothing. Report text, labels and names come from files of others: none is ever read as markup.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from radrag.domain import (
    DraftSentence,
    DraftWarning,
    EvidenceLink,
    Finding,
    Hit,
    Omission,
    Polarity,
    Relation,
    Severity,
    Side,
    Status,
)

STATUS_WORDS: dict[Status, str] = {
    Status.SUPPORTED: "Supported",
    Status.PARTIAL: "Partly supported",
    Status.UNSUPPORTED: "Unsupported",
    Status.CONTRADICTED: "Contradicted",
}

RELATION_WORDS: dict[Relation, str] = {Relation.SUPPORTS: "Supports", Relation.CONTRADICTS: "Contradicts"}


def icon(name: str) -> str:
    """Return a shape drawn by style.css: tick, half disc, broken ring, cross or triangle; they differ without colour.

    Hidden from screen readers: the words beside it say the same. Streamlit's sanitiser removes inline SVG.
    """
    return f'<i class="rr-icon rr-icon-{name}" aria-hidden="true"></i>'


def badge(status: Status) -> str:
    """Return a sentence's status: icon, words, colour."""
    return f'<span class="rr-badge rr-{status.value}">{icon(status.value)}{STATUS_WORDS[status]}</span>'


def relation_badge(relation: Relation) -> str:
    """Return what a link says of its sentence: icon, word, colour."""
    look = "supported" if relation is Relation.SUPPORTS else "contradicted"
    return f'<span class="rr-badge rr-{look}">{icon(look)}{RELATION_WORDS[relation]}</span>'


def banner() -> str:
    """Return the line that every page of a draft carries."""
    return (
        '<div class="rr-banner" role="note"><b>PRELIMINARY · UNVERIFIED</b>'
        "<span>Research use. Not a report until a named reader has signed it.</span></div>"
    )


def who(name: str, role: str, logout: str) -> str:
    """Return who is logged in, and the way out."""
    return (
        f'<div class="rr-who"><span>{escape(name)} · {escape(role)}</span>'
        f'<a href="{escape(logout)}" target="_self">Log out</a></div>'
    )


def window_link(draft_id: str) -> str:
    """Return the link to the images in a window of their own."""
    address = f"/images?draft={quote(draft_id, safe='')}"
    return f'<a class="rr-window" href="{address}" target="_blank" rel="noopener">Images in a window</a>'


def notice(title: str, text: str, *, kind: str = "warning") -> str:
    """Return a short message; ``kind`` is ``warning``, ``error`` or ``info``."""
    return f'<div class="rr-notice rr-{escape(kind)}" role="alert"><b>{escape(title)}</b><p>{escape(text)}</p></div>'


def warnings_card(warnings: Sequence[DraftWarning]) -> str:
    """Return the draft's warnings, empty where there are none."""
    items = "".join(f"<li>{escape(warning.message)} <code>{escape(warning.code)}</code></li>" for warning in warnings)
    return f'<div class="rr-notice rr-warning"><b>Warnings</b><ul>{items}</ul></div>' if items else ""


def section_title(name: str) -> str:
    """Return the heading of a report section."""
    return f'<h3 class="rr-section-title">{escape(name.capitalize())}</h3>'


def position(number: int, total: int) -> str:
    """Return where the reader is in the draft."""
    return f'<p class="rr-kicker">{number} of {total}</p>'


def links_in_words(links: Sequence[EvidenceLink]) -> str:
    """Return how many reports support and contradict; several sentences of one report count once."""
    if not links:
        return "no evidence"
    supporting, against = (
        len({link.case_id for link in links if link.relation is relation})
        for relation in (Relation.SUPPORTS, Relation.CONTRADICTS)
    )
    words = [f"{number} {side}" for number, side in ((supporting, "for"), (against, "against")) if number]
    return f"reports: {', '.join(words)}"


def meaning(sentence: DraftSentence) -> str:
    """Return what a sentence's status means, and whether some evidence points the other way."""
    against = sum(link.relation is Relation.CONTRADICTS for link in sentence.links)
    supporting = len(sentence.links) - against
    match sentence.status:
        case Status.SUPPORTED:
            said = "Retrieved reports say the same."
        case Status.PARTIAL:
            said = "Retrieved reports say some of it, not all."
        case Status.CONTRADICTED:
            said = "More retrieved reports say the opposite than say the same. Read it against the image."
            return f"{said} Others agree." if supporting else said
        case _:
            return "No retrieved report says this. Read it against the image."
    return f"{said} Others say the opposite: read both." if against else said


def group_title(relation: Relation, links: Sequence[EvidenceLink]) -> str:
    """Return the heading of the links that support, or contradict, a sentence."""
    reports = len({link.case_id for link in links})
    verb = relation.value if len(links) == 1 else relation.value.removesuffix("s")
    quotes = "1 sentence" if len(links) == 1 else f"{len(links)} sentences"
    words = f"{quotes} of {reports} {'report' if reports == 1 else 'reports'} {verb}"
    return f'<h3 class="rr-section-title">{words}</h3>'


def omission_row(omission: Omission, *, focused: bool) -> str:
    """Return one finding the draft does not mention, as a row."""
    where = " rr-focused" if focused else ""
    return (
        f'<div class="rr-row rr-edge-omission{where}"{current(focused)}>'
        f'<span class="rr-number rr-omission">{icon("omission")}</span><div>'
        f'<p class="rr-text"><b>{escape(omission.label)}</b></p>'
        f'<p class="rr-meta"><span class="rr-badge rr-omission">Not mentioned</span>'
        f"<span>{escape(omission.why)}</span></p></div></div>"
    )


def focus_card(title: str, sentence: DraftSentence) -> str:
    """Return the head of the evidence pane: the sentence, what its status means, what it claims."""
    findings = "".join(f'<span class="rr-chip">{escape(finding_in_words(f))}</span>' for f in sentence.findings)
    image = ""
    if sentence.image_findings:
        names = ", ".join(sentence.image_findings)
        image = f'<p class="rr-meta">Image findings that bear on it: {escape(names)}</p>'
    return (
        f'<div class="rr-focus"><p class="rr-kicker">{escape(title)}</p><p class="rr-lead">{escape(sentence.text)}</p>'
        f'<p class="rr-meta">{badge(sentence.status)}<span>{meaning(sentence)}</span></p>'
        f'<p class="rr-chips">{findings}</p>{image}</div>'
    )


def omission_focus_card(omission: Omission) -> str:
    """Return the head of the evidence pane for a finding that the draft does not mention."""
    return (
        '<div class="rr-focus"><p class="rr-kicker">Possible omission</p>'
        f'<p class="rr-lead">{escape(omission.label)}</p>'
        f'<p class="rr-meta"><span class="rr-badge rr-omission">{icon("omission")}Not mentioned</span>'
        f"<span>{escape(omission.why)}</span></p></div>"
    )


def finding_in_words(finding: Finding) -> str:
    """Return a finding as a radiologist would say it: ``no effusion``, ``possible mild edema, right``."""
    lead = {Polarity.NEGATIVE: "no ", Polarity.UNCERTAIN: "possible ", Polarity.POSITIVE: ""}[finding.polarity]
    severity = "" if finding.severity is Severity.NONE else f"{finding.severity.value} "
    where = [finding.side.value] if finding.side is not Side.NONE else []
    where += [finding.location] if finding.location else []
    return lead + severity + finding.label + (f", {' '.join(where)}" if where else "")


def highlighted(text: str, link: EvidenceLink) -> str | None:
    """Return the whole section with the quote marked, or None where the stored text is not what was quoted.

    The mark holds exactly ``text[link.start:link.end]``; a text that changed since drafting is never marked at a guess.
    """
    if not 0 <= link.start < link.end <= len(text) or text[link.start : link.end] != link.quote:
        return None
    before, quote, after = text[: link.start], text[link.start : link.end], text[link.end :]
    return f"{escape(before)}<mark>{escape(quote)}</mark>{escape(after)}"


def evidence_card(
    link: EvidenceLink,
    *,
    corpus: str,
    section_text: str | None,
    hit: Hit | None,
    picture: str,
    misleading: bool = False,
) -> str:
    """Return one link: relation, strength, source, the section with the quote marked, the hit's ranks.

    Args:
        link: the evidence sentence.
        corpus: name of its corpus.
        section_text: the case's section as stored; None when the case is no longer held.
        hit: how the case was found; None when it is not among the draft's hits.
        picture: PNG data URI of the case's image; empty when the image is not held.
        misleading: whether a reader called it so.
    """
    marked = None if section_text is None else highlighted(section_text, link)
    if marked is None:
        gone = "The case is no longer held" if section_text is None else "The stored section has changed since drafting"
        body = f'<p class="rr-gone">{gone}; the quote as it was linked:</p><mark>{escape(link.quote)}</mark>'
    else:
        body = marked
    image = (
        f'<img class="rr-thumb" alt="Radiograph of the quoted case" src="{escape(picture)}">'
        if picture.startswith("data:image/png;base64,")
        else '<span class="rr-noimage">image not held</span>'
    )
    look = "supported" if link.relation is Relation.SUPPORTS else "contradicted"
    flag = '<span class="rr-badge rr-unsupported">Called misleading</span>' if misleading else ""
    return (
        f'<article class="rr-evidence rr-edge-{look}"><header>{relation_badge(link.relation)}{strength(link.strength)}'
        f'{flag}<code class="rr-case">{escape(link.case_id)}</code></header>'
        f'<div class="rr-quote"><div><p class="rr-kicker">{escape(corpus)} · {escape(link.section)} · '
        f'sentence {link.sentence + 1}</p><div class="rr-section">{body}</div></div>{image}</div>'
        f"{hit_line(hit)}</article>"
    )


def strength(value: float) -> str:
    """Return a link's strength in [0, 1] as number and bar."""
    share = 0.0 if math.isnan(value) else min(max(value, 0.0), 1.0)
    return (
        f'<span class="rr-strength" title="Strength of the link, 0 to 1"><i><b style="width:{share:.0%}"></b></i>'
        f"strength {value:.2f}</span>"
    )


def hit_line(hit: Hit | None) -> str:
    """Return how a case was found: its rank, why, and rank and score in each channel."""
    if hit is None:
        return '<footer class="rr-hit">Not among the retrieved cases listed with this draft.</footer>'
    channels = "".join(
        f"<span><b>{escape(name)}</b> rank {rank}, score {score:.3f}</span>"
        for name, (rank, score) in sorted(hit.channels.items())
    )
    why = f"<em>{escape(hit.why)}</em>" if hit.why else ""
    return (
        f'<footer class="rr-hit"><span><b>Case rank {hit.rank}</b> of the retrieved</span>'
        f"<span><b>fused</b> score {hit.score:.3f}</span>{channels}{why}</footer>"
    )


def current(focused: bool) -> str:
    """Return the attribute by which a screen reader tells the row in focus."""
    return ' aria-current="true"' if focused else ""


def text(value: str) -> str:
    """Return text of others as HTML that reads the same."""
    return escape(value)


def page_picture(source: str) -> str:
    """Return a page of a document as an image.

    Args:
        source: PNG data URI made here.
    """
    return f'<img class="rr-page" alt="Page of the report" src="{escape(source)}">'
