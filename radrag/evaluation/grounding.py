"""How well drafts rest on their evidence: measures over a manifest's studies, beside baselines, with controls.

The baselines are checked against the same evidence: one constant normal report and the report of a case drawn at
random, which know nothing of the study, and the whole report of the nearest case.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any

import numpy as np
import numpy.typing as npt

from radrag.domain import Draft, Sentence
from radrag.errors import GenerationError, RadragError, StudyRefused
from radrag.evaluation.grounding_controls import PlantedWorkspace, plants
from radrag.evaluation.grounding_measures import COUNTS, FAILED, SHARES, Text, judged, measure
from radrag.evaluation.grounding_studies import EvaluationStudy, positives, with_images_of, with_noise
from radrag.evaluation.intervals import Estimate, PatientBootstrap
from radrag.grounding.omissions import find_omissions
from radrag.workspace import Workspace

NORMAL = (
    ("findings", "The heart is normal in size."),
    ("findings", "The mediastinal contours are normal."),
    ("findings", "The lungs are clear."),
    ("findings", "There is no pleural effusion or pneumothorax."),
    ("impression", "No acute cardiopulmonary abnormality."),
)
BASELINES = CONSTANT, RANDOM, NEAREST = "constant normal", "random report", "nearest report"
STATED, DENIED = "planted finding stated", "planted denial followed"
SWAPPED, NOISE = "draft unchanged by another patient's image", "draft unchanged by noise"
CONTROLS = (STATED, DENIED, SWAPPED, NOISE)


Judged = tuple[str, Mapping[str, tuple[bool, bool]]]
"""A study's patient, and label → whether a report states it and whether it is there."""


