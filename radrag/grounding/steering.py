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

from radrag.domain import DraftSentence, Finding, Polarity, Severity, Side
from radrag.errors import UsageError
from radrag.generation.phrases import statement
from radrag.grounding.verify import Label
from radrag.reports.vocabulary import BY_NAME, NO_FINDING, ancestors, descendants
from radrag.reports.wordings import report_names

LONGEST = 1000
"""Characters of a note."""

_VERB = r"(?:please\s+)?(?:drop|remove|delete|omit|leave\s+out)"
_NUMBER = re.compile(
    r"^\s*(?:please\s+)?(?:"
    r"(?:(?:in|on|change|rewrite|replace|make)\s+(?:sentence\s+)?|sentence\s+)#?(\d{1,3})\b\s*[:.)]?"
    r"|#(\d{1,3})\b\s*[:.)]?"
    r"|(\d{1,3})(?:\s*[:)]|\.(?=\s|$)|\s+-(?=\s+\D)|(?=\s+(?:should|must|needs|ought|says?)\b)|(?=\s*$)))\s*",
    re.I,
)
"""A number names a sentence where something says so: "2 cm nodule" and "2 nodules" do not."""

_DROPPED = re.compile(
    rf"^\s*{_VERB}\s+(?:sentences?\s+)?#?(\d{{1,3}}(?:(?:\s*(?:,|and|&)\s*)+#?\d{{1,3}})*)\s*[.!]?\s*$", re.I
)
_DROP = re.compile(
    rf"^\s*{_VERB}\b(?P<what>.*)$|^\s*(?:please\s+)?(?:do\s+not|don['\u2019]t)\s+(?:mention|say)\b(?P<unsaid>.*)$"
    r"|^(?P<named>.*)\b(?:should|must|can)\s+be\s+(?:dropped|removed|deleted|omitted|left\s+out)\W*$",
    re.I | re.S,
)
_KEEP = re.compile(r"\b(?:not|never|don['\u2019]t)\s+(?:drop|remove|delete|omit|change)\b", re.I)
_WHOLE = re.compile(r"^(?:\W|\b(?:it|this|that|the|whole|sentence|line|please|entirely)\b)*$", re.I)
_ADD = re.compile(r"^\s*(?:please\s+)?(?:add|also)\b", re.I)
_IMPRESSION = re.compile(r"^\s*(?:(?:add|put)\s+)?(?:(?:to|in|into)\s+)?(?:the\s+)?impression\b\s*:?", re.I)
_QUOTED = re.compile(r"[\"\u201c]([^\"\u201c\u201d]*[^\"\u201c\u201d\s][^\"\u201c\u201d]*)[\"\u201d]")
_QUALITY = r"(?:left|right|bilateral|both|mild|small|minimal|slight|tiny|trace|moderate|severe|large|massive|marked)"
_WAS = re.compile(
    rf"\b(?:not|instead\s+of|rather\s+than)\s+(?:on\s+)?(?:the\s+)?{_QUALITY}\b"
    rf"|\b{_QUALITY}\s*(?:to|into|->|=>|\u2192)\s*(?:the\s+)?(?={_QUALITY}\b)",
    re.I,
)
"""What is said to be wrong: "not right", "right" of "right to left"."""

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
    changes = _dropped(words, sentences) or _read(words, sentences, label)
    if not changes:
        raise UsageError(
            "The note names neither a sentence of the draft nor a finding that radrag knows.",
            hint="Name the sentence by its number, or quote it: --note '2: \"There is a small left effusion.\"'",
        )
    return changes


def _dropped(words: str, sentences: Sequence[DraftSentence]) -> tuple[Change, ...]:
    """Return the changes of a note that drops sentences by their numbers and says nothing else."""
    found = _DROPPED.match(words)
    numbers = dict.fromkeys(map(int, re.findall(r"\d+", found.group(1)))) if found else ()
    places = [_index(number, len(sentences)) for number in numbers]
    return tuple(Change(place, sentences[place].section) for place in places)


def _read(words: str, sentences: Sequence[DraftSentence], label: Label) -> tuple[Change, ...]:
    if _KEEP.search(words):
        return ()  # the labeler would take "don't drop the nodule" for the denial of a nodule
    place, rest = _place(words, len(sentences))
    drop = _DROP.match(rest)
    named = next((part for part in drop.groups() if part is not None), "") if drop else rest
    findings = [one for one in label(_QUOTED.sub(" ", named)) if one.label != NO_FINDING]
    quoted = [text.strip() for text in _QUOTED.findall(rest)]
    if place is not None:
        sentence = sentences[place]
        if quoted:
            texts = _quoted(quoted, sentence.text, drop=bool(drop))
            return () if texts is None else (Change(place, sentence.section, texts),)
        if drop and _WHOLE.match(named):
            return (Change(place, sentence.section),)
        if not drop:
            return (_of_sentence(place, rest, findings, sentence),)
    if drop:
        places = range(len(sentences)) if place is None else (place,)
        return tuple(change for n in places if (change := _without(n, findings, sentences[n])))
    to_impression = _IMPRESSION.match(words)
    section = "impression" if to_impression else "findings"
    if quoted:
        return (Change(None, section, tuple(quoted)),)
    adds = bool(_ADD.match(words))
    among = [n for n, one in enumerate(sentences) if one.section == section or not (to_impression or adds)]
    return _of_findings(findings, sentences, among, section, adds=adds)


