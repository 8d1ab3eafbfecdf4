"""A report composed from evidence sentences, word for word: deterministic, no weights.

For each positive image finding the evidence sentence is chosen that states it and nothing the image does not say;
then normal statements on which most of the evidence agrees; then an impression. Order follows the anatomy.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from radrag.domain import Change, Finding, Polarity, Sentence, Severity, Side
from radrag.generation.base import GeneratedReport, GeneratedSentence, GenerationRequest, GeneratorCard
from radrag.reports.screening import (
    has_deidentification_token,
    has_identifier,
    is_communication,
    is_comparison,
)
from radrag.reports.vocabulary import ancestors, descendants, report_order
from radrag.retrieval.query import WORDINGS

VERSION = "1"
MAX_WORDS = 30
MAX_NORMALS = 6
MAX_IMPRESSIONS = 3
AGREEMENT = 0.5
"""A normal statement is drafted when at least this share of the cases that speak of its labels deny them."""

NO_FINDING = "No Finding"
ENUMERATOR = re.compile(r"^(?:\(?\d{1,2}[.):]|[-*•])\s*")
"""The number or bullet of a list item; the list that it belonged to is not taken over."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An evidence sentence that may be drafted as it stands."""

    sentence: Sentence
    order: int
    positive: frozenset[str]
    negative: frozenset[str]
    specificity: int


class ComposeGenerator:
    """Writes a report out of the evidence's own sentences."""

    def __init__(self) -> None:
        self.card = GeneratorCard(
            name="compose",
            version=VERSION,
            sha256=hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
            parameters={
                "agreement": AGREEMENT,
                "max_words": MAX_WORDS,
                "max_normals": MAX_NORMALS,
                "max_impressions": MAX_IMPRESSIONS,
            },
        )

    def generate(self, request: GenerationRequest) -> GeneratedReport:
        """Compose the report; empty when the evidence has no fitting sentence."""
        if not any(finding.trained for finding in request.image_findings):
            return GeneratedReport(())  # nothing was seen: what other reports deny says nothing of this patient
        positive = {finding.label for finding in request.image_findings if finding.positive} - {NO_FINDING}
        allowed = _allowed(positive)
        fitting = [
            candidate
            for order, sentence in enumerate(request.evidence)
            if (candidate := _candidate(sentence, order))
            and candidate.positive <= allowed
            and not candidate.negative & allowed
        ]
        body = [candidate for candidate in fitting if candidate.sentence.section == "findings"]
        closing = [candidate for candidate in fitting if candidate.sentence.section == "impression"]
        impression = _cover(positive, closing, limit=MAX_IMPRESSIONS) if positive else _normal_impression(closing)
        stated = _cover(positive, body)
        # What no findings section states may still be found in an impression; no sentence is drafted twice.
        left = {label for label in positive if not any(_states(label, chosen) for chosen in [*stated, *impression])}
        stated += _cover(left, closing)
        findings = sorted([*stated, *_normals(body, request.evidence, allowed)], key=_reading_order)
        return GeneratedReport((*_written("findings", findings), *_written("impression", impression)))


def _candidate(sentence: Sentence, order: int) -> _Candidate | None:
    """Return the sentence with what it states, or None where it must not be drafted."""
    if not sentence.findings or len(sentence.text.split()) > MAX_WORDS:
        return None
    if not _fit(sentence.text):
        return None
    if any(finding.polarity is Polarity.UNCERTAIN for finding in sentence.findings):
        return None
    if any(finding.change is not Change.NONE for finding in sentence.findings):
        return None
    return _Candidate(
        sentence,
        order,
        frozenset(_labels(sentence.findings, Polarity.POSITIVE)) - {NO_FINDING},
        frozenset(_labels(sentence.findings, Polarity.NEGATIVE)),
        sum(_specificity(finding) for finding in sentence.findings if finding.polarity is Polarity.POSITIVE),
    )


def _fit(text: str) -> bool:
    """Whether a sentence of another patient's report may stand in this one.

    Comparisons never may, with or without a prior study: they speak of that patient's films, not of this one's.
    """
    return not (
        has_deidentification_token(text) or has_identifier(text) or is_communication(text) or is_comparison(text)
    )


def _labels(findings: Iterable[Finding], polarity: Polarity) -> set[str]:
    return {finding.label for finding in findings if finding.polarity is polarity}


def _specificity(finding: Finding) -> int:
    """Count what a finding says beyond its label: the image findings know no side, place or severity."""
    return (finding.side is not Side.NONE) + bool(finding.location) + (finding.severity is not Severity.NONE)