@dataclass(frozen=True, slots=True)
class GroundingScores:
    """Scores of one generator and of the baselines on the same studies and evidence.

    Attributes:
        n: studies.
        failed: query id → code of the refusal or error; each counts as bad as can be.
        abstained: query ids of studies for which nothing was drafted, and said so.
        sentences: method → number of sentences.
        shares: method → measure → mean over drafts and its interval.
        counts: method → measure → sum over drafts.
        f1: method → ``macro`` or ``micro`` → F1 of the findings that the manifest judged.
        judged: of each study, its patient and what the generator said of the judged findings and the manifest says.
        seconds: of the generator's drafts from the image's values on: median and 95th percentile; NaN without drafts.
        controls: control → share of studies in which it went wrong, with its interval; n beside it.
    """

    generator: str
    n: int
    patients: int
    failed: Mapping[str, str]
    abstained: tuple[str, ...]
    sentences: Mapping[str, int]
    shares: Mapping[str, Mapping[str, tuple[Estimate, int]]]
    counts: Mapping[str, Mapping[str, int]]
    f1: Mapping[str, Mapping[str, Estimate]]
    judged: Sequence[Judged]
    seconds: tuple[float, float]
    controls: Mapping[str, tuple[Estimate, int]]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; NaN is None."""
        return {
            "generator": self.generator,
            "n": self.n,
            "patients": self.patients,
            "failed": dict(self.failed),
            "abstained": list(self.abstained),
            "sentences": dict(self.sentences),
            "methods": {
                method: {name: value.as_dict() | {"n": n} for name, (value, n) in of.items()}
                | {name: self.counts[method][name] for name in COUNTS}
                | {f"{name} F1": value.as_dict() for name, value in self.f1[method].items()}
                for method, of in self.shares.items()
            },
            "seconds": None if isnan(self.seconds[0]) else {"median": self.seconds[0], "p95": self.seconds[1]},
            "controls": {name: value.as_dict() | {"n": n} for name, (value, n) in self.controls.items()},
        }


@dataclass(slots=True)
class _Sheet:
    """Values as they come in: method → measure → (patient, value)."""

    values: dict[str, dict[str, list[tuple[str, float]]]] = field(default_factory=dict)
    sentences: dict[str, int] = field(default_factory=dict)
    judged: dict[str, list[Judged]] = field(default_factory=dict)

    def add(self, method: str, patient: str, found: Mapping[str, float]) -> None:
        for name, value in found.items():
            self.values.setdefault(method, {}).setdefault(name, []).append((patient, value))

    def estimate(self, method: str, name: str) -> tuple[Estimate, int]:
        pairs = self.values.get(method, {}).get(name, [])
        return PatientBootstrap([patient for patient, _ in pairs]).mean([value for _, value in pairs]), len(pairs)

    def f1(self, method: str) -> dict[str, Estimate]:
        """Return macro and micro F1 of the judged findings."""
        rows = self.judged.get(method, [])
        return _named(_drawing(rows).f1(*_counted(rows)))


def f1_difference(scores: GroundingScores, others: GroundingScores) -> dict[str, Estimate]:
    """Return macro and micro F1 of a generator's findings less another's on the same studies, paired by patient."""
    rows = scores.judged
    return _named(_drawing(rows).f1_difference(_counted(rows), _counted(others.judged)))


def _drawing(rows: Sequence[Judged]) -> PatientBootstrap:
    return PatientBootstrap([patient for patient, _ in rows])


def _counted(rows: Sequence[Judged]) -> tuple[npt.NDArray[np.bool_], ...]:
    """Return which findings are right, made up and missed, each [studies, labels]."""
    labels = sorted({label for _, found in rows for label in found})
    said, there = (
        np.array([[found.get(label, (False, False))[place] for label in labels] for _, found in rows], bool)
        for place in (0, 1)
    )
    return said & there, said & ~there, ~said & there


def _named(estimates: tuple[Estimate, Estimate]) -> dict[str, Estimate]:
    return dict(zip(("macro", "micro"), estimates, strict=True))


def evaluate_grounding(
    workspace: Workspace,
    studies: Sequence[EvaluationStudy],
    *,
    controls: int = 0,
    seed: int = 0,
    progress: Callable[[int], object] = lambda _: None,
) -> GroundingScores:
    """Draft every study with the workspace's generator and measure the drafts.

    Args:
        controls: number of studies (the first) that are drafted three times more: with wrong evidence, with another
            patient's image, and with noise.
        progress: called with the number of studies dealt with since the last call.
    """
    runner = _Runner(workspace, seed)
    for number, study in enumerate(studies):
        others = studies if number < controls else ()
        runner.run(study, others)
        progress(1)
    return runner.scores(studies)


class _Runner:
    def __init__(self, workspace: Workspace, seed: int) -> None:
        self._workspace = workspace
        self._planted = PlantedWorkspace(workspace)
        self._salt = workspace.settings.salt()
        self._random = random.Random(seed)
        self._seed = seed
        self._sheet = _Sheet()
        self._failed: dict[str, str] = {}
        self._abstained: list[str] = []
        self._method = workspace.settings.generator
        self._seconds: list[float] = []

    def run(self, study: EvaluationStudy, others: Sequence[EvaluationStudy]) -> None:
        name = study.row.query_id
        try:
            loaded = study.load(salt=self._salt)
            started = time.perf_counter()
            draft = self._workspace.drafter.draft(loaded)
            self._seconds.append(time.perf_counter() - started)
        except (StudyRefused, GenerationError) as error:
            self._failed[name] = error.code
            self._sheet.add(self._method, study.patient, FAILED)
            wrong = {label: (not there, there) for label, (_, there) in judged((), study.truth).items()}
            self._sheet.judged.setdefault(self._method, []).append((study.patient, wrong))
            return
        if not draft.sentences:
            self._abstained.append(name)
        reports = self._reports(draft)
        self._measure(self._method, study, Text.of(draft), reports)
        self._baselines(study, draft, reports)
        if others and draft.sentences:
            self._plant(study, loaded, draft)
            self._swap(study, loaded, draft, others)

    def _reports(self, draft: Draft) -> Mapping[str, Sequence[Sentence]]:
        linked = {link.case_id for one in draft.sentences for link in one.links}
        return self._workspace.store.sentences(sorted({hit.case_id for hit in draft.hits} | linked))

    def _measure(
        self, method: str, study: EvaluationStudy, text: Text, reports: Mapping[str, Sequence[Sentence]]
    ) -> None:
        found = measure(text, reports, study.truth, self._workspace.labeler.label_text)
        self._sheet.add(method, study.patient, found)
        self._sheet.judged.setdefault(method, []).append((study.patient, judged(text.sentences, study.truth)))
        self._sheet.sentences[method] = self._sheet.sentences.get(method, 0) + len(text.sentences)

    def _baselines(self, study: EvaluationStudy, draft: Draft, reports: Mapping[str, Sequence[Sentence]]) -> None:
        """Check reports that nobody wrote for the study against the evidence that was retrieved for it."""
        evidence = [sentence for hit in draft.hits for sentence in reports.get(hit.case_id, ())]
        drawn = self._random.choice(self._workspace.snapshot.cases.ids)
        nearest = [one for hit in draft.hits[:1] for one in reports.get(hit.case_id, ())]
        texts = {
            CONSTANT: NORMAL,
            RANDOM: _said(self._workspace.store.sentences([drawn]).get(drawn, ())),
            NEAREST: _said(nearest),
        }
        for method, said in texts.items():
            checked = self._workspace.verifier.verify(said, evidence, draft.image_findings)
            omitted = find_omissions(checked, evidence, draft.image_findings)
            self._measure(method, study, Text(checked, tuple(one.label for one in omitted)), reports)

    def _plant(self, study: EvaluationStudy, loaded: Any, draft: Draft) -> None:
        """Draft again with wrong evidence: one finding that is not there, one that is."""
        possible = plants(study.truth, draft.image_findings, self._workspace.labeler)
        for control, present in ((STATED, True), (DENIED, False)):
            fitting = [plant for plant in possible if plant.present is present]
            if fitting:
                self._planted.planted = self._random.choice(fitting)
                again = self._planted.drafter.draft(loaded)
                self._sheet.add("controls", study.patient, {control: float(self._planted.planted.followed_by(again))})

    def _swap(self, study: EvaluationStudy, loaded: Any, draft: Draft, others: Sequence[EvaluationStudy]) -> None:
        """Draft again with another patient's image, of other findings, and with noise."""
        own = [one.text for one in draft.sentences]
        different = [
            one for one in others if one.patient != study.patient and positives(one.truth) != positives(study.truth)
        ]
        drafter = self._workspace.drafter
        if different:
            try:
                other = self._random.choice(different).load(salt=self._salt)
            except StudyRefused:
                other = None
            if other is not None:
                texts = [one.text for one in drafter.draft(with_images_of(loaded, other)).sentences]
                self._sheet.add("controls", study.patient, {SWAPPED: float(texts == own)})
        noise = with_noise(loaded, np.random.default_rng((self._seed, study.row.line)))
        try:
            texts = [one.text for one in drafter.draft(noise).sentences]
        except RadragError:
            texts = []  # a refusal of noise is as good as another draft
        self._sheet.add("controls", study.patient, {NOISE: float(texts == own)})

    def scores(self, studies: Sequence[EvaluationStudy]) -> GroundingScores:
        sheet, methods = self._sheet, (self._method, *BASELINES)
        return GroundingScores(
            self._method,
            len(studies),
            len({study.patient for study in studies}),
            self._failed,
            tuple(self._abstained),
            {method: sheet.sentences.get(method, 0) for method in methods},
            {method: {name: sheet.estimate(method, name) for name in SHARES} for method in methods},
            {
                method: {
                    name: round(sum(value for _, value in sheet.values.get(method, {}).get(name, ())))
                    for name in COUNTS
                }
                for method in methods
            },
            {method: sheet.f1(method) for method in methods},
            sheet.judged.get(self._method, []),
            (float(np.median(self._seconds)), float(np.quantile(self._seconds, 0.95))) if self._seconds else (nan, nan),
            {name: found for name in CONTROLS if not isnan((found := sheet.estimate("controls", name))[0].mean)},
        )


def _said(sentences: Sequence[Sentence]) -> tuple[tuple[str, str], ...]:
    return tuple((one.section, one.text) for one in sentences)
