"""What a report says as label → weight, and the text of it that is searched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from radrag.domain import Finding, Polarity, Sentence, Side
from radrag.reports.normalise import normalise
from radrag.reports.vocabulary import NO_FINDING, ancestors, descendants

_STATED = {Polarity.POSITIVE: 1.0, Polarity.UNCERTAIN: 0.5}
DENIED = -1.0


def report_labels(sentences: Iterable[Sentence]) -> dict[str, float]:
    """Return what a report says: label → 1 (stated), 0.5 (possible) or -1 (denied), with all that follows.

    Stating implies the label's parents, denying its children; what is stated anywhere in a report is not denied.
    ``No Finding`` is 1 where nothing is stated.
    """
    return finding_labels(finding for sentence in sentences for finding in sentence.findings)


def finding_labels(findings: Iterable[Finding]) -> dict[str, float]:
    """Return label → weight of some findings, as :func:`report_labels`."""
    stated: dict[str, float] = {}
    denied: set[str] = set()
    for finding in findings:
        if finding.label == NO_FINDING:
            continue
        if finding.polarity is Polarity.NEGATIVE:
            denied |= {finding.label, *descendants(finding.label)}
        else:
            for label in (finding.label, *ancestors(finding.label)):
                stated[label] = max(stated.get(label, 0.0), _STATED[finding.polarity])
    return dict.fromkeys(sorted(denied), DENIED) | (stated or {NO_FINDING: 1.0})


def finding_sides(findings: Iterable[Finding]) -> dict[str, Side]:
    """Return label → side of what is stated, or stated as possible, with a side; left and right make bilateral."""
    sides: dict[str, Side] = {}
    for finding in findings:
        if finding.polarity is Polarity.NEGATIVE or finding.side is Side.NONE or finding.label == NO_FINDING:
            continue
        known = sides.setdefault(finding.label, finding.side)
        sides[finding.label] = known if known is finding.side else Side.BILATERAL
    return sides


def searchable_text(sections: Mapping[str, str]) -> str:
    """Return the text of a report that is embedded: impression, then findings, normalised for search."""
    parts = [sections[name] for name in ("impression", "findings", "labels") if sections.get(name)]
    return normalise(" ".join(parts or sections.values()))
