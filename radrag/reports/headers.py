"""What a line of a report is the header of: aliases, merged and misspelt headers, titles of views, organs.

The variants are those that occur in MIMIC-CXR's 227,835 reports, as its own section parser lists them
(MIT-LCP/mimic-cxr, txt/section_parser.py), and in MIMIC-III's radiology notes.
"""

from __future__ import annotations

import re
from functools import lru_cache

NAMES = {
    "findings": "findings|finding|report|description|observations?|body of report|radiographic findings",
    "impression": "impressions?|conclusions?|opinion|summary|assessment|interpretation",
    "indication": "indications?|clinical indications?|reasons? (?:for|fore|of) (?:the |this )?"
    "(?:exam(?:ination)?|study|test|indication)|reason|clinical information|clinical data|clinical question|"
    "questions? to be answered",
    "history": "history|clinical history|patient history|hx|underlying medical condition|admitting diagnosis",
    "comparison": "comparisons?|comparison studies|comparison study|compared with|prior studies|prior study|priors|"
    "(?:reference|prior|comparison) exam(?:ination)?s?|comparison films?",
    "technique": "techniques?|procedure|examinations?|exam|study|views?|projections?|type of (?:the )?exam(?:ination)?",
    "recommendation": r"recommendations?(?:\(s\))?|recommended follow-up",
    "addendum": "addendum|addenda",
    "wet read": "wet read(?:ing)?|wetread|wet ___|preliminary read(?:ing)?|preliminary report",
    "notification": "notifications?|communications?",
}
"""Canonical name → what its header says, as a pattern without case."""

_ALIAS = re.compile("|".join(f"(?P<_{n}>{pattern})" for n, pattern in enumerate(NAMES.values())), re.I)
_JOINT = re.compile(r"\s*(?:/|&|\+|,|\band\b)\s*", re.I)

# What makes a header of several capitalised words, the more telling first: PRELIMINARY FINDINGS is a wet read,
# TECHNIQUE AND FINDINGS has the findings, ADDENDUM COMPARISON the comparison.
_KEYWORDS = {
    "WET": "wet read",
    "PRELIMINARY": "wet read",
    "PROVISIONAL": "wet read",
    "PFI": "wet read",
    "FINDINGS": "findings",
    "IMPRESSION": "impression",
    "IMPRESSIONS": "impression",
    "CONCLUSION": "impression",
    "CONCLUSIONS": "impression",
    "COMPARISON": "comparison",
    "COMPARISONS": "comparison",
    "INDICATION": "indication",
    "INDICATIONS": "indication",
    "HISTORY": "history",
    "TECHNIQUE": "technique",
    "RECOMMENDATION": "recommendation",
    "RECOMMENDATIONS": "recommendation",
    "NOTIFICATION": "notification",
    "NOTIFICATIONS": "notification",
    "ADDENDUM": "addendum",
}
_SHORTEST_MISSPELT = 8  # letters of the right word; shorter words have neighbours that are words too
_MOST_WORDS = 5
_WORD = re.compile(r"[A-Za-z]+")

