"""How well the labeler finds what coders coded: scores on cases with manual MeSH codes, beside trivial baselines."""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from radrag.domain import Case, Polarity
from radrag.errors import UsageError
from radrag.reports.findings import Labeler, default_labeler
from radrag.reports.lexicon import TERMS
from radrag.reports.mesh import NORMAL, is_coded, labels_of
from radrag.reports.sections import BODY
from radrag.reports.vocabulary import NO_FINDING

MINIMUM_SUPPORT = 20
"""Labels with fewer coded cases are left out of the means: their scores are noise."""

Predictions = Sequence[frozenset[str]]


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label's score; ratios in [0, 1], 0 where they are not defined (a missing result lowers the mean)."""

    label: str
    support: int
    predicted: int
    correct: int

    @property
    def precision(self) -> float:
        """Share of predicted cases that are coded."""
        return self.correct / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of coded cases that are predicted."""
        return self.correct / self.support if self.support else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.correct / (self.predicted + self.support) if self.predicted + self.support else 0.0


@dataclass(frozen=True, slots=True)
class MethodScores:
    """One method's scores over the same cases.

    Attributes:
        method: name of the method or baseline.
        labels: per label with enough support, by name.
        false_positive_rate: share of reports coded ``normal`` that get any of these labels.
        any_false_positive_rate: the same for any label at all, also those that coders rarely or never code.
    """

    method: str
    labels: tuple[LabelScore, ...]
    false_positive_rate: float
    any_false_positive_rate: float

    @property
    def micro_f1(self) -> float:
        """F1 over all (case, label) pairs."""
        both = sum(score.predicted + score.support for score in self.labels)
        return 2 * sum(score.correct for score in self.labels) / both if both else 0.0

    @property
    def macro_f1(self) -> float:
        """Mean F1 over labels."""
        return sum(score.f1 for score in self.labels) / len(self.labels) if self.labels else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "method": self.method,
            "micro_f1": self.micro_f1,
            "macro_f1": self.macro_f1,
            "false_positive_rate_on_normal": self.false_positive_rate,
            "any_false_positive_rate_on_normal": self.any_false_positive_rate,
            "labels": [
                {
                    "label": score.label,
                    "support": score.support,
                    "predicted": score.predicted,
                    "precision": score.precision,
                    "recall": score.recall,
                    "f1": score.f1,
                }
                for score in self.labels
            ],
        }


@dataclass(frozen=True, slots=True)
class LabelerScores:
    """The labeler's scores and the baselines' on the same cases.

    Attributes:
        n: scored cases (with text and codes).
        normal: of these, coded ``normal``.
        skipped: cases without text or without a code that judges the patient.
        methods: the labeler first, then the baselines.
    """

    n: int
    normal: int
    skipped: int
    methods: tuple[MethodScores, ...]

    @property
    def labeler(self) -> MethodScores:
        """The labeler's own scores."""
        return self.methods[0]

    def rows(self) -> list[dict[str, Any]]:
        """One row a method: name, micro-F1, macro-F1, false-positive rate on normal reports, labels, n."""
        return [
            {
                "method": method.method,
                "micro_f1": method.micro_f1,
                "macro_f1": method.macro_f1,
                "false_positive_rate_on_normal": method.false_positive_rate,
                "any_false_positive_rate_on_normal": method.any_false_positive_rate,
                "labels": len(method.labels),
                "n": self.n,
            }
            for method in self.methods
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "n": self.n,
            "normal": self.normal,
            "skipped": self.skipped,
            "methods": [method.as_dict() for method in self.methods],
        }


def is_development(patient_key: str) -> bool:
    """Whether a case belongs to the half that rules were developed on; the other half is held out.

    Args:
        patient_key: any stable key of the patient, the same for all his cases.
    """
    return hashlib.sha256(patient_key.encode()).digest()[0] % 2 == 0


def split(cases: Iterable[Case]) -> tuple[list[Case], list[Case]]:
    """Return (development, held-out) cases; Indiana University has one case a patient, so the case id is the key."""
    halves: tuple[list[Case], list[Case]] = ([], [])
    for case in cases:
        halves[0 if is_development(case.case_id) else 1].append(case)
    return halves


