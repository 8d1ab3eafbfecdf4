"""A case as a vector over the label set, and as the text that is embedded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from radrag.domain import Finding, Polarity, Sentence
from radrag.reports.vocabulary import NAMES, ancestors

if TYPE_CHECKING:
    import numpy as np

NO_FINDING = "No Finding"
_WEIGHT = {Polarity.POSITIVE: 1.0, Polarity.UNCERTAIN: 0.5, Polarity.NEGATIVE: 0.0}
_ROW = {name: row for row, name in enumerate(NAMES)}
_DEIDENTIFIED = re.compile(r"\b[xX]{3,}\b|_{3,}")


def report_labels(sentences: Iterable[Sentence]) -> dict[str, float]:
    """Return what a report states: label → 1 (stated) or 0.5 (possible), with everything that follows from it.

    ``No Finding`` is 1 where nothing else is stated.
    """
    return finding_labels(finding for sentence in sentences for finding in sentence.findings)


def finding_labels(findings: Iterable[Finding]) -> dict[str, float]:
    """Return label → 1 (stated) or 0.5 (possible) of some findings, as :func:`report_labels`."""
    stated: dict[str, float] = {}
    for finding in findings:
        weight = _WEIGHT[finding.polarity]
        if weight and finding.label != NO_FINDING:
            for label in (finding.label, *ancestors(finding.label)):
                stated[label] = max(stated.get(label, 0.0), weight)
    return stated or {NO_FINDING: 1.0}


def label_vector(labels: Mapping[str, float]) -> np.ndarray:
    """Return label → weight as float32 [len(NAMES)], zero where not named; names outside the set are ignored."""
    import numpy as np

    vector = np.zeros(len(NAMES), dtype=np.float32)
    for label, weight in labels.items():
        if label in _ROW:
            vector[_ROW[label]] = weight
    return vector


def searchable_text(sections: Mapping[str, str]) -> str:
    """Return the text of a report that is embedded: impression, then findings, without de-identification marks."""
    parts = [sections[name] for name in ("impression", "findings") if sections.get(name)]
    return clean_text(" ".join(parts or sections.values()))


def clean_text(text: str) -> str:
    """Drop de-identification marks and fold white space."""
    return " ".join(_DEIDENTIFIED.sub(" ", text).split())
