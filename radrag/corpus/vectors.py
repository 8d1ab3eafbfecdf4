"""A case as a vector over the label set, and as the text that is embedded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from radrag.domain import Finding, Polarity, Sentence
from radrag.reports.vocabulary import NAMES, NO_FINDING, ancestors, descendants

if TYPE_CHECKING:
    import numpy as np

_STATED = {Polarity.POSITIVE: 1.0, Polarity.UNCERTAIN: 0.5}
DENIED = -1.0
DENIAL_COST = 0.5
"""What it costs a report to deny a wanted finding, as a share of what stating it earns: silence is nearer."""

DENIAL_GAIN = 0.05
"""What it earns a report to deny an unwanted finding: of normal reports, those that say more come first."""

LABEL_DIMENSION = 2 * len(NAMES)
"""Stated labels, then denied ones."""

_DEIDENTIFIED = re.compile(r"\b[xX]{3,}\b|_{3,}")


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


def case_vector(labels: Mapping[str, float]) -> np.ndarray:
    """Return what a report says (see :func:`report_labels`) as float32 [LABEL_DIMENSION], values in [0, 1]."""
    import numpy as np

    weights = _in_order(labels)
    return np.concatenate([np.maximum(weights, 0), np.maximum(-weights, 0)])


def query_vector(weights: Mapping[str, float]) -> np.ndarray:
    """Return what is wanted (above 0) and unwanted (below 0), label → [-1, 1], as float32 [LABEL_DIMENSION].

    Its inner product with a case's vector adds the weights of the labels that the case states, takes away
    :data:`DENIAL_COST` of the wanted ones that it denies, and adds :data:`DENIAL_GAIN` of the unwanted ones.
    """
    import numpy as np

    stated = _in_order(weights)
    denied = -DENIAL_COST * np.maximum(stated, 0) + DENIAL_GAIN * np.maximum(-stated, 0)
    return np.concatenate([stated, denied])


def _in_order(labels: Mapping[str, float]) -> np.ndarray:
    """Return label → value as float32 [len(NAMES)], zero where not named; names outside the set are ignored."""
    import numpy as np

    return np.array([labels.get(name, 0.0) for name in NAMES], dtype=np.float32)


def searchable_text(sections: Mapping[str, str]) -> str:
    """Return the text of a report that is embedded: impression, then findings, without de-identification marks."""
    parts = [sections[name] for name in ("impression", "findings", "labels") if sections.get(name)]
    return clean_text(" ".join(parts or sections.values()))


def clean_text(text: str) -> str:
    """Drop de-identification marks and fold white space."""
    return " ".join(_DEIDENTIFIED.sub(" ", text).split())
