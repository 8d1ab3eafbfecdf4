"""Reports scored against references, row by row beside trivial baselines, with paired intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from radrag.errors import UsageError
from radrag.evaluation.intervals import DRAWS, SEED, Estimate, PatientBootstrap
from radrag.evaluation.report_baselines import CONSTANT_NORMAL, NORMAL_REPORT, RANDOM_OTHER, random_others
from radrag.evaluation.report_findings import FindingsReader
from radrag.evaluation.report_measures import Protocol, ReportMeasures, by_label, scores_of
from radrag.evaluation.report_meteor import METEOR, meteor
from radrag.evaluation.report_text import tokens_of

if TYPE_CHECKING:
    from radrag.evaluation.report_measures import Sums
    from radrag.reports.findings import Labeler


@dataclass(frozen=True, slots=True)
class References:
    """What is compared with.

    Attributes:
        texts: study → reference, none blank.
        patients: study → patient, for the bootstrap; a study that is not there is its own patient.
    """

    texts: Mapping[str, str]
    patients: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One row of the table.

    Attributes:
        estimates: measure → mean and interval.
        missing: studies without a prediction, or with a blank one: they count, as wrong.
        labels: "14" or "all" → label → (true positives, false positives, misses); empty for drawn baselines.
        baseline: whether the row knows nothing of the images.
    """

    name: str
    estimates: Mapping[str, Estimate]
    missing: tuple[str, ...] = ()
    labels: Mapping[str, Mapping[str, tuple[int, int, int]]] = field(default_factory=dict)
    baseline: bool = False


@dataclass(frozen=True, slots=True)
class ReportDifference:
    """One row minus another over the same draws of patients; an interval without 0 is a difference."""

    name: str
    against: str
    estimates: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class ReportScores:
    """Everything that an evaluation found, over ``n`` studies of ``patients`` patients."""

    n: int
    patients: int
    rows: tuple[ReportRow, ...]
    differences: tuple[ReportDifference, ...]
    rules: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "schema": "radrag.report_scores/1",
            "n": self.n,
            "patients": self.patients,
            "rules": self.rules,
            "rows": [
                {
                    "name": row.name,
                    "baseline": row.baseline,
                    "scores": {name: one.as_dict() for name, one in row.estimates.items()},
                    "missing": list(row.missing),
                    "labels": {
                        which: {
                            label: {"true_positives": hits, "false_positives": extra, "misses": missed}
                            for label, (hits, extra, missed) in counts.items()
                        }
                        for which, counts in row.labels.items()
                    },
                }
                for row in self.rows
            ],
            "differences": [
                {
                    "name": one.name,
                    "against": one.against,
                    "scores": {name: estimate.as_dict() for name, estimate in one.estimates.items()},
                }
                for one in self.differences
            ],
        }


def evaluate_reports(
    references: References,
    predictions: Mapping[str, Mapping[str, str]],
    labeler: Labeler,
    *,
    protocol: Protocol | None = None,
    normal: str = NORMAL_REPORT,
    with_meteor: bool = False,
    draws: int = DRAWS,
    seed: int = SEED,
) -> ReportScores:
    """Score predictions, and always two baselines that see no image.

    Args:
        references: what is right.
        predictions: row → study → report; the first rows are compared with each other and with the baselines.
        labeler: reads findings.
        protocol: how texts are compared; default R2Gen's for IU X-ray.
        normal: the report that the constant baseline gives to every study.
        with_meteor: whether to run METEOR, without an interval; of the random baseline, its first round.
        draws: of the bootstrap, which draws patients (:class:`radrag.evaluation.intervals.PatientBootstrap`).
        seed: of the bootstrap and of the random baseline.

    Raises:
        UsageError: there are fewer than two references, or a row is named like a baseline.
        MissingDependency: METEOR is wanted and cannot be run.
    """
    protocol = protocol or Protocol()
    names = list(references.texts)
    if len(names) < 2:
        raise UsageError("There are fewer than two references to compare with.", hint="Look at --section and --split.")
    if taken := {CONSTANT_NORMAL, RANDOM_OTHER} & set(predictions):
        raise UsageError(f"Predictions are named like a baseline: {', '.join(sorted(taken))}.")
    reader = FindingsReader(labeler, uncertain=protocol.uncertain)
    measures = ReportMeasures(list(references.texts.values()), protocol, reader)
    patients = [references.patients.get(name) or f"study {name}" for name in names]
    bootstrap = PatientBootstrap(patients, draws=draws, seed=seed)
    others = random_others(list(references.texts.values()), patients, seed=seed)
    texts = {row: [[of.get(name, "") for name in names]] for row, of in predictions.items()}
    texts |= {CONSTANT_NORMAL: [[normal] * len(names)], RANDOM_OTHER: others}
    scored = {row: _score(bootstrap, [measures.statistics(one) for one in several]) for row, several in texts.items()}
    extra = _meteor(references.texts.values(), [several[0] for several in texts.values()], protocol, wanted=with_meteor)
    rows = tuple(
        ReportRow(
            row,
            {name: Estimate.of(value, of_draws) for name, (value, of_draws) in scored[row].values.items()} | more,
            tuple(name for name, text in zip(names, several[0], strict=True) if not text.strip()),
            {which: by_label(scored[row].sums, which) for which in ("14", "all")} if len(several) == 1 else {},
            baseline=row not in predictions,
        )
        for (row, several), more in zip(texts.items(), extra, strict=True)
    )
    order = list(texts)
    differences = tuple(
        ReportDifference(row, against, _difference(scored[row], scored[against]))
        for place, row in enumerate(order)
        for against in order[place + 1 :]
        if row in predictions
    )
    return ReportScores(len(names), bootstrap.patients, rows, differences, reader.rules)


def _meteor(
    references: Iterable[str], rows: Sequence[Sequence[str]], protocol: Protocol, *, wanted: bool
) -> list[dict[str, Estimate]]:
    """Return METEOR of each row; nothing of each where it is not wanted."""
    if not wanted:
        return [{} for _ in rows]
    tokens = [
        [tokens_of(text, protocol.cleaning, limit=protocol.limit) for text in row] for row in (list(references), *rows)
    ]
    return [{METEOR: Estimate(value, math.nan, math.nan)} for value in meteor(tokens[0], tokens[1:])]


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """Measure → (value, its values in the draws, float64 [draws]); and the sums of the first set of predictions."""

    values: Mapping[str, tuple[float, Sums]]
    sums: Sums


def _score(bootstrap: PatientBootstrap, sets: Sequence[Sums]) -> _Scored:
    """Return the scores of one set of predictions, or the means over several."""
    values: dict[str, list[float]] = {}
    drawn: dict[str, list[Sums]] = {}
    for rows in sets:
        for name, value in scores_of(rows.sum(axis=0)).items():
            values.setdefault(name, []).append(float(value))
        for name, several in scores_of(bootstrap.drawn(rows)).items():
            drawn.setdefault(name, []).append(several)
    means = {name: (fmean(of), np.mean(drawn[name], axis=0)) for name, of in values.items()}
    return _Scored(means, sets[0].sum(axis=0))


def _difference(one: _Scored, other: _Scored) -> dict[str, Estimate]:
    return {
        name: Estimate.of(value - other.values[name][0], of_draws - other.values[name][1])
        for name, (value, of_draws) in one.values.items()
    }
