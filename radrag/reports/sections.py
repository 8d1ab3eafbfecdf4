"""Free report text to its named sections, each stored verbatim.

Reports are read as they are: the request's form before the report, preliminary reads, addenda, page breaks, headers
that are merged, misspelt or missing. What is not surely the final report's body never becomes evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from radrag.reports.headers import NAMES, header_name, is_organ, is_title, section_name

__all__ = ["BODY", "Span", "parse_sections", "section_name", "section_spans"]

BODY = ("findings", "impression")
"""Sections that carry evidence; the others say why the study was made and with what it was compared."""

_WHOLE_LINES = {
    "ruler": re.compile(r"[ \t]*_{10,}$"),
    "final": re.compile(r"[ \t]*FINAL[ \t]+REPORT$"),
    "over": re.compile(r"[ \t]*\(Over\)$"),  # MIMIC-III's page break; the form is repeated up to (Cont)
    "cont": re.compile(r"[ \t]*\(Cont\)$"),
}
_ADDENDUM = re.compile(r"[ \t]*(?:FINAL[ \t]+)?ADDENDUM(?:[ \t]*#[ \t]*\d+)?(?:[ \t]*:|[ \t]{2,}|$)")
_WET_READ = re.compile(r"[ \t]*WET[ \t]+(?:READ|___)(?:[ \t]+VERSION[ \t]*#?[ \t]*\w{1,4}|[ \t]*:|$)")
# A header starts a line in any case and ends in a colon. In the middle of a line only capitals count, so that "The
# study: normal" stays a sentence while "… clear. IMPRESSION: Normal." is split.
_LINE = re.compile(r"[ \t#*]*(?P<name>[A-Za-z][^:\n]{0,90}?)[ \t*]*:\**")
_BARE = re.compile(
    r"[ \t]*(?P<name>FINDINGS(?: AND IMPRESSION)?|IMPRESSION|INDICATION|COMPARISON|TECHNIQUE|(?:CLINICAL )?HISTORY|"
    r"CONCLUSION)(?:$|[ \t]{2,}(?=\S))"
)
_INLINE = re.compile(
    rf"(?<=[\s.;,)])(?P<name>{'|'.join(NAMES.values()).upper()}"
    r"|Findings|Impression|Indication|Comparison|Technique)[ \t]*:"
)
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n\s*")
# A wrapped line may begin with any word. These open a section even in small letters; others only after a full stop.
_SURE = frozenset(["findings", "impression", "indication", "comparison", "technique", "conclusion"])

_UNLABELLED, _FORM = "", "form"
_BLOCKS = ("wet read", "addendum")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a report: ``text[start:end]`` belongs to section ``name``."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Mark:
    """Something that ends a stretch at ``start``; the next one begins at ``end``."""

    kind: str  # ruler, final, over, cont, view, organ, or header
    start: int
    end: int
    name: str = ""


def parse_sections(text: str) -> dict[str, str]:
    """Split a report into sections.

    Args:
        text: a whole report, with headers (``FINDINGS:``) in any case, or without any.

    Returns:
        Lower-case section name → its text, verbatim but for white space at both ends, in reading order. A section
        that comes twice keeps both texts with a line break between; empty ones are left out. See
        :func:`section_spans` for what goes where.
    """
    sections: dict[str, list[str]] = {}
    for span in section_spans(text):
        sections.setdefault(span.name, []).append(text[span.start : span.end])
    return {name: "\n".join(parts) for name, parts in sections.items()}


def section_spans(text: str) -> list[Span]:
    """Return the stretches of a report that belong to sections, in order, without white space at their ends.

    - Text before the first header, and text without headers, is ``findings``; a leading line that only names the
      views (``CHEST, PA AND LATERAL``) is ``technique``.
    - ``FINDINGS AND IMPRESSION:`` and a header that names the views are ``findings``.
    - Without findings, the paragraphs after the first one of ``comparison`` or ``technique`` are ``findings``; of
      ``indication`` and ``history`` only when there is no impression either.
    - ``WET READ`` and provisional findings are ``wet read``, headers and all, up to a ruler, ``FINAL REPORT`` or, after
      the body, the end. An addendum that a ruler or ``FINAL REPORT`` closes is all ``addendum``.
    - Before ``FINAL REPORT``, and from ``(Over)`` to ``(Cont)``, stands the request's form: ``technique`` where no
      header says otherwise.
    """
    marks = list(_marks(text))
    spans = _unlabelled_findings(text, _Cutter(text, marks).cut(marks))
    return [_trimmed(text, span) for span in spans if not _blank(text, span)]


def _marks(text: str) -> Iterator[_Mark]:
    start, at_sentence = 0, True
    while start < len(text):
        stop = text.find("\n", start)
        stop = len(text) if stop < 0 else stop
        line = text[start:stop].rstrip()
        if line:
            yield from _line_marks(text, start, start + len(line), line, at_sentence)
        at_sentence = not line or line[-1] in ".:;!?*_"
        start = stop + 1


def _line_marks(text: str, start: int, end: int, line: str, at_sentence: bool) -> Iterator[_Mark]:
    for kind, pattern in _WHOLE_LINES.items():
        if pattern.match(line):
            yield _Mark(kind, start, end)
            return
    at = start
    for name, pattern in (("addendum", _ADDENDUM), ("wet read", _WET_READ)):
        if found := pattern.match(line):
            yield _Mark("header", start, start + found.end(), name)
            at = start + found.end()
    if at == start and (mark := _opening(start, line, at_sentence)):
        yield mark
        at = mark.end
    if ":" in line:
        for found in _INLINE.finditer(text, at, end):
            yield _Mark("header", found.start(), found.end(), section_name(found["name"]) or "")


def _opening(start: int, line: str, at_sentence: bool) -> _Mark | None:
    """The mark that a line begins with, if any."""
    if (found := _LINE.match(line)) is not None:
        header, end = found["name"], start + found.end()
        name = header_name(header)
        if name is not None and (header[0].isupper() or at_sentence or header.lower() in _SURE):
            return _Mark("header", start, end, name)
        is_clock = line[found.end() :][:1].isdigit()  # "AP CHEST, 5:16 A.M." is a title, not a header
        if header[0].isupper() and not is_clock and is_title(header):
            return _Mark("view", start, end, "findings")
        if header[0].isupper() and is_organ(header):
            return _Mark("organ", start, start, "findings")
    if (found := _BARE.match(line)) is not None:
        return _Mark("header", start, start + found.end(), header_name(found["name"]) or "")
    return None


class _Cutter:
    """Cuts a text at the marks that count, with internal names for the stretches that no header names."""

    def __init__(self, text: str, marks: list[_Mark]) -> None:
        written = len(text.rstrip())
        self._last_final = max((m.start for m in marks if m.kind == "final" and m.end < written), default=-1)
        self._last_close = max((m.start for m in marks if m.kind == "ruler"), default=-1)
        self._last_close = max(self._last_close, self._last_final)
        self._last_cont = max((m.start for m in marks if m.kind == "cont"), default=-1)
        self._text = text
        self._name = _UNLABELLED if self._last_final < 0 else _FORM
        self._sealed = False  # in a preliminary read or addendum whose headers are its own
        self._before_over: str | None = None
        self._has_body = False

    def cut(self, marks: list[_Mark]) -> list[Span]:
        """Return all stretches, in order."""
        spans: list[Span] = []
        start = 0
        for mark in marks:
            name = self._after(mark)
            if name is None:
                continue
            spans.append(Span(self._name, start, mark.start))
            self._has_body = self._has_body or self._is_body(spans[-1])
            if mark.kind == "header":
                self._sealed = self._seals(mark)
            self._name, start = name, mark.end
        return [*spans, Span(self._name, start, len(self._text))]

    def _after(self, mark: _Mark) -> str | None:
        """The name of what follows a mark, None where the mark does not count."""
        if mark.kind == "cont":
            name, self._before_over = self._before_over, None
            return name
        if self._before_over is not None:
            return None
        if mark.kind == "over":
            if mark.start > self._last_cont:
                return None
            self._before_over = self._name
            return _FORM
        if mark.kind in ("final", "ruler"):
            self._sealed = False
            if mark.kind == "final":
                return _UNLABELLED
            closed = _UNLABELLED if self._name in _BLOCKS else self._name
            return _FORM if mark.start < self._last_final else closed
        if self._sealed or (mark.kind == "view" and self._name in BODY):
            return None
        if mark.kind == "organ" and self._name not in ("comparison", "technique"):
            return None
        return mark.name

    def _seals(self, mark: _Mark) -> bool:
        return mark.name in _BLOCKS and (mark.start < self._last_close or (mark.name == "wet read" and self._has_body))

    def _is_body(self, span: Span) -> bool:
        parts = _without_title(self._text, span) if span.name == _UNLABELLED else [span]
        return any(part.name in BODY and not _blank(self._text, part) for part in parts)


def _unlabelled_findings(text: str, spans: list[Span]) -> list[Span]:
    """Return the spans with sections' names only, after looking for findings that no header announces."""
    named = [part for span in spans for part in (_without_title(text, span) if span.name == _UNLABELLED else [span])]
    filled = [span for span in named if not _blank(text, span)]
    names = {span.name for span in filled}
    if "findings" not in names:
        before = [span.name for span in filled].index("impression") if "impression" in names else len(filled)
        hosts = (
            ("comparison", "technique")
            if "impression" in names
            else ("comparison", "technique", "indication", "history")
        )
        asides = ("notification", "recommendation", "wet read", "addendum", _FORM)
        last = next((n for n in reversed(range(before)) if filled[n].name not in asides), None)
        if last is not None and filled[last].name in hosts:
            filled = _split_host(text, filled, last)
    return [Span("technique", span.start, span.end) if span.name == _FORM else span for span in filled]


