"""What a draft is to say, and on what evidence: decided before any word is written, by rules.

For each positive image finding that some evidence states there is one statement; then come normal statements on which
most of the evidence agrees, and an impression. Order follows the anatomy. Each statement suggests words: a sentence of
the evidence that says just this, or the finding stated plainly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from radrag.domain import Change, Finding, Polarity, Sentence, Severity, Side
from radrag.generation.base import GenerationRequest
from radrag.generation.comparing import compared, gone
from radrag.generation.phrases import plain_list, plain_statement
from radrag.reports.screening import is_fit_for_draft
from radrag.reports.vocabulary import NO_FINDING, ancestors, descendants, report_order
from radrag.reports.wordings import report_names

MAX_WORDS = 30
MAX_NORMALS = 6
AGREEMENT = 0.5
"""A normal statement is drafted when at least this share of the cases that speak of its labels deny them."""

ENUMERATOR = re.compile(r"^(?:\(?\d{1,2}[.):]|[-*•])\s*")
"""The number or bullet of a list item; the list that it belonged to is not taken over."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An evidence sentence that may be drafted: what it states and denies, and whether it says no more than labels."""

    sentence: Sentence
    order: int
    positive: frozenset[str]
    negative: frozenset[str]
    plain: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence to be written.

    Attributes:
        section: ``findings`` or ``impression``.
        text: words that say it and may be used as they stand.
        states: labels that it states, in the order of a report.
        denies: labels that it denies.
        sources: evidence sentences that say it; at least one.
    """

    section: str
    text: str
    states: tuple[str, ...]
    denies: tuple[str, ...]
    sources: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a report is to say, in reading order; empty when nothing can be said."""

    statements: tuple[Statement, ...] = ()


def make_plan(request: GenerationRequest) -> Plan:
    """Plan a report; empty when no image was assessed or the evidence has nothing that fits."""
    if not any(finding.trained for finding in request.image_findings):
        return Plan()  # nothing was seen: what other reports deny says nothing of this patient
    positive = {finding.label for finding in request.image_findings if finding.positive} - {NO_FINDING}
    allowed = _allowed(positive)
    absent = _agreed_absent(request.evidence) - allowed
    fitting = [
        candidate
        for order, sentence in enumerate(request.evidence)
        if (candidate := _candidate(sentence, order)) and candidate.positive <= allowed and candidate.negative <= absent
    ]
    body = [candidate for candidate in fitting if candidate.sentence.section == "findings"]
    closing = [candidate for candidate in fitting if candidate.sentence.section == "impression"]
    findings = [*_positives(positive, body, request.evidence), *_normals(body)]
    if request.prior:
        findings = [*(_compared(one, request.prior) for one in findings), *_gone(request)]
    impression = _closing_positives(positive, request.evidence) if positive else _normal_impression(closing)
    ordered = sorted(findings, key=lambda draft: draft.order)
    return Plan((*(one.of("findings") for one in ordered), *(one.of("impression") for one in impression)))


@dataclass(frozen=True, slots=True)
class _Planned:
    """A statement in the making, with its place in the report."""

    text: str
    states: frozenset[str]
    denies: frozenset[str]
    sources: tuple[Sentence, ...]
    order: tuple[int, int, int] = (0, 0, 0)

    def of(self, section: str) -> Statement:
        states, denies = (tuple(sorted(labels, key=report_order)) for labels in (self.states, self.denies))
        return Statement(section, self.text, states, denies, self.sources)


def _verbatim(candidate: _Candidate, order: tuple[int, int, int] = (0, 0, 0)) -> _Planned:
    """Plan a sentence of the evidence as it stands."""
    states = _labels(candidate.sentence.findings, Polarity.POSITIVE)
    return _Planned(candidate.sentence.text, frozenset(states), candidate.negative, (candidate.sentence,), order)


