"""What a draft leaves out although the image or most of the evidence says it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from radrag.domain import DraftSentence, EvidenceLink, Finding, ImageFinding, Omission, Polarity, Relation, Sentence
from radrag.grounding.verify import link_to
from radrag.reports.vocabulary import LABELS, NO_FINDING, Urgency, ancestors, report_order
from radrag.reports.wordings import report_names

MAJORITY = 0.5
"""Share of the cases that must state a finding before its absence from the draft is an omission."""

CRITICAL_SHARE = 0.25
"""The same for findings that a reader must hear of at once (:class:`radrag.reports.vocabulary.Urgency`)."""

MAX_LINKS = 3


def find_omissions(
    sentences: Sequence[DraftSentence],
    evidence: Sequence[Sentence],
    image_findings: Sequence[ImageFinding],
) -> tuple[Omission, ...]:
    """Return the findings that the draft should speak of and does not, in report order.

    A finding is omitted when the image is positive for it and no sentence states it (or a finding that implies it),
    or when at least half of the cases state it (a quarter for critical findings) and the draft neither states nor
    denies it.
    """
    stated = {finding.label for finding in _claims(sentences) if finding.polarity is not Polarity.NEGATIVE}
    stated |= {parent for label in stated for parent in ancestors(label)}
    mentioned = {name for label in stated for name in report_names(label)}
    mentioned |= {finding.label for finding in _claims(sentences)}
    positives = _positive_sentences(evidence)
    cases = {sentence.case_id for sentence in evidence}

    omissions: dict[str, Omission] = {}
    for finding in image_findings:
        if finding.positive and not stated.intersection(report_names(finding.label)) and finding.label != NO_FINDING:
            why = (
                f"The image suggests it (probability {finding.probability:.2f}, threshold {finding.threshold:.2f}), "
                "but the draft does not state it."
            )
            stating = [sentence for name in report_names(finding.label) for sentence in positives.get(name, ())]
            omissions[finding.label] = Omission(finding.label, why, _quotes(stating))
    for label, found in positives.items():
        count = len({sentence.case_id for sentence in found})
        enough = CRITICAL_SHARE if label in _CRITICAL else MAJORITY
        if count / len(cases) >= enough and label not in {*mentioned, *omissions, NO_FINDING}:
            why = f"{count} of {len(cases)} retrieved reports state it; the draft does not mention it."
            omissions[label] = Omission(label, why, _quotes(found))
    return tuple(omissions[label] for label in sorted(omissions, key=report_order))


_CRITICAL = frozenset(label.name for label in LABELS if label.urgency is Urgency.CRITICAL)


def _claims(sentences: Sequence[DraftSentence]) -> Iterator[Finding]:
    return (finding for sentence in sentences for finding in sentence.findings)


def _positive_sentences(evidence: Sequence[Sentence]) -> dict[str, list[Sentence]]:
    """Return label → the sentences that state it, in the order of the evidence."""
    found: dict[str, list[Sentence]] = {}
    for sentence in evidence:
        for label in {finding.label for finding in sentence.findings if finding.polarity is Polarity.POSITIVE}:
            found.setdefault(label, []).append(sentence)
    return found


def _quotes(sentences: Sequence[Sentence]) -> tuple[EvidenceLink, ...]:
    """Return links to the first sentences, one a case."""
    by_case = {sentence.case_id: sentence for sentence in reversed(sentences)}
    order = [sentence for sentence in sentences if by_case[sentence.case_id] is sentence]
    return tuple(link_to(sentence, Relation.SUPPORTS, 1.0) for sentence in order[:MAX_LINKS])