def report_positives(labeler: Labeler, case: Case, *, doubtful: bool = False) -> frozenset[str]:
    """Return the labels a report states as there.

    Args:
        labeler: reads the sentences.
        case: its body sections are read.
        doubtful: whether a possible finding counts. Coders code what is stated: "opacity, may represent pneumonia" is
            an opacity to them; so by default it does not (CheXpert's U-Zeros).
    """
    wanted = {Polarity.POSITIVE, Polarity.UNCERTAIN} if doubtful else {Polarity.POSITIVE}
    found = {
        finding.label
        for sentence in labeler.label_sections(case.case_id, case.sections)
        for finding in sentence.findings
        if finding.polarity in wanted
    }
    return frozenset(found - {NO_FINDING})


def evaluate_labeler(
    cases: Iterable[Case], *, labeler: Labeler | None = None, minimum_support: int = MINIMUM_SUPPORT, seed: int = 0
) -> LabelerScores:
    """Score the labeler's report-level positives against the cases' manual MeSH codes.

    ``No Finding`` is no label of the means (its many easy cases would lift them): normal reports count by
    ``false_positive_rate``. Parents are not added on either side: "atelectasis" is not credited as an opacity.

    Raises:
        UsageError: no case has both text and codes.
    """
    given = list(cases)
    scored = [case for case in given if any(case.sections.get(name) for name in BODY) and is_coded(case.labels)]
    if not scored:
        raise UsageError("No case has both report text and manual codes.", hint="Score a corpus with MeSH codes.")
    truth = [labels_of(case.labels) - {NO_FINDING} for case in scored]
    normal = [NORMAL in case.labels for case in scored]
    support = Counter(label for labels in truth for label in labels)
    names = sorted(label for label, count in support.items() if count >= minimum_support)
    reader = labeler or default_labeler()
    methods: list[tuple[str, Callable[[], Predictions]]] = [
        ("labeler", lambda: [report_positives(reader, case) for case in scored]),
        ("keywords without negation", lambda: _keywords(scored)),
        ("random other report", lambda: _shuffled(truth, seed)),
        ("always normal", lambda: [frozenset()] * len(truth)),
    ]
    return LabelerScores(
        n=len(scored),
        normal=sum(normal),
        skipped=len(given) - len(scored),
        methods=tuple(_score(name, predict(), truth, normal, names) for name, predict in methods),
    )


def _keywords(cases: Iterable[Case]) -> Predictions:
    """Every label of which the text holds a term, denied, doubted or not."""
    label_of = {phrase: label.split("|") for label, listed in TERMS.items() for phrase in listed}
    longest_first = sorted(label_of, key=len, reverse=True)
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b")
    bodies = (" ".join(case.sections.get(name, "") for name in BODY).lower() for case in cases)
    return [frozenset(label for term in pattern.findall(body) for label in label_of[term]) for body in bodies]


def _shuffled(truth: Predictions, seed: int) -> Predictions:
    """Each report gets the codes of another one, drawn without replacement."""
    order = list(range(len(truth)))
    random.Random(seed).shuffle(order)
    return [truth[n] for n in order]


def _score(
    method: str, predicted: Predictions, truth: Predictions, normal: Sequence[bool], names: Sequence[str]
) -> MethodScores:
    """Count per label and over the reports coded normal."""
    counts = {name: [0, 0, 0] for name in names}
    for found, coded in zip(predicted, truth, strict=True):
        for name in names:
            count = counts[name]
            count[0] += name in coded
            count[1] += name in found
            count[2] += name in coded and name in found
    on_normal = [found for found, is_normal in zip(predicted, normal, strict=True) if is_normal]
    reports = max(len(on_normal), 1)
    return MethodScores(
        method,
        tuple(LabelScore(name, *counts[name]) for name in names),
        sum(not found.isdisjoint(names) for found in on_normal) / reports,
        sum(bool(found) for found in on_normal) / reports,
    )