def _candidate(sentence: Sentence, order: int) -> _Candidate | None:
    """Return the sentence with what it states, or None where it must not be drafted."""
    if not sentence.findings or len(sentence.text.split()) > MAX_WORDS:
        return None
    if not is_fit_for_draft(sentence.text):
        return None  # comparisons speak of that patient's films, not of this one's
    if any(finding.polarity is Polarity.UNCERTAIN for finding in sentence.findings):
        return None
    if any(finding.change is not Change.NONE for finding in sentence.findings):
        return None
    return _Candidate(
        sentence,
        order,
        frozenset(_labels(sentence.findings, Polarity.POSITIVE)) - {NO_FINDING},
        frozenset(_labels(sentence.findings, Polarity.NEGATIVE)),
        not any(_detailed(finding) for finding in sentence.findings if finding.polarity is Polarity.POSITIVE)
        and not any(character.isdigit() for character in ENUMERATOR.sub("", sentence.text)),
    )


def _labels(findings: Iterable[Finding], polarity: Polarity) -> set[str]:
    return {finding.label for finding in findings if finding.polarity is polarity}


def _detailed(finding: Finding) -> bool:
    """Whether a finding says more than that it is there: the image findings know no side, place or severity."""
    return finding.side is not Side.NONE or bool(finding.location) or finding.severity is not Severity.NONE


def _allowed(positive: set[str]) -> set[str]:
    """Return every label that a sentence may state: the image's own, their other wordings, and what these imply."""
    said = {name for label in positive for name in report_names(label)}
    return said | {parent for label in said for parent in ancestors(label)}


def _positives(positive: Iterable[str], body: Sequence[_Candidate], evidence: Sequence[Sentence]) -> list[_Planned]:
    """Return one statement a positive finding, in the order of a report.

    A sentence of the evidence is taken as it stands when it says no more than the image can know and several cases
    have it (a sentence that only one has may be a slip of dictation); otherwise the finding is stated plainly, because
    the side, place or size of another patient's finding must not be taken over.
    """
    shared = _cases_by_text(body)
    statements: list[_Planned] = []
    said: set[str] = set()
    for label in sorted(positive, key=report_order):
        stating = _stating(label, evidence)
        if said & set(report_names(label)) or not stating:
            continue
        plain = [
            candidate
            for candidate in body
            if candidate.plain
            and shared[candidate.sentence.text.lower()] > 1
            and candidate.positive & set(report_names(label))
            and not candidate.positive & said
        ]
        best = min(
            plain,
            key=lambda candidate: (
                -len(candidate.positive & set(positive)),
                len(candidate.negative),
                len(candidate.sentence.text),
                candidate.order,
            ),
            default=None,
        )
        if best is not None:
            said |= best.positive
            statements.append(_verbatim(best, _place(best.positive, 0)))
        else:
            name = _stated_name(label, stating)
            said.add(name)
            statements.append(
                _Planned(plain_statement(name), frozenset({name}), frozenset(), tuple(stating), _place({name}, 0))
            )
    return statements


def _compared(planned: _Planned, prior: Sequence[Sentence]) -> _Planned:
    """Say of a statement of one finding whether the prior report has it too; other statements stay as they are."""
    if len(planned.states) != 1 or planned.denies:
        return planned
    found = compared(next(iter(planned.states)), planned.sources, prior)
    return replace(planned, text=found[0], sources=found[1]) if found else planned


def _gone(request: GenerationRequest) -> list[_Planned]:
    return [
        _Planned(text, frozenset(), frozenset({label}), sources, _place({label}, 0))
        for label, text, sources in gone(request.image_findings, request.prior)
    ]


def _cases_by_text(candidates: Sequence[_Candidate]) -> dict[str, int]:
    """Return how many cases have each sentence, letter case apart."""
    cases: dict[str, set[str]] = {}
    for candidate in candidates:
        cases.setdefault(candidate.sentence.text.lower(), set()).add(candidate.sentence.case_id)
    return {text: len(of) for text, of in cases.items()}


