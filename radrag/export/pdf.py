"""A report on paper: head, text, images, evidence; every page says where the report stands. Same report, same bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from radrag.export.fonts import BOLD, REGULAR, register, settable
from radrag.export.outgoing import Outgoing
from radrag.export.wording import TITLE, UNSIGNED_MARK, status_line

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

MARGIN = 51.0  # points: 18 mm
FOOT = 34.0
MARK_SIZE = 92


def report_to_pdf(outgoing: Outgoing) -> bytes:
    """Return the report as :func:`printed`, which is done once for all forms that carry it."""
    return outgoing.pdf


def printed(outgoing: Outgoing) -> bytes:
    """Return the report as a PDF file with its fonts embedded.

    Images whose files are gone are said to be so. A report that nobody signed bears a diagonal mark on each page.

    Raises:
        MissingDependency: reportlab or pymupdf-fonts is not installed.
    """
    register()
    from reportlab.lib.pagesizes import A4, LETTER
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

    from radrag.export.pdf_story import story

    buffer = io.BytesIO()
    width, height = A4 if outgoing.sender.paper == "A4" else LETTER
    document = BaseDocTemplate(
        buffer,
        pagesize=(width, height),
        title=TITLE if outgoing.signed else f"{TITLE} - {UNSIGNED_MARK.lower()}",
        author=settable(outgoing.sender.institution) or "radrag",
        subject=settable(status_line(outgoing)),
        creator=f"{outgoing.algorithm.name} {outgoing.algorithm.version}",
        lang="en",
        displayDocTitle=1,
        initialFontName=REGULAR,  # else Helvetica is named, which is not embedded
        invariant=1,  # no time of making, no random id
    )
    inner = (width - 2 * MARGIN, height - 2 * MARGIN - FOOT / 2)
    frame = Frame(MARGIN, MARGIN + FOOT / 2, *inner, leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0)
    document.addPageTemplates([PageTemplate(frames=[frame])])
    document.build(story(outgoing, inner[0]), canvasmaker=_pages_of(outgoing, (width, height)))
    return buffer.getvalue()


def _pages_of(outgoing: Outgoing, size: tuple[float, float]) -> type[Canvas]:
    """Return a canvas that adds foot and mark to each page once their number is known."""
    from reportlab.lib.colors import Color, HexColor
    from reportlab.pdfgen.canvas import Canvas

    foot = f"Draft {outgoing.draft.draft_id} · {outgoing.algorithm.name} {outgoing.algorithm.version}"
    state = "" if outgoing.signed else f"{UNSIGNED_MARK} - UNVERIFIED"

    class Pages(Canvas):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._finished: list[dict[str, Any]] = []
            self.setDateFormatter(lambda *_: f"D:{outgoing.issued_at:%Y%m%d%H%M%S}Z")

        def showPage(self) -> None:
            self._finished.append(dict(self.__dict__))
            self._startPage()  # type: ignore[attr-defined]  # left out of the type stubs

        def save(self) -> None:
            total = len(self._finished)
            for number, page in enumerate(self._finished, 1):
                self.__dict__.update(page)
                self._close_page(number, total)
                super().showPage()
            super().save()

        def _close_page(self, number: int, total: int) -> None:
            width, height = size
            self.setStrokeColor(HexColor("#C8D0D8"))
            self.setLineWidth(0.5)
            self.line(MARGIN, FOOT + 13, width - MARGIN, FOOT + 13)
            self.setFont(REGULAR, 7.5)
            self.setFillColor(HexColor("#5B6773"))
            self.drawString(MARGIN, FOOT, settable(foot))
            self.drawRightString(width - MARGIN, FOOT, f"Page {number} of {total}")
            if state:
                self.setFont(BOLD, 7.5)
                self.setFillColor(HexColor("#9A3412"))
                self.drawCentredString(width / 2 + 60, FOOT, state)
                self.saveState()
                self.translate(width / 2, height / 2)
                self.rotate(52)
                self.setFont(BOLD, MARK_SIZE)
                self.setFillColor(Color(0.6, 0.2, 0.07, alpha=0.09))
                self.drawCentredString(0, -MARK_SIZE / 3, UNSIGNED_MARK)
                self.restoreState()

    return Pages
