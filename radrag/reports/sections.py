"""Free report text to its named sections, each stored verbatim."""

from __future__ import annotations

import re

BODY = ("findings", "impression")
"""Sections that carry evidence; the others say why the study was made and with what it was compared."""

_NAMES = {
    "findings": "findings|finding|report|description|observations?|body of report|radiographic findings",
    "impression": "impressions?|conclusions?|opinion|summary|assessment|interpretation",
    "indication": "indications?|clinical indications?|reasons? for (?:exam(?:ination)?|study|test)|reason|"
    "clinical information|clinical data|clinical question",
    "history": "history|clinical history|patient history|hx",
    "comparison": "comparisons?|comparison studies|comparison study|compared with|prior studies|prior study|priors",
    "technique": "techniques?|procedure|examinations?|exam|study|views?|projections?|type of exam",
    "recommendation": "recommendations?|recommended follow-up",
    "addendum": "addendum|addenda",
    "wet read": "wet read(?:ing)?|preliminary read(?:ing)?",
    "notification": "notifications?|communications?",
}
_ALIAS = re.compile("|".join(f"(?P<_{n}>{pattern})" for n, pattern in enumerate(_NAMES.values())), re.I)
# A header starts a line in any case and ends in a colon; in the middle of a line only capitals count, so that
# "The study: normal" stays a sentence while "… clear. IMPRESSION: Normal." is split.
_ANY = "|".join(_NAMES.values())
_CAPITALISED = "Findings|Impression|Indication|Comparison|Technique"
_HEADER = re.compile(
    rf"(?:^[ \t#*]*(?P<line>{_ANY})(?:[ \t]+AND[ \t]+(?P<second>{_ANY})|[ \t]*/[ \t]*(?:{_ANY}))?[ \t*]*:[*]*)"
    r"|(?:^[ \t]*(?P<bare>(?-i:FINDINGS|IMPRESSION|INDICATION|COMPARISON|TECHNIQUE|HISTORY|CONCLUSION))[ \t]*$)"
    rf"|(?:(?<=[\s.;,)])(?P<inline>(?-i:[A-Z][A-Z -]{{2,30}}[A-Z]|{_CAPITALISED}))[ \t]*:)",
    re.I | re.M,
)


def section_name(header: str) -> str | None:
    """Return the canonical lower-case name of a section header, or None when it is not one."""
    found = _ALIAS.fullmatch(" ".join(header.split()))
    return list(_NAMES)[int(str(found.lastgroup)[1:])] if found else None


def parse_sections(text: str) -> dict[str, str]:
    """Split a report into sections.

    Args:
        text: a whole report, with headers (``FINDINGS:``) in any case, or without any.

    Returns:
        Lower-case section name → its text, verbatim but for white space at both ends, in reading order. Text before
        the first header, and text without headers, is ``findings``. A section that comes twice keeps both texts with
        a line break between. ``FINDINGS AND IMPRESSION:`` is stored as ``findings``. Empty sections are left out.
    """
    spans: list[tuple[str, int, int]] = []
    name, start = "findings", 0
    for match in _HEADER.finditer(text):
        header = section_name(match["line"] or match["bare"] or match["inline"] or "")
        if header is None:
            continue
        spans.append((name, start, match.start()))
        name, start = header, match.end()
    spans.append((name, start, len(text)))
    sections: dict[str, str] = {}
    for name, start, end in spans:
        body = text[start:end].strip()
        if body:
            sections[name] = f"{sections[name]}\n{body}" if name in sections else body
    return sections
