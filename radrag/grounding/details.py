"""What a sentence says beyond its findings: numbers, and words of side, place, size and change that none carries.

The labeler gives a finding one side, one place, one severity and one change. A sentence may say more ("scoliosis,
convex to the right", "a 6 mm nodule", "fracture of the fifth rib"), and the labeler may miss where a word belongs.
Whatever is left over must stand in the evidence too before the evidence counts as full support.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from radrag.domain import Change, Finding, Severity, Side
from radrag.grounding.claims import zones
from radrag.reports import cues

Values = Mapping[str, frozenset[str]]
"""Kind → values."""

_CACHED = 20_000
_OPPOSED = {
    "side": (frozenset({"left", "right"}),),
    "severity": (frozenset({"mild", "severe"}),),
    "zone": (frozenset({"upper", "lower"}), frozenset({"upper", "middle"}), frozenset({"middle", "lower"})),
    "change": tuple(
        frozenset(pair)
        for pair in (
            ("new", "better"),
            ("worse", "better"),
            ("stable", "better"),
            ("stable", "worse"),
            ("stable", "new"),
        )
    ),
}


@dataclass(frozen=True, slots=True)
class Details:
    """What a sentence says beside its findings.

    Attributes:
        said: kind (side, severity, change, zone, measure, level, rib, count, only) → every value in the words.
        loose: of these, the values that no finding of the sentence carries; numbers always.
    """

    said: Values
    loose: Values


@dataclass(frozen=True, slots=True)
class Gap:
    """What evidence lacks of a claim's details; ``opposed`` where it says the opposite."""

    opposed: bool


def gap(claim: Details, evidence: Details) -> Gap | None:
    """Return what of the claim's loose details the evidence does not say; None where it says all."""
    missing = opposed = False
    for kind, values in claim.loose.items():
        theirs = evidence.said.get(kind, frozenset())
        lacking = values - theirs
        if not lacking or (kind == "count" and not theirs):
            continue
        missing = True
        loose = evidence.loose.get(kind, frozenset())
        opposed |= any(len(pair & lacking) == 1 and pair - lacking <= loose for pair in _OPPOSED.get(kind, ()))
    return Gap(opposed) if missing else None


@lru_cache(maxsize=_CACHED)
def details(text: str, findings: tuple[Finding, ...]) -> Details:
    """Return the details of a sentence, given its findings."""
    said = {kind: found for kind, found in _said(text.lower()).items() if found}
    carried = _carried(findings)
    loose = {kind: values - carried.get(kind, frozenset()) for kind, values in said.items()}
    return Details(said, {kind: values for kind, values in loose.items() if values})


def _carried(findings: Sequence[Finding]) -> dict[str, frozenset[str]]:
    sides = {finding.side.value for finding in findings} - {Side.NONE.value}
    if Side.BILATERAL.value in sides:
        sides |= {Side.LEFT.value, Side.RIGHT.value}
    return {
        "side": frozenset(sides),
        "severity": frozenset({finding.severity.value for finding in findings} - {Severity.NONE.value}),
        "change": frozenset({finding.change.value for finding in findings} - {Change.NONE.value}),
        "zone": frozenset(zone for finding in findings for zone in zones(finding.location)),
    }


def _said(text: str) -> dict[str, frozenset[str]]:
    """Return every value that the words (in lower case) name."""
    found = {kind: _tagged(text, pattern, values) for kind, (pattern, values) in _TABLES.items()}
    found["zone"] = zones(text)
    if any(character.isdigit() for character in text) or _SPELLED.search(text):
        found |= {"measure": _measures(text), "level": _levels(text), "rib": _ribs(text)}
    found["only"] = frozenset(before or after for before, after in _ONLY.findall(text))
    found["count"] = frozenset(_COUNTS[word] for word in _COUNT.findall(text))
    return found


def _table(groups: Mapping[str, Sequence[str]]) -> tuple[re.Pattern[str], dict[str, str]]:
    values = {phrase: value for value, phrases in groups.items() for phrase in phrases}
    longest = sorted(values, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest))})(?!\w)"), values


_TABLES = {
    "side": _table(cues.SIDE),
    "severity": _table(cues.SEVERITY),
    "change": _table(cues.CHANGE),
}


def _tagged(text: str, pattern: re.Pattern[str], values: Mapping[str, str]) -> frozenset[str]:
    return frozenset(values[found] for found in pattern.findall(text)) - {"none"}


_MEASURE = re.compile(r"\b(\d+(?:\.\d+)?)\s?-?\s?(mm|cm|millimeters?|centimeters?)\b")
_LEVEL = re.compile(r"\b([ctl])-?(\d{1,2})\b")
_ONLY = re.compile(r"\b(left|right)(?: side)? only\b|\bonly (?:on|in|at) the (left|right)\b")
_RIB = re.compile(r"\bribs?\b")
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12,
}  # fmt: skip
_SPELLED = re.compile(rf"\b(?:{'|'.join(_ORDINALS)})\b")
_ORDINAL = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)\b|\b({'|'.join(_ORDINALS)})\b|\b(to|through|-)\b|(-)")
_COUNTS = {
    "single": "1", "solitary": "1", "one": "1", "two": "2", "dual": "2", "three": "3", "triple": "3", "four": "4",
    "five": "5", "six": "6", "multiple": "many", "several": "many", "numerous": "many", "many": "many",
}  # fmt: skip
_COUNT = re.compile(rf"\b(?:{'|'.join(_COUNTS)})\b(?! (?:of|view))")


def _measures(text: str) -> frozenset[str]:
    """Return lengths in millimetres, so that 2 cm and 20 mm are the same."""
    return frozenset(f"{float(size) * (10 if unit[0] == 'c' else 1):g}" for size, unit in _MEASURE.findall(text))


def _levels(text: str) -> frozenset[str]:
    """Return vertebrae, such as t12."""
    return frozenset(f"{part}{number}" for part, number in _LEVEL.findall(text))


def _ribs(text: str) -> frozenset[str]:
    """Return the numbers of ribs; "4th through 6th ribs" are three."""
    if not _RIB.search(text):
        return frozenset()
    found: list[int] = []
    through = False
    for digits, word, to, dash in _ORDINAL.findall(text):
        if to or dash:
            through = bool(found)
            continue
        number = int(digits) if digits else _ORDINALS[word]
        found += range(found[-1] + 1, number) if through else ()
        found.append(number)
        through = False
    return frozenset(map(str, found))
