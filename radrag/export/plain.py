"""Small things that all forms need of text and time: printable lines, code points, UIDs, moments."""

from __future__ import annotations

import re
import unicodedata
import uuid
from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # stands for a time that a draft does not tell; never the present one

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def uid_of(*parts: object) -> str:
    """Return a UID made from parts: a name-based UUID under 2.25 (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, 'radrag/' + '/'.join(map(str, parts))).int}"


def moment(text: str) -> datetime:
    """Return an ISO 8601 time as UTC, to the second; :data:`EPOCH` for anything else."""
    try:
        parsed = datetime.fromisoformat(text)
        in_utc = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # not a time, or beyond the calendar in UTC
        return EPOCH
    return in_utc.replace(microsecond=0)


def printable(text: str) -> str:
    """Return text on one line that every form can hold, with nothing lost unseen.

    White space becomes single blanks. Control characters, halves of surrogate pairs, non-characters and controls of
    writing direction, which could make a text show in another order than it has, become ``[U+202E]``.
    """
    one_line = re.sub(r"[ \t\r\n\v\f\x85\u2028\u2029]+", " ", text).strip()
    if one_line.isascii() and one_line.isprintable():
        return one_line
    return "".join(code_point(letter) if _unprintable(letter) else letter for letter in one_line)


def code_point(letter: str) -> str:
    """Return a character's code point in words, such as ``[U+202E]``."""
    return f"[U+{ord(letter):04X}]"


def _unprintable(letter: str) -> bool:
    number = ord(letter)
    non_character = number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF
    return unicodedata.category(letter) in {"Cc", "Cs"} or non_character or letter in _BIDI_CONTROLS