def _quoted(quoted: Sequence[str], text: str, *, drop: bool) -> tuple[str, ...] | None:
    """Return the sentences in quotes, or the sentence with the quoted words of it replaced or left out."""
    if quoted[0] in text and (drop or len(quoted) == 2):  # the old words and the new ones
        changed = " ".join(text.replace(quoted[0], "" if drop else quoted[1]).split())
        return (changed[:1].upper() + changed[1:],) if any(map(str.isalnum, changed)) else ()
    return None if drop else tuple(quoted)


def sentence_named(note: str, count: int) -> int | None:
    """Return the index of the sentence that a note begins with, of ``count``; None where it names none.

    Raises:
        UsageError: there is no such sentence.
    """
    return _place(note.strip(), count)[0]


def _place(words: str, count: int) -> tuple[int | None, str]:
    """Return the index of the sentence that a note begins with, and the rest of the note."""
    found = _NUMBER.match(words)
    if not found:
        return None, words
    return _index(int(next(filter(None, found.groups()))), count), words[found.end() :].strip()


def _index(number: int, count: int) -> int:
    if not 1 <= number <= count:
        raise UsageError(f"The draft has no sentence {number}; it has {count}.")
    return number - 1


def _of_sentence(place: int, words: str, findings: Sequence[Finding], sentence: DraftSentence) -> Change:
    """Return the change of a named sentence: to the findings of the note, or to its side or severity."""
    if findings:
        return Change(place, sentence.section, _statements(findings))
    said = _WAS.sub(" ", words)
    sides = [side for side, pattern in _SIDES if pattern.search(said)]
    severities = [severity for severity, pattern in _SEVERITIES if pattern.search(said)]
    side = sides[0] if len(sides) == 1 or Side.BILATERAL in sides else None
    severity = severities[-1] if severities else None  # "mild to moderate" is moderate
    there = any(one.polarity is not Polarity.NEGATIVE for one in sentence.findings)
    sided = any(BY_NAME[one.label].sided for one in sentence.findings if one.label in BY_NAME)
    if not (severity and there) and not (side and sided):  # "no mild effusion" would deny less than before
        raise UsageError(
            f"The note does not say what sentence {place + 1} is to say.",
            hint='Give a finding, a side, a severity, "drop", or the sentence in double quotes.',
        )
    changed = (replace(one, side=side or one.side, severity=severity or one.severity) for one in sentence.findings)
    return Change(place, sentence.section, _statements(changed))


def _of_findings(
    findings: Sequence[Finding], sentences: Sequence[DraftSentence], among: Sequence[int], section: str, *, adds: bool
) -> tuple[Change, ...]:
    """Return the changes that make a draft say findings: each in a sentence that speaks of it, else in a new one.

    Of the other sentences, those that say the opposite no longer do.
    """

    def gives_way(claim: Finding, finding: Finding) -> bool:
        return _same(claim, finding) and not (adds and {claim.side, finding.side} == {Side.LEFT, Side.RIGHT})

    said: dict[int | None, list[Finding]] = {}
    for finding in findings:
        speaking = [n for n in among if any(gives_way(claim, finding) for claim in sentences[n].findings)]
        first = min(speaking, key=lambda n: (sentences[n].section != "findings", n), default=None)
        said.setdefault(first, []).append(finding)
        for n in speaking:
            opposed = (_opposed(claim, finding) for claim in sentences[n].findings if gives_way(claim, finding))
            if any(opposed):
                said.setdefault(n, [])
    changes = []
    for place, new in said.items():
        claims = () if place is None else sentences[place].findings
        kept = [claim for claim in claims if not any(gives_way(claim, finding) for finding in findings)]
        changes.append(
            Change(place, section if place is None else sentences[place].section, _statements([*new, *kept]))
        )
    return tuple(changes)


def _opposed(one: Finding, other: Finding) -> bool:
    return (one.polarity is Polarity.NEGATIVE) is not (other.polarity is Polarity.NEGATIVE)


def _without(place: int, findings: Sequence[Finding], sentence: DraftSentence) -> Change | None:
    """Return the change that takes findings, under any name and of any kind, out of a sentence that names them."""
    names = {name for one in findings for label in (one.label, *descendants(one.label)) for name in report_names(label)}
    others = [claim for claim in sentence.findings if claim.label not in names]
    if len(others) == len(sentence.findings):
        return None
    return Change(place, sentence.section, _statements(others))


def _statements(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(statement(one) for one in findings))


def _same(claim: Finding, finding: Finding) -> bool:
    """Whether a claim of a draft gives way to a finding: it is the same, or cannot stand beside it.

    A finding goes against the denial of a more general one, its denial against a more specific one.
    """
    one, other = claim.label, finding.label
    if other in report_names(one) or one in report_names(other):
        return True
    if finding.polarity is Polarity.NEGATIVE:
        return claim.polarity is not Polarity.NEGATIVE and one in descendants(other)
    return claim.polarity is Polarity.NEGATIVE and one in ancestors(other)
