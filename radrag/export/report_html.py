"""A report as one HTML page whose sentences lead to their images and evidence; it loads nothing from outside."""

from __future__ import annotations

import base64
from html import escape

from radrag.domain import DraftSentence
from radrag.export.dicom_document import image_of
from radrag.export.outgoing import Outgoing
from radrag.export.pictures import Picture
from radrag.export.plain import moment
from radrag.export.wording import (
    EVIDENCE_NOTE,
    MOST_RUNS,
    TITLE,
    caption,
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

STYLE = """body{font:16px/1.5 sans-serif;color:#1b2733;max-width:52em;margin:2em auto;padding:0 1em}
.state{padding:.5em .8em;font-weight:bold;background:#fdf0e3;color:#9a3412}.signed{background:#e7f4ec;color:#1e6b43}
dl{display:grid;grid-template-columns:8em 1fr;margin:1em 0}dt{color:#5b6773}dd{margin:0}
h2{color:#1f5f8b;font-size:1.1em}
svg{max-width:24em;height:auto}rect{fill:none;stroke:#ffb020;stroke-width:3}:target{outline:3px solid #ffb020}
small{color:#5b6773}"""


def report_to_html(outgoing: Outgoing) -> str:
    """Return the report as an HTML page.

    A sentence that an image finding bears on is a link: to the rendered image under ``Sender.wado_url`` where that is
    set, else to the small picture in the page. Either way the link carries the image's UIDs.
    """
    state = "state signed" if outgoing.signed else "state"
    body = [
        f"<h1>{TITLE}</h1>",
        f'<p class="{state}">{escape(status_line(outgoing))}</p>',
        "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in patient_line(outgoing)) + "</dl>",
        *_text(outgoing),
        *_after_the_text(outgoing),
        *_images(outgoing),
        *_evidence(outgoing),
    ]
    safe = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    policy = f'<meta http-equiv="Content-Security-Policy" content="{safe}">'
    head = f'<meta charset="utf-8">{policy}<title>{TITLE}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(body) + "\n</body></html>\n"


def rendered_url(outgoing: Outgoing, place: int) -> str:
    """Return where a DICOMweb server shows an image of the study; empty where no server or image is known."""
    image = image_of(outgoing, place)
    if image is None or not outgoing.sender.wado_url:
        return ""
    study = f"{outgoing.sender.wado_url.rstrip('/')}/studies/{outgoing.identity.study_instance_uid}"
    return f"{study}/series/{image.series_instance_uid}/instances/{image.sop_instance_uid}/rendered"


def _text(outgoing: Outgoing) -> list[str]:
    found = []
    for section, sentences in outgoing.sections.items():
        words = " ".join(_sentence(outgoing, one) for one in sentences)
        found.append(f"<section><h2>{escape(heading(section))}</h2><p>{words}</p></section>")
    return found or ["<p>No sentence stands in this report.</p>"]


def _sentence(outgoing: Outgoing, sentence: DraftSentence) -> str:
    words = escape(sentence.text)
    if sentence.image_findings and outgoing.draft.study.images:
        words = f'<a href="{escape(rendered_url(outgoing, 0) or "#image-1")}"{_uids(outgoing)}>{words}</a>'
    found = runs(outgoing.numbers(sentence.links))
    marks = ",".join(f'<a href="#r{first}">{label}</a>' for label, first in found[:MOST_RUNS])
    marks += ",…" if len(found) > MOST_RUNS else ""
    return f"<span>{words}</span>" + (f"<sup>{marks}</sup>" if marks else "")


def _uids(outgoing: Outgoing) -> str:
    image = image_of(outgoing, 0)
    if image is None:
        return ""
    study, series = outgoing.identity.study_instance_uid, image.series_instance_uid
    named = {"study": study, "series": series, "instance": image.sop_instance_uid}
    return "".join(f' data-{level}-uid="{escape(uid)}"' for level, uid in named.items())


def _after_the_text(outgoing: Outgoing) -> list[str]:
    found = []
    for kind, signatures in (("Correction", outgoing.corrections), ("Addendum", outgoing.addenda)):
        for one in signatures:
            who = f"{moment(one.at):%Y-%m-%d %H:%M} UTC, {escape(one.name)}"
            found.append(f"<section><h2>{kind}</h2><p><small>{who}</small></p><p>{escape(one.added)}</p></section>")
    if outgoing.report.acknowledged:
        told = "".join(f"<p>{escape(communicated(one))}</p>" for one in outgoing.report.acknowledged)
        found.append(f"<section><h2>Communicated</h2>{told}</section>")
    if outgoing.signed and outgoing.signature is not None:
        words = f"{escape(outgoing.signature.name)}, {clock(outgoing)}"
    else:
        words = "Not signed. This report is preliminary and unverified."
    return [*found, f"<section><h2>Signature</h2><p>{words}</p></section>"]


def _images(outgoing: Outgoing) -> list[str]:
    shown = outgoing.pictures
    figures = [_figure(number, one, caption(outgoing, one)) for number, one in enumerate(shown, 1)]
    return [f"<section><h2>Images</h2>{''.join(figures)}</section>"] if figures else []


def _figure(number: int, picture: Picture, words: str) -> str:
    if not picture.jpeg:
        return f'<figure id="image-{number}"><figcaption>{escape(words)}</figcaption></figure>'
    width, height = picture.width, picture.height
    data = base64.b64encode(picture.jpeg).decode()
    frames = "".join(
        f'<rect x="{x0 * width:.1f}" y="{y0 * height:.1f}" width="{(x1 - x0) * width:.1f}" '
        f'height="{(y1 - y0) * height:.1f}"><title>{escape(label)}</title></rect>'
        for label, (x0, y0, x1, y1) in picture.boxes
    )
    image = f'<image href="data:image/jpeg;base64,{data}" width="{width}" height="{height}"/>'
    drawing = f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">{image}{frames}</svg>'
    return f'<figure id="image-{number}">{drawing}<figcaption>{escape(words)}</figcaption></figure>'


def _evidence(outgoing: Outgoing) -> list[str]:
    rows = []
    for sentences in outgoing.sections.values():
        for sentence in sentences:
            said = weighed(outgoing, sentence)
            words = f"<b>{escape(sentence.text)}</b> {escape(status_words(sentence.status))}"
            rows.append(f"<li>{words}{'<br>' + escape(said) if said else ''}</li>")
    listed = "".join(
        f'<li id="r{one.number}">{escape(one.link.case_id)}, {escape(one.link.section)}: '
        f"<q>{escape(one.link.quote)}</q></li>"
        for one in outgoing.references
    )
    return [
        f"<section><h2>Evidence</h2><p><small>{escape(EVIDENCE_NOTE)} {escape(drafted_by(outgoing))}.</small></p>",
        f"<ul>{''.join(rows)}</ul>" if rows else "",
        f"<ol>{listed}</ol></section>" if listed else "</section>",
    ]
