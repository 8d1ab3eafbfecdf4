"""A reader's note on a draft, read by rules: which sentence it is about, and what is to be said instead.

A note may name a sentence by its number ("3: left, not right", "3: drop"), state a finding ("there is a small right
effusion"), or deny one. A finding that the draft speaks of changes the sentence that does; another is added. Words in
double quotes are taken as they stand. The note is the source of what it changes, and no evidence: what comes of it is
checked like any other sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from radrag.domain import DraftSentence, Finding, Severity, Side
from radrag.errors import UsageError
from radrag.generation.phrases import statement
from radrag.grounding.verify import Label
from radrag.reports.vocabulary import NO_FINDING, ancestors, descendants
from radrag.reports.wordings import report_names

LONGEST = 1000
"""Characters of a note."""

_NUMBER = re.compile(
    r"^\s*(?:(?:in|change|rewrite|drop|remove|delete)\s+)?(?:sentence\s+)?#?(\d{1,3})\s*[:.)-]?\s+", re.I
)
_DROP = re.compile(r"^\s*(?:please\s+)?(?:drop|remove|delete|omit|leave out)\b(.*)$", re.I | re.S)
_QUOTED = re.compile(r"[\"“]([^\"”]+)[\"”]")
_NOT_SIDE = re.compile(r"\b(?:not|instead of|rather than)\s+(?:the\s+)?(?:left|right|bilateral|both)\b", re.I)
_SIDES = (
    (Side.BILATERAL, re.compile(r"\b(?:bilateral|both|left and right|right and left)\b", re.I)),
    (Side.LEFT, re.compile(r"\bleft\b", re.I)),
    (Side.RIGHT, re.compile(r"\bright\b", re.I)),
)
_SEVERITIES = (
    (Severity.MILD, re.compile(r"\b(?:mild|small|minimal|slight|tiny|trace)\b", re.I)),
    (Severity.MODERATE, re.compile(r"\bmoderate\b", re.I)),
    (Severity.SEVERE, re.compile(r"\b(?:severe|large|massive|marked)\b", re.I)),
)


@dataclass(frozen=True, slots=True)
class Change:
    """What a note asks of one sentence.

    Attributes:
        place: index of the sentence; None to add one.
        section: where it stands, or is to be added.
        texts: the sentences that are to stand there; none to drop it.
    """

    place: int | None
    section: str
    texts: tuple[str, ...] = ()


def read_note(note: str, sentences: Sequence[DraftSentence], label: Label) -> tuple[Change, ...]:
    """Return what a note asks for, in the order in which it says it.

    Args:
        note: the reader's words.
        sentences: of the draft; the reader counts from 1.
        label: finds the findings a text states.

    Raises:
        UsageError: the note is empty or too long, names a sentence that does not exist, or nothing that can be done.
    """
    words = note.strip()
    if not words:
        raise UsageError("The note is empty.", hint='For example: --note "2: left, not right"')
    if len(words) > LONGEST:
        raise UsageError(f"The note has {len(words):,} characters; {LONGEST:,} are read.")
    place, rest = _place(words, len(sentences))
    dropped = _DROP.match(words if place is None else rest) or (place is not None and _DROP.match(words))
    if place is not None and dropped:
        return (Change(place, sentences[place].section),)
    quoted = _QUOTED.search(rest)
    if quoted:
        section = sentences[place].section if place is not None else "findings"
        return (Change(place, section, (quoted.group(1).strip(),)),)
    findings = [one for one in label(dropped.group(1) if dropped else rest) if one.label != NO_FINDING]
    if dropped:
        places = [number for one in findings if (number := _speaking(one, sentences)) is not None]
        changes = [Change(number, sentences[number].section) for number in dict.fromkeys(places)]
    elif place is not None:
        changes = [_of_sentence(place, rest, findings, sentences[place])]
    else:
        changes = [_of_finding(one, sentences) for one in findings]
    if not changes:
        raise UsageError(
            "The note names neither a sentence of the draft nor a finding that radrag knows.",
            hint="Name the sentence by its number, or quote it: --note '2: \"There is a small left effusion.\"'",
        )
    return tuple(changes)


def sentence_named(note: str, count: int) -> int | None:
    """Return the index of the sentence that a note begins with, of ``count``; None where it names none.

    Raises:
        UsageError: there is no such sentence.
    """
    return _place(note.strip(), count)[0]


def _place(words: str, count: int) -> tuple[int | None, str]:
    """Return the index of the sentence that a note begins with, and the rest of the note."""
    found = _NUMBER.match(words + " ")
    if not found:
        return None, words
    number = int(found.group(1))
    if not 1 <= number <= count:
        raise UsageError(f"The draft has no sentence {number}; it has {count}.")
    return number - 1, words[found.end() :].strip()


def _of_sentence(place: int, words: str, findings: Sequence[Finding], sentence: DraftSentence) -> Change:
    """Return the change of a named sentence: to the findings of the note, or to its side or severity."""
    if findings:
        return Change(place, sentence.section, _statements(findings))
    said = _NOT_SIDE.sub(" ", words)
    side = next((side for side, pattern in _SIDES if pattern.search(said)), None)
    severity = next((severity for severity, pattern in _SEVERITIES if pattern.search(said)), None)
    if not sentence.findings or (side is None and severity is None):
        raise UsageError(
            f"The note does not say what sentence {place + 1} is to say.",
            hint='Give a finding, a side, a severity, "drop", or the sentence in double quotes.',
        )
    changed = (replace(one, side=side or one.side, severity=severity or one.severity) for one in sentence.findings)
    return Change(place, sentence.section, _statements(changed))


def _of_finding(finding: Finding, sentences: Sequence[DraftSentence]) -> Change:
    """Return the change that makes a draft say a finding: of the sentence that speaks of it, else a new one."""
    place = _speaking(finding, sentences)
    if place is None:
        return Change(None, "findings", _statements([finding]))
    one = sentences[place]
    others = [claim for claim in one.findings if not _same(claim.label, finding.label)]
    return Change(place, one.section, _statements([finding, *others]))


def _statements(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(statement(one) for one in findings))


def _speaking(finding: Finding, sentences: Sequence[DraftSentence]) -> int | None:
    """Return the first sentence of the findings that speaks of a finding, or of any section."""
    speaking = [
        number
        for number, sentence in enumerate(sentences)
        if any(_same(claim.label, finding.label) for claim in sentence.findings)
    ]
    return min(speaking, key=lambda number: (sentences[number].section != "findings", number), default=None)


def _same(one: str, other: str) -> bool:
    if other in report_names(one) or one in report_names(other):
        return True
    return other in ancestors(one) or other in descendants(one)
