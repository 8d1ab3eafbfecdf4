"""The letters of printed reports: FiraGO, embedded, and what becomes of letters that it cannot set."""

from __future__ import annotations

import io
import re
import unicodedata
from functools import cache
from itertools import groupby

from radrag.optional import require

REGULAR, BOLD, ITALIC = "FiraGO", "FiraGO-Bold", "FiraGO-Italic"
_CODES = {REGULAR: "figo", BOLD: "figbo", ITALIC: "figit"}

# Scripts that the font has, but that need their letters joined or reordered, which ReportLab does not do.
_JOINED = re.compile("[\u0590-\u08ff\u0900-\u0dff\u0e00-\u0eff\ufb1d-\ufdff\ufe70-\ufeff]")


@cache
def register() -> frozenset[int]:
    """Make the fonts known to ReportLab, and let it write streams as bytes; return the code points that can be set.

    Raises:
        MissingDependency: reportlab or pymupdf-fonts is not installed.
    """
    require("reportlab", extra="standards")
    buffers = require("pymupdf_fonts", extra="standards").fontbuffers
    from reportlab import rl_config
    from reportlab.lib.fonts import addMapping
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    rl_config.useA85 = 0  # text instead of bytes is a quarter larger, and the dearest part of writing a PDF
    known: set[int] | None = None
    for name, code in _CODES.items():
        font = TTFont(name, io.BytesIO(buffers[code]()))
        pdfmetrics.registerFont(font)
        here = set(font.face.charToGlyph)
        known = here if known is None else known & here
    addMapping(REGULAR, 0, 0, REGULAR)
    addMapping(REGULAR, 1, 0, BOLD)
    addMapping(REGULAR, 0, 1, ITALIC)
    return frozenset(known or ())


def settable(text: str) -> str:
    """Return text in letters that the font can set.

    Accents are put together with their letters. Runs of other letters become their code points, ``[U+4E2D U+6587]``:
    nothing is lost unseen, and whoever needs the words has the other forms of the report.
    """
    known = register()
    composed = unicodedata.normalize("NFC", text)
    if composed.isascii():
        return composed
    parts = []
    for good, letters in groupby(composed, lambda one: ord(one) in known and not _needs_shaping(one)):
        run = "".join(letters)
        parts.append(run if good else f"[{' '.join(f'U+{ord(one):04X}' for one in run)}]")
    return "".join(parts)


def _needs_shaping(letter: str) -> bool:
    """Whether a letter is joined with, or acts on, its neighbours."""
    return bool(_JOINED.match(letter)) or unicodedata.category(letter) == "Cf"