def _allowed(positive: set[str]) -> set[str]:
    """Return every label that a sentence may state: the image's own, their other wordings, and what these imply."""
    said = positive | {wording for label in positive for wording in WORDINGS.get(label, ())}
    return said | {parent for label in said for parent in ancestors(label)}


def _states(label: str, candidate: _Candidate) -> bool:
    """Whether the sentence states the finding, under its own name or in another wording."""
    return bool(candidate.positive & {label, *WORDINGS.get(label, ())})


def _cover(positive: set[str], candidates: Sequence[_Candidate], limit: int = 100) -> list[_Candidate]:
    """Choose sentences until every positive finding is stated, or no sentence states the rest.

    Preferred, in this order: sentences that state more of what is missing, under its own name; that claim less the
    image cannot know; whose claims more cases share; of better ranked cases.
    """
    missing, chosen = set(positive), list[_Candidate]()
    agreement = _agreement(candidates)
    while missing and len(chosen) < limit:
        fitting = [candidate for candidate in candidates if any(_states(label, candidate) for label in missing)]
        if not fitting:
            break
        best = min(
            fitting,
            key=lambda candidate: (
                -sum(_states(label, candidate) for label in missing),
                -len(candidate.positive & missing),
                candidate.specificity,
                -agreement[candidate.positive],
                candidate.order,
            ),
        )
        chosen.append(best)
        missing = {label for label in missing if not _states(label, best)}
    return chosen


def _agreement(candidates: Sequence[_Candidate]) -> dict[frozenset[str], int]:
    """Return, for each set of stated labels, how many cases state just these in one sentence."""
    cases: dict[frozenset[str], set[str]] = {}
    for candidate in candidates:
        cases.setdefault(candidate.positive, set()).add(candidate.sentence.case_id)
    return {labels: len(of) for labels, of in cases.items()}


def _normals(body: Sequence[_Candidate], evidence: Sequence[Sentence], allowed: set[str]) -> list[_Candidate]:
    """Choose statements of absence until nothing that the evidence agrees on is left unsaid."""
    agreed = _agreed_absent(evidence) - allowed
    candidates = [candidate for candidate in body if not candidate.positive and candidate.negative]
    same = _same_negatives(candidates)
    said, chosen = set[str](), list[_Candidate]()
    while len(chosen) < MAX_NORMALS:
        gains = [
            (candidate, len(candidate.negative & agreed - said))
            for candidate in candidates
            if candidate.negative <= agreed
        ]
        best, gain = min(
            gains,
            key=lambda pair: (-pair[1], -same[pair[0].negative], len(pair[0].sentence.text), pair[0].order),
            default=(None, 0),
        )
        if best is None or gain == 0:
            break
        chosen.append(best)
        said |= best.negative | {child for label in best.negative for child in descendants(label)}
    return chosen


def _same_negatives(candidates: Sequence[_Candidate]) -> dict[frozenset[str], int]:
    counts: dict[frozenset[str], int] = {}
    for candidate in candidates:
        counts[candidate.negative] = counts.get(candidate.negative, 0) + 1
    return counts


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


def _normal_impression(closing: Sequence[_Candidate]) -> list[_Candidate]:
    """Choose the closing statement that most cases share: no finding, in the plainest words."""
    normal = [candidate for candidate in closing if not candidate.positive]
    same = _same_negatives(normal)
    whole = [candidate for candidate in normal if NO_FINDING in _labels(candidate.sentence.findings, Polarity.POSITIVE)]
    best = min(
        whole or normal,
        key=lambda candidate: (-same[candidate.negative], len(candidate.sentence.text), candidate.order),
        default=None,
    )
    return [best] if best else []


def _reading_order(candidate: _Candidate) -> tuple[int, int, int, int]:
    """Positives of a region before its normals, regions in the order of a report."""
    labels = candidate.positive or candidate.negative
    first = min((report_order(label) for label in labels), default=report_order(NO_FINDING))
    return first[0], not candidate.positive, first[1], candidate.order


def _written(section: str, chosen: Iterable[_Candidate]) -> Iterable[GeneratedSentence]:
    """Write each sentence once, capitalised and closed as a sentence."""
    seen: set[str] = set()
    for candidate in chosen:
        text = ENUMERATOR.sub("", candidate.sentence.text.strip())
        text = text[:1].upper() + text[1:]
        if not text.endswith((".", "!", "?")):
            text += "."
        if text.lower() not in seen:
            seen.add(text.lower())
            source = candidate.sentence
            yield GeneratedSentence(section, text, ((source.case_id, source.section, source.number),))
