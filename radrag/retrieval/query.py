"""What is searched for: weights over the label set, and words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from radrag.corpus.catalogue import Filters
from radrag.corpus.report_labels import finding_labels, finding_sides
from radrag.domain import Finding, ImageFinding, Side, View
from radrag.reports.normalise import normalise
from radrag.reports.vocabulary import NAMES, NO_FINDING, ancestors
from radrag.reports.wordings import report_names

if TYPE_CHECKING:
    import numpy as np

UNKNOWN_PENALTY = -0.15
"""Weight of a label that the query says nothing of: of two cases that fit alike, the plainer one is nearer."""

PARENT_SHARE = 0.5
"""Weight that a parent inherits from its child: a case with any opacity is nearer to pneumonia than a clear one."""

LEAST_WANTED = 0.4
"""Weight of a finding that just reaches its threshold: it will be drafted, so cases that state it are needed."""

_NORMAL_WORDS = "No acute cardiopulmonary abnormality."


@dataclass(frozen=True, slots=True)
class Query:
    """One search.

    Attributes:
        weights: label → weight in [-1, 1]: above 0 wanted, below 0 unwanted; explains hits.
        probabilities: label → probability that the image shows it (or that the words mean it), of the labels that
            were assessed; empty when findings are not searched.
        normal: probability that the image shows none of them; None when nobody estimated it.
        image: vector of the study, float32 [d] of unit length, of the encoder that indexed images; None without.
        filters: which cases may be found.
        text: words to search for; empty when text is not searched.
        findings: labels that the hits must cover between them, in no order.
        exclude_patient: patient whose own cases must not be found; empty for none.
        exclude_cases: further cases that must not be found.
        typed: whether somebody chose the words, an indication too; those that an image's findings give say nothing more
            than these.
        sides: label → side that the words name.
        sex: "M", "F", "O" or empty.
        age: years; None when unknown.
        views: projections of the study's images.
    """

    weights: Mapping[str, float]
    text: str
    probabilities: Mapping[str, float] = field(default_factory=dict)
    normal: float | None = None
    findings: frozenset[str] = frozenset()
    exclude_patient: str = ""
    exclude_cases: frozenset[str] = field(default_factory=frozenset)
    filters: Filters = field(default_factory=Filters)
    image: np.ndarray | None = field(default=None, compare=False)
    typed: bool = True
    sides: Mapping[str, Side] = field(default_factory=dict)
    sex: str = ""
    age: float | None = None
    views: frozenset[View] = frozenset()


def query_from_image(
    findings: Sequence[ImageFinding],
    *,
    indication: str = "",
    exclude_patient: str = "",
    vector: np.ndarray | None = None,
    sex: str = "",
    age: float | None = None,
    views: Iterable[View] = (),
) -> Query:
    """Ask for cases that read as the image looks, and for the same clinical question.

    The weight of a label is the distance of its log-odds from the threshold's, cut at ±2 and halved: a finding far
    above its threshold is wanted, one far below unwanted, one just below nearly ignored. What reaches its threshold
    weighs at least :data:`LEAST_WANTED`.
    """
    margins = {finding.label: _margin(finding) for finding in findings if finding.trained}
    positive = sorted((label for label in margins if margins[label] > 0 and label != NO_FINDING), key=NAMES.index)
    words = ", ".join(label.lower() for label in positive)
    text = normalise(f"{indication} {words.capitalize() + '.' if words else _NORMAL_WORDS if margins else ''}")
    seen = {finding.label: finding.probability for finding in findings if finding.trained}
    normal = seen.pop(NO_FINDING, None)
    return Query(
        _spread(margins) if margins else {},
        text,
        probabilities=seen,
        normal=normal,
        findings=frozenset(positive),
        exclude_patient=exclude_patient,
        image=vector,
        typed=bool(indication.strip()),
        sex=sex,
        age=age,
        views=frozenset(views),
    )


def query_from_text(text: str, findings: Iterable[Finding] = ()) -> Query:
    """Ask for cases by words, and by the findings that the words state, if any.

    Words of normality ("no acute abnormality", and nothing stated beside it) ask for reports that state nothing.
    """
    stated = list(findings)
    labels = finding_labels(stated) if stated else {}
    probabilities = {label: max(weight, 0.0) for label, weight in labels.items() if label != NO_FINDING}
    normal = labels.get(NO_FINDING, 0) > 0
    if normal and any(finding.label == NO_FINDING for finding in stated):
        probabilities = {label: 0.0 for label in NAMES if label != NO_FINDING}
    return Query(
        _spread(labels) if labels else {},
        normalise(text),
        probabilities=probabilities,
        normal=1.0 if normal else None,
        sides=finding_sides(stated),
    )


def joined(first: Query, second: Query) -> Query:
    """Return a query that asks for both; where both weigh a label, the second (what a person typed) wins."""
    typed = {label: weight for label, weight in second.weights.items() if weight > 0}
    return Query(
        {**first.weights, **typed},
        normalise(f"{second.text} {first.text}"),
        probabilities={**first.probabilities, **second.probabilities},
        normal=first.normal if second.normal is None else second.normal,
        findings=first.findings | second.findings,
        exclude_patient=first.exclude_patient or second.exclude_patient,
        exclude_cases=first.exclude_cases | second.exclude_cases,
        filters=second.filters if second.filters != Filters() else first.filters,
        image=first.image if second.image is None else second.image,
        typed=first.typed or second.typed,
        sides={**first.sides, **second.sides},
        sex=second.sex or first.sex,
        age=first.age if second.age is None else second.age,
        views=first.views | second.views,
    )


def _margin(finding: ImageFinding) -> float:
    distance = _log_odds(finding.probability) - _log_odds(finding.threshold)
    margin = max(-2.0, min(2.0, distance)) / 2
    return max(margin, LEAST_WANTED) if finding.positive else margin


def _log_odds(probability: float) -> float:
    inside = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(inside / (1 - inside))


def _spread(known: Mapping[str, float]) -> dict[str, float]:
    """Extend weights to other wordings and to parents; give the rest the penalty of the unknown."""
    weights = dict.fromkeys(NAMES, UNKNOWN_PENALTY) | dict(known)
    for label, weight in known.items():
        if weight <= 0:
            continue
        for other in report_names(label):
            if other not in known:
                weights[other] = max(weights[other], weight)
        for parent in ancestors(label):
            if parent not in known:
                weights[parent] = max(weights[parent], PARENT_SHARE * weight)
    return weights
