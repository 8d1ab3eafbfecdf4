"""What one draft is worth: citations judged anew, statuses, copied sentences, comparisons, what it missed and made up.

The judge here is not the verifier. It reads each quote anew and asks one thing of it: does it state a claim of the
sentence, by label, polarity and side? It shares the labeler with the verifier, so it cannot see the labeler's own
mistakes; :mod:`radrag.evaluation.grounding_sample` holds what was read by eye.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from radrag.domain import Draft, DraftSentence, EvidenceLink, Finding, Polarity, Relation, Sentence, Side, Status
from radrag.reports.screening import is_comparison
from radrag.reports.vocabulary import NO_FINDING, ancestors
from radrag.reports.wordings import report_names

PRECISION, RECALL = "citation precision", "citation recall"
SUPPORTED, UNSUPPORTED, CONTRADICTED, COPIED = "supported", "unsupported", "contradicted", "copied"
OMITTED, MISSED, MADE_UP = "omitted", "missed", "made up"
COMPARISONS, UNLINKED, INEXACT = "comparisons", "supported without link", "inexact quotes"

SHARES = (PRECISION, RECALL, SUPPORTED, UNSUPPORTED, CONTRADICTED, COPIED, OMITTED, MISSED, MADE_UP)
"""Measures that are means over drafts of a share in [0, 1]."""

COUNTS = (COMPARISONS, UNLINKED, INEXACT)
"""Measures that are counts, and must be 0 for a drafted report."""

FAILED: Mapping[str, float] = {
    PRECISION: 0.0, RECALL: 0.0, SUPPORTED: 0.0,
    UNSUPPORTED: 1.0, CONTRADICTED: 1.0, OMITTED: 1.0, MISSED: 1.0, MADE_UP: 1.0,
}  # fmt: skip
"""What a study counts that could not be drafted: the worst."""

Label = Callable[[str], tuple[Finding, ...]]
Reports = Mapping[str, Sequence[Sentence]]
"""Case id → its sentences, as the corpus has them."""


@dataclass(frozen=True, slots=True)
class Text:
    """A checked report of one study, drafted or a baseline.

    Attributes:
        omitted: labels that it should speak of by evidence or image, and does not.
    """

    sentences: tuple[DraftSentence, ...]
    omitted: tuple[str, ...]

    @classmethod
    def of(cls, draft: Draft) -> Text:
        """Return a draft's."""
        return cls(draft.sentences, tuple(omission.label for omission in draft.omissions))


def measure(text: Text, reports: Reports, truth: Mapping[str, float], label: Label) -> dict[str, float]:
    """Return every measure that is defined for a text.

    Args:
        reports: of every case that a link may name.
        truth: label → 1 (there), 0.5, 0 (not there); a label that was not judged is missing.

    Returns:
        Measure → value. Citations and statuses are missing where there are no sentences (an abstention), what was
        missed where nothing is there, what was made up where nothing was judged absent.
    """
    found: dict[str, float] = {}
    sentences = text.sentences
    stated = _stated(sentences)
    if sentences:
        links = [(one, link) for one in sentences for link in one.links if link.relation is Relation.SUPPORTS]
        right = [states(one, link, label) for one, link in links]
        found[PRECISION] = sum(right) / len(right) if right else 0.0
        found[RECALL] = _share(_fully_cited(one, label) for one in sentences)
        found[SUPPORTED] = _share(one.status is Status.SUPPORTED for one in sentences)
        found[UNSUPPORTED] = _share(one.status is Status.UNSUPPORTED for one in sentences)
        found[CONTRADICTED] = _share(one.status is Status.CONTRADICTED for one in sentences)
        known = {_words(sentence.text) for of_case in reports.values() for sentence in of_case}
        found[COPIED] = _share(_words(one.text) in known for one in sentences)
        mentioned = {finding.label for one in sentences for finding in one.findings}
        found[OMITTED] = len(text.omitted) / len(mentioned | set(text.omitted)) if mentioned or text.omitted else 0.0
    found[COMPARISONS] = sum(is_comparison(one.text) for one in sentences)
    found[UNLINKED] = sum(
        one.status is Status.SUPPORTED and all(link.relation is not Relation.SUPPORTS for link in one.links)
        for one in sentences
    )
    found[INEXACT] = sum(not _exact(link, reports) for one in sentences for link in one.links)
    there = [name for name, value in truth.items() if value == 1]
    if there:
        found[MISSED] = _share(not _implied(name, stated) for name in there)
    absent = {name for name, value in truth.items() if value == 0}
    if absent:
        found[MADE_UP] = len(absent & stated) / len(absent)
    return found


def judged(sentences: Sequence[DraftSentence], truth: Mapping[str, float]) -> dict[str, tuple[bool, bool]]:
    """Return label → whether the sentences state it, and whether it is there; of the findings that were judged."""
    stated = _stated(sentences)
    known = {name: value for name, value in truth.items() if value in (0, 1) and name != NO_FINDING}
    return {name: (_implied(name, stated), value == 1) for name, value in known.items()}


def states(sentence: DraftSentence, link: EvidenceLink, label: Label) -> bool:
    """Whether a quote states a claim of a sentence, or has its words where it makes none."""
    if not sentence.findings:
        return _words(sentence.text) == _words(link.quote)
    said = label(link.quote)
    return any(_says(claim, finding) for claim in sentence.findings for finding in said)


def _fully_cited(sentence: DraftSentence, label: Label) -> bool:
    """Whether each claim of a sentence is stated by one of its supporting quotes."""
    quotes = [link.quote for link in sentence.links if link.relation is Relation.SUPPORTS]
    if not sentence.findings:
        return any(_words(sentence.text) == _words(quote) for quote in quotes)
    said = [finding for quote in quotes for finding in label(quote)]
    return all(any(_says(claim, finding) for finding in said) for claim in sentence.findings)


def _says(claim: Finding, said: Finding) -> bool:
    """Whether a finding states what a claim does: the same or more by label, polarity and side."""
    denied = claim.polarity is Polarity.NEGATIVE
    if denied is not (said.polarity is Polarity.NEGATIVE):
        return False
    if claim.polarity is Polarity.POSITIVE and said.polarity is Polarity.UNCERTAIN:
        return False
    general, special = (said, claim) if denied else (claim, said)
    if general.label != special.label and general.label not in ancestors(special.label):
        return False
    everywhere = (Side.NONE, Side.BILATERAL) if denied else (Side.BILATERAL,)
    return (not denied and claim.side is Side.NONE) or said.side in (claim.side, *everywhere)


def _exact(link: EvidenceLink, reports: Reports) -> bool:
    """Whether a link quotes what the corpus has in its place."""
    return any(
        (one.section, one.number, one.start, one.end, one.text)
        == (link.section, link.sentence, link.start, link.end, link.quote)
        for one in reports.get(link.case_id, ())
    )


def _stated(sentences: Sequence[DraftSentence]) -> set[str]:
    return {label for one in sentences for label in _labels(one.findings, Polarity.POSITIVE)}


def _implied(name: str, stated: set[str]) -> bool:
    """Whether a label is stated, by any of the names that reports have for it, or by a more special one."""
    names = set(report_names(name))
    return any(names & ({label} | ancestors(label)) for label in stated)


def _labels(findings: Sequence[Finding], polarity: Polarity) -> set[str]:
    return {finding.label for finding in findings if finding.polarity is polarity}


def _share(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / len(found)


def _words(text: str) -> tuple[str, ...]:
    """Return the words in lower case, without the number of a list item."""
    return tuple(re.findall(r"\w+", re.sub(r"^\s*\d{1,2}[.)]\s", "", text.lower())))