def _stating(label: str, evidence: Sequence[Sentence]) -> list[Sentence]:
    """Return the evidence sentences that state the finding under any of its names."""
    return [
        sentence for sentence in evidence if _labels(sentence.findings, Polarity.POSITIVE) & set(report_names(label))
    ]


def _stated_name(label: str, stating: Sequence[Sentence]) -> str:
    """Return the label itself where any evidence uses it, else the wording that most of the evidence uses."""
    counts = {
        name: sum(name in _labels(sentence.findings, Polarity.POSITIVE) for sentence in stating)
        for name in report_names(label)
    }
    return label if counts[label] else max(report_names(label), key=lambda name: counts[name])


def _closing_positives(positive: Iterable[str], evidence: Sequence[Sentence]) -> list[_Planned]:
    """Return one sentence that names the positive findings that some evidence states."""
    names: list[str] = []
    sources: list[Sentence] = []
    for label in sorted(positive, key=report_order):
        stating = _stating(label, evidence)
        if stating and not set(names) & set(report_names(label)):
            names.append(_stated_name(label, stating))
            sources += stating
    return [_Planned(plain_list(names), frozenset(names), frozenset(), tuple(sources))] if names else []


def _place(labels: Iterable[str], kind: int) -> tuple[int, int, int]:
    """Return the sort key of a statement: region, then positives (0) before normals (1), then label."""
    first = min((report_order(label) for label in labels), default=report_order(NO_FINDING))
    return first[0], kind, first[1]


def _normals(body: Sequence[_Candidate]) -> list[_Planned]:
    """Choose statements of absence until none is left that says more.

    What a sentence repeats counts half against what it adds; of equals, the one that most cases share is taken.
    """
    candidates = [candidate for candidate in body if candidate.negative and not candidate.positive and candidate.plain]
    same = _same_negatives(candidates)
    said: set[str] = set()
    chosen: list[_Candidate] = []

    def gain(candidate: _Candidate) -> float:
        return len(candidate.negative - said) - 0.5 * len(candidate.negative & said)

    while candidates and len(chosen) < MAX_NORMALS:
        best = min(
            candidates,
            key=lambda candidate: (
                -gain(candidate),
                -same[candidate.negative],
                len(candidate.sentence.text),
                candidate.order,
            ),
        )
        if gain(best) <= 0:
            break
        chosen.append(best)
        said |= best.negative | {child for label in best.negative for child in descendants(label)}
    return [_verbatim(best, _place(best.negative, 1)) for best in chosen]


def _same_negatives(candidates: Sequence[_Candidate]) -> dict[frozenset[str], int]:
    """Return, for each set of denied labels, how many cases deny just these in one sentence."""
    cases: dict[frozenset[str], set[str]] = {}
    for candidate in candidates:
        cases.setdefault(candidate.negative, set()).add(candidate.sentence.case_id)
    return {labels: len(of) for labels, of in cases.items()}


def _agreed_absent(evidence: Sequence[Sentence]) -> set[str]:
    """Return the labels that most of the cases which speak of them deny."""
    denying: dict[str, set[str]] = {}
    stating: dict[str, set[str]] = {}
    for sentence in evidence:
        for finding in sentence.findings:
            side = denying if finding.polarity is Polarity.NEGATIVE else stating
            side.setdefault(finding.label, set()).add(sentence.case_id)
    return {
        label
        for label, cases in denying.items()
        if len(cases) / len(cases | stating.get(label, set())) >= AGREEMENT and len(cases) > 1
    }


def _normal_impression(closing: Sequence[_Candidate]) -> list[_Planned]:
    """Choose the closing statement that most cases share: no finding, in the fewest words."""
    normal = [candidate for candidate in closing if not candidate.positive]
    same = _same_negatives(normal)
    whole = [item for item in normal if NO_FINDING in _labels(item.sentence.findings, Polarity.POSITIVE)]
    best = min(
        whole or normal,
        key=lambda candidate: (-same[candidate.negative], len(candidate.sentence.text), candidate.order),
        default=None,
    )
    return [_verbatim(best)] if best else []