# "PORTABLE AP CHEST RADIOGRAPH:", "CHEST, TWO VIEWS:" … are built of these words alone, and of one of the first kind.
_VIEW = frozenset([
    "chest", "cxr", "chestap", "radiograph", "radiographs", "film", "films", "view", "views", "ap", "pa", "portable",
    "lateral", "lat", "frontal", "xray", "ribs",
])  # fmt: skip
_ABOUT_VIEWS = _VIEW | frozenset([
    "a", "an", "the", "of", "and", "with", "at", "on", "in", "to", "from", "for", "during", "dated", "date",
    "performed", "obtained", "taken", "time", "am", "pm", "m", "p", "single", "one", "two", "three", "four", "double",
    "multiple", "upright", "erect", "supine", "semi", "semierect", "semiupright", "sitting", "bedside", "plain",
    "standard", "digital", "conventional", "patient", "position", "positions", "positioning", "inspiration",
    "expiration", "upper", "abdomen", "image", "images", "imaging", "x", "ray", "rays", "oblique", "obliques", "left",
    "right", "bilateral", "decubitus", "lordotic", "apical", "study", "exam", "examination", "hours", "hrs", "rib",
])  # fmt: skip
_ORGANS = frozenset([
    "lungs", "lung", "heart", "cardiac", "mediastinum", "cardiomediastinum", "cardiomediastinal", "pleura", "pleural",
    "bones", "osseous", "airways", "airway", "hila", "diaphragm", "tubes", "lines", "devices",
])  # fmt: skip
_BESIDE_ORGANS = _ORGANS | frozenset([
    "and", "the", "silhouette", "structures", "spaces", "space", "contours", "fields", "soft", "tissues", "support",
    "catheters", "size", "vasculature", "pulmonary", "great", "vessels", "upper", "abdomen",
])  # fmt: skip


def section_name(header: str) -> str | None:
    """Return the canonical lower-case name of a section header, or None when it is not one."""
    found = _ALIAS.fullmatch(" ".join(header.split()))
    return list(NAMES)[int(str(found.lastgroup)[1:])] if found else None


@lru_cache(maxsize=8192)  # a corpus has the same headers over and over
def header_name(header: str) -> str | None:
    """Return the section that a line's words before its colon open, or None.

    Understands, beside :func:`section_name`, merged headers (``FINDINGS/IMPRESSION`` is ``findings``), a slip of one
    letter in a long name (``IMPRESSON``), and up to five capitalised words around a name (``CORRECTED IMPRESSION``).
    """
    name = section_name(header)
    if name is not None:
        return name
    parts = [section_name(part) for part in _JOINT.split(header.strip())]
    if len(parts) > 1 and all(parts):
        return next((part for part in ("findings", "impression") if part in parts), parts[0])
    words = _WORD.findall(header)
    if not words or len(words) > _MOST_WORDS or "___" in header:
        return None
    if len(words) > 1 and not header.replace(" and ", " ").isupper():
        return None
    named = {_keyword(word.upper()) for word in words} - {None}
    return next((name for name in _KEYWORDS.values() if name in named), None)


def is_title(line: str) -> bool:
    """Whether a line only says how the chest was imaged: ``CHEST, PA AND LATERAL``, ``AP chest, ___ at 9:17``."""
    words = [word.lower() for word in _WORD.findall(line)]
    return not _VIEW.isdisjoint(words) and _ABOUT_VIEWS.issuperset(words)


def is_organ(header: str) -> bool:
    """Whether a header opens the description of an organ in a structured report, as ``LUNGS`` does."""
    words = [word.lower() for word in _WORD.findall(header)]
    return not _ORGANS.isdisjoint(words) and _BESIDE_ORGANS.issuperset(words)


def _keyword(word: str) -> str | None:
    if word in _KEYWORDS:
        return _KEYWORDS[word]
    if len(word) < _SHORTEST_MISSPELT - 1:
        return None
    right = (key for key in _KEYWORDS if len(key) >= _SHORTEST_MISSPELT and _one_slip(word, key))
    return next((_KEYWORDS[key] for key in right), None)


def _one_slip(written: str, meant: str) -> bool:
    """Whether two words differ by one letter changed, left out, put in, or swapped with its neighbour."""
    if abs(len(written) - len(meant)) > 1:
        return False
    same = next(
        (n for n, (a, b) in enumerate(zip(written, meant, strict=False)) if a != b), min(map(len, (written, meant)))
    )
    a, b = written[same:], meant[same:]
    changed = same > 0 and a[1:] == b[1:]  # another first letter makes another word: bindings
    return changed or a == b[1:] or a[1:] == b or (a[:2] == b[1::-1] and a[2:] == b[2:])
