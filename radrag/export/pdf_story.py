"""What stands on the pages of a printed report, in order."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.utils import ImageReader
from reportlab.platypus import CondPageBreak, Flowable, KeepTogether, Paragraph, Spacer, Table

from radrag.domain import DraftSentence, Status
from radrag.export.fonts import BOLD, ITALIC, REGULAR, settable
from radrag.export.outgoing import Outgoing
from radrag.export.pictures import Picture
from radrag.export.plain import moment
from radrag.export.wording import (
    EVIDENCE_NOTE,
    MOST_RUNS,
    RELATIONS,
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
)

INK, QUIET, ACCENT, FRAME = "#1B2733", "#5B6773", "#1F5F8B", "#FFB020"
STATE_COLOURS = {True: ("#E7F4EC", "#1E6B43"), False: ("#FDF0E3", "#9A3412")}
STATUS_COLOURS = {
    Status.SUPPORTED: "#1E6B43",
    Status.PARTIAL: "#8A5A00",
    Status.UNSUPPORTED: "#6B3FA0",
    Status.CONTRADICTED: "#B42318",
}
PICTURE_HEIGHT = 170.0  # points
MISSING_SIDE = 100.0
CELL_FONT = ("FONTNAME", (0, 0), (-1, -1), REGULAR)  # each cell sets its own, and Helvetica would not be embedded


def _style(name: str, **values: Any) -> ParagraphStyle:
    given = {"fontName": REGULAR, "fontSize": 10, "leading": 14.5, "textColor": HexColor(INK), **values}
    return ParagraphStyle(name, **given)


TITLE_STYLE = _style("title", fontName=BOLD, fontSize=18, leading=22)
STATE_STYLE = _style("state", fontName=BOLD, fontSize=9.5, leading=13, borderPadding=(5, 8, 5, 8), spaceAfter=12)
CELL = _style("cell", fontSize=9, leading=12)
NAME_CELL = _style("name", fontSize=7.5, leading=12, textColor=HexColor(QUIET))
HEADING = _style("heading", fontName=BOLD, fontSize=11, leading=14, textColor=HexColor(ACCENT), spaceBefore=13)
BODY = _style("body", fontSize=10.5, leading=16, spaceBefore=3)
SMALL = _style("small", fontSize=8.5, leading=12, textColor=HexColor(QUIET))
CAPTION = _style("caption", fontSize=8, leading=10, textColor=HexColor(QUIET), alignment=1)
CLAIM = _style("claim", fontSize=9.5, leading=13, spaceBefore=9)
QUOTE = _style("quote", fontSize=8.5, leading=12, leftIndent=14, spaceBefore=2)


def story(outgoing: Outgoing, width: float) -> list[Flowable]:
    """Return the flowables of a report.

    Args:
        width: of the text, in points.
    """
    return [
        *_head(outgoing, width),
        *_text(outgoing),
        *_images(outgoing, width),
        *_ending(outgoing),
        *_evidence(outgoing),
    ]


def _head(outgoing: Outgoing, width: float) -> list[Flowable]:
    ground, ink = STATE_COLOURS[outgoing.signed]
    state = ParagraphStyle("state", parent=STATE_STYLE, backColor=HexColor(ground), textColor=HexColor(ink))
    pairs = list(patient_line(outgoing))
    long = [pair for pair in pairs if pair[0] in ("Study", "Indication")]
    short = [pair for pair in pairs if pair not in long]
    rows = [short[place : place + 2] for place in range(0, len(short), 2)] + [[pair] for pair in long]
    cells = [[cell for name, value in row for cell in (_p(name, NAME_CELL), _p(value, CELL))] for row in rows]
    spans = [("SPAN", (1, place), (3, place)) for place, row in enumerate(rows) if len(row) == 1]
    table = Table(
        [row + [""] * (4 - len(row)) for row in cells],
        colWidths=[62, width / 2 - 62, 62, width / 2 - 62],
        splitInRow=1,  # a long indication may run over the page
        style=[
            *spans,
            CELL_FONT,
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("LINEBELOW", (0, -1), (-1, -1), 0.5, HexColor("#C8D0D8")),
            ("LINEABOVE", (0, 0), (-1, 0), 0.5, HexColor("#C8D0D8")),
        ],
    )
    inset = ParagraphStyle("inset", parent=state, leftIndent=8, rightIndent=8)
    return [_p(TITLE, TITLE_STYLE), Spacer(1, 9), _p(status_line(outgoing), inset), table]


def _text(outgoing: Outgoing) -> list[Flowable]:
    found: list[Flowable] = []
    for section, sentences in outgoing.sections.items():
        words = " ".join(f"{escape(settable(one.text))}{_marks(outgoing, one)}" for one in sentences)
        found += [*_heading(heading(section)), Paragraph(words, BODY)]
    return found or [_p("No sentence stands in this report.", BODY)]


def _heading(words: str) -> list[Flowable]:
    """Return a heading with room for some lines below it; it may be followed by what no page can hold."""
    return [CondPageBreak(70), _p(words, HEADING)]


def _marks(outgoing: Outgoing, sentence: DraftSentence) -> str:
    found = runs(outgoing.numbers(sentence.links))
    if not found:
        return ""
    links = ",".join(f'<a href="#r{first}">{label}</a>' for label, first in found[:MOST_RUNS])
    links += ",…" if len(found) > MOST_RUNS else ""
    return f'<super size="6.5" rise="4"><font color="{ACCENT}">{links}</font></super>'


def _images(outgoing: Outgoing, width: float) -> list[Flowable]:
    shown = outgoing.pictures
    if not shown:
        return []
    found: list[Flowable] = []
    for start in range(0, len(shown), 3):
        row = [_picture(one, width / 3 - 12) for one in shown[start : start + 3]]
        found.append(
            Table(
                [[[one, _p(caption(outgoing, one.picture), CAPTION)] for one in row]],
                colWidths=[one.drawWidth + 12 for one in row],
                hAlign="LEFT",
                style=[CELL_FONT, ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)],
            )
        )
    return [KeepTogether([_p("Images", HEADING), Spacer(1, 4), found[0]]), *found[1:]]


def _picture(picture: Picture, width: float) -> FramedImage:
    height, wide = picture.height or MISSING_SIDE, picture.width or MISSING_SIDE
    scale = min(width / wide, PICTURE_HEIGHT / height)
    return FramedImage(picture, wide * scale, height * scale)


class FramedImage(Flowable):
    """A picture with the frames of its findings; an empty box where it is not available."""

    def __init__(self, picture: Picture, width: float, height: float) -> None:
        super().__init__()
        self.picture = picture
        self.drawWidth, self.drawHeight = width, height

    def wrap(self, *_: float) -> tuple[float, float]:
        """Return the size, whatever room there is."""
        return self.drawWidth, self.drawHeight

    def draw(self) -> None:
        """Draw picture and frames."""
        canvas, width, height = self.canv, self.drawWidth, self.drawHeight
        if not self.picture.jpeg:
            canvas.setStrokeColor(HexColor("#C8D0D8"))
            canvas.rect(0, 0, width, height)
            return
        canvas.drawImage(ImageReader(BytesIO(self.picture.jpeg)), 0, 0, width, height)
        canvas.setStrokeColor(HexColor(FRAME))
        canvas.setFont(BOLD, 6)
        for _, (x0, y0, x1, y1) in self.picture.boxes:
            canvas.rect(x0 * width, (1 - y1) * height, (x1 - x0) * width, (y1 - y0) * height, fill=0)
        for label, (x0, y0, _, _) in self.picture.boxes:
            words, left, top = settable(label), x0 * width, (1 - y0) * height
            canvas.setFillColor(HexColor(FRAME))
            canvas.rect(left, top - 8, canvas.stringWidth(words, BOLD, 6) + 4, 8, stroke=0, fill=1)
            canvas.setFillColor(HexColor(INK))
            canvas.drawString(left + 2, top - 6, words)


def _ending(outgoing: Outgoing) -> list[Flowable]:
    """Return corrections, addenda, what was communicated, and who signed."""
    found: list[Flowable] = []
    for kind, signatures in (("Correction", outgoing.corrections), ("Addendum", outgoing.addenda)):
        for one in signatures:
            found += [
                *_heading(kind),
                _p(f"{moment(one.at):%Y-%m-%d %H:%M} UTC, {one.name}", SMALL),
                _p(one.added, BODY),
            ]
    if outgoing.report.acknowledged:
        found += _heading("Communicated")
        found += [_p(communicated(told), BODY) for told in outgoing.report.acknowledged]
    if outgoing.signed and outgoing.signature is not None:
        words = f"<b>{escape(settable(outgoing.signature.name))}</b><br/>Signed {clock(outgoing)}"
    else:
        words = "<b>Not signed.</b> This report is preliminary and unverified."
    return [*found, *_heading("Signature"), Paragraph(words, BODY)]


def _evidence(outgoing: Outgoing) -> list[Flowable]:
    """Return the appendix: each sentence, its status, and the quotes that speak for or against it."""
    found: list[Flowable] = [
        *_heading("Evidence"),
        _p(f"{EVIDENCE_NOTE} {drafted_by(outgoing)}.", SMALL),
    ]
    anchored: set[int] = set()
    for sentences in outgoing.sections.values():
        for sentence in sentences:
            colour, status = STATUS_COLOURS[sentence.status], escape(status_words(sentence.status))
            words = f'<b>{escape(settable(sentence.text))}</b> <font color="{colour}">{status}</font>'
            found += [CondPageBreak(40), Paragraph(words, CLAIM)]
            found += _quotes(outgoing, sentence, anchored)
    if outgoing.withheld:
        said = f"{outgoing.withheld} evidence sentence(s) are named but not quoted, by the terms they came under."
        found += [Spacer(1, 8), _p(said, SMALL)]
    return found


def _quotes(outgoing: Outgoing, sentence: DraftSentence, anchored: set[int]) -> Sequence[Flowable]:
    found = []
    for link in sentence.links:
        number = outgoing.numbers((link,))[0]
        anchor = "" if number in anchored else f'<a name="r{number}"/>'
        anchored.add(number)
        source = escape(settable(f"{link.case_id}, {link.section}"))
        said = f"{RELATIONS[link.relation]} {link.strength:.2f}"
        quote = f'<font name="{ITALIC}">“{escape(settable(link.quote))}”</font>'
        words = f'{anchor}<font color="{ACCENT}">[{number}]</font> {said} · {source}: {quote}'
        found.append(Paragraph(words, QUOTE))
    return found


def _p(words: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(settable(words)), style)
