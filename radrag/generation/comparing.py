"""A plan compared with the patient's prior report: what is again there, what is new, what is gone.

Only what the prior report itself says is compared. What it states and the plan states is "again" there; what it denies
and the plan states is new; what it states, and the image encoder looks for and does not see, is no longer there. What
it is silent about is stated without any comparison: silence is not absence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from radrag.domain import Change, Finding, ImageFinding, Polarity, Sentence
from radrag.generation.phrases import no_longer, statement
from radrag.reports.vocabulary import NO_FINDING, ancestors, descendants, report_order
from radrag.reports.wordings import report_names


def says_of(label: str, polarity: Polarity, prior: Iterable[Sentence]) -> tuple[Sentence, ...]:
    """Return the sentences of a prior report that state, or deny, a label under any of its names.

    A more specific finding states the label too, the denial of a more general one denies it. That holds for the label
    alone and not for its other names: a nodule is an opacity, and no infiltrate.
    """
    wanted = _saying(label, polarity)
    return tuple(
        sentence
        for sentence in prior
        if any(finding.label in wanted and finding.polarity is polarity for finding in sentence.findings)
    )


def _saying(label: str, polarity: Polarity) -> frozenset[str]:
    """Return the labels of which a statement, or a denial, speaks of a label."""
    around = descendants if polarity is Polarity.POSITIVE else ancestors
    return frozenset({*report_names(label), *around(label)})


def compared(
    label: str, evidence: Sequence[Sentence], prior: Sequence[Sentence]
) -> tuple[str, tuple[Sentence, ...]] | None:
    """Return words and sources that state a label with its change against the prior; None where it is silent."""
    stated = says_of(label, Polarity.POSITIVE, prior)
    denied = says_of(label, Polarity.NEGATIVE, prior)
    if stated:
        return statement(Finding(label, change=Change.STABLE)), (*stated, *evidence)
    if denied:
        return statement(Finding(label, change=Change.NEW)), (*denied, *evidence)
    return None


def gone(
    image_findings: Iterable[ImageFinding], prior: Sequence[Sentence]
) -> list[tuple[str, str, tuple[Sentence, ...]]]:
    """Return (label, words, sources) of what the prior states and the encoder looks for and does not see."""
    found = []
    seen = list(image_findings)
    there = {name for one in seen if one.positive for name in report_names(one.label)}
    there |= {parent for label in there for parent in ancestors(label)}
    said: set[str] = set()
    for label in sorted({one.label for one in seen if one.trained and not one.positive}, key=report_order):
        stated = says_of(label, Polarity.POSITIVE, prior)
        named = {one.label for sentence in stated for one in sentence.findings if one.polarity is Polarity.POSITIVE}
        named &= _saying(label, Polarity.POSITIVE)
        if named - there - said and label not in there and label != NO_FINDING:
            found.append((label, no_longer(label), stated))
            said |= named  # "airspace disease" is gone once, though two labels of an encoder mean it
    return found
