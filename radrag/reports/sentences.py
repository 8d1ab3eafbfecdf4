"""Report text to sentences, by exact offsets.

Reports break the rules of prose: list numbers, "Dr.", "T8.", decimals, line breaks in the middle of a sentence, and
de-identification marks that swallow full stops. A rule of our own over one regular expression is exact and linear.
"""

from __future__ import annotations

import re

_ABBREVIATIONS = frozenset([
    "dr", "mr", "mrs", "ms", "st", "prof", "vs", "approx", "ca", "cf", "resp", "fig", "no", "dept", "e.g", "i.e",
    "a.m", "p.m", "etc", "al", "lt", "rt", "ant", "post", "inf", "sup", "lat", "bilat", "incl", "est", "min",
    "max", "avg", "temp", "p.o", "b.i.d", "yrs", "yr", "mos", "mo",
])  # fmt: skip
_MAY_END = frozenset({"a.m", "p.m", "etc", "al"})  # may also close a sentence: the next word's capital decides
_ONLY_NUMBERED = frozenset({"no", "fig"})  # "No." closes a sentence unless a number follows

_STOP = re.compile(r"[.!?]+[\"')\]”’]*(?=\s|$|[A-Z][a-z])|\n\s*\n|\n(?=[ \t]*(?:\d{1,2}[.)][ \t]|[-*•·][ \t]))|;\s*\n")
_WORD_BEFORE = re.compile(r"[^\s(\[,;:/]*$")
_LIST_NUMBER = re.compile(r"(?:^\s*|[\n.;:!?]\s*)\(?\d{1,2}$")
_INITIAL = re.compile(r"\b(?:dr|mr|mrs|ms|prof)\.?\s+(?:[A-Z]\.\s*)*[A-Z]$", re.I)  # "Dr. J. Smith"
_NEXT_WORD = re.compile(r"\s*(\S)")
_WINDOW = 24  # characters looked at before a full stop; keeps the rule linear


def _ends_sentence(text: str, start: int, dot: int, after: int) -> bool:
    """Whether the full stop at ``dot`` closes the sentence that began at ``start``."""
    if text[dot] != ".":
        return True
    before = text[max(start, dot - _WINDOW) : dot]
    found = _WORD_BEFORE.search(before)
    word = (found.group() if found else "").lower()
    following = _NEXT_WORD.match(text, after)
    next_char = following.group(1) if following else ""
    if _LIST_NUMBER.search(text[max(start, dot - 6) : dot]):
        return not next_char  # "1." numbers the sentence that follows
    if word in _ONLY_NUMBERED:
        return not next_char.isdigit()
    if word in _MAY_END:
        return not next_char or next_char.isupper()
    if word in _ABBREVIATIONS:
        return not next_char
    return not _INITIAL.search(text[max(start, dot - _WINDOW) : dot])


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) offsets of each sentence.

    ``text[start:end]`` has no white space at either end; spans are in order, do not overlap, and together cover every
    character that is not white space. A list number belongs to the sentence it numbers.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _STOP.finditer(text):
        if match.start() < start:
            continue
        is_stop = text[match.start()] in ".!?"
        if is_stop and not _ends_sentence(text, start, match.start(), match.end()):
            continue
        _append(spans, text, start, match.end())
        start = match.end()
    _append(spans, text, start, len(text))
    return spans


def _append(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    """Add the trimmed span; a span without a letter or digit joins the sentence before it."""
    piece = text[start:end]
    stripped = piece.strip()
    if not stripped:
        return
    left = start + len(piece) - len(piece.lstrip())
    right = left + len(stripped)
    if spans and not any(char.isalnum() for char in stripped):
        spans[-1] = (spans[-1][0], right)
    else:
        spans.append((left, right))