def _split_host(text: str, spans: list[Span], last: int) -> list[Span]:
    """Turn what follows the first paragraph of a section into findings, over page breaks."""
    host = spans[last].name
    first = last
    while first >= 2 and spans[first - 1].name == _FORM and spans[first - 2].name == host:
        first -= 2
    parts = _first_paragraph(text, spans[first])
    if len(parts) == 1:
        return spans
    rest = [
        Span("findings", span.start, span.end) if span.name == host else span for span in spans[first + 1 : last + 1]
    ]
    return [*spans[:first], *parts, *rest, *spans[last + 1 :]]


def _first_paragraph(text: str, span: Span) -> list[Span]:
    """Split a section after its first paragraph; what follows is findings."""
    whole = _trimmed(text, span)
    found = _BLANK_LINE.search(text, whole.start, whole.end)
    if found is None:
        return [whole]
    return [Span(span.name, whole.start, found.start()), *_without_title(text, Span("", found.end(), whole.end))]


def _without_title(text: str, span: Span) -> list[Span]:
    """Split leading lines that only name the views off a stretch of findings."""
    start = span.start
    while start < span.end:
        stop = text.find("\n", start, span.end)
        stop = span.end if stop < 0 else stop + 1
        line = text[start:stop].strip()
        if line and not is_title(line):
            break
        start = stop
    return [Span("technique", span.start, start), Span("findings", start, span.end)]


def _blank(text: str, span: Span) -> bool:
    return not text[span.start : span.end].strip()


def _trimmed(text: str, span: Span) -> Span:
    piece = text[span.start : span.end]
    start = span.start + len(piece) - len(piece.lstrip())
    return Span(span.name, start, start + len(piece.strip()))
