"""Clinical metrics of RadEval, where it is installed: another protocol, kept apart from radrag's own measures.

RadEval fetches the metrics' models from their hubs when they are first used; so nothing here runs unless it is asked
for by name. Its metrics that send reports to a service are not offered.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import fmean
from typing import Any

from radrag.errors import MissingDependency

PER_REPORT = ("radgraph", "ratescore", "green")
"""Metrics that are means over reports: a blank prediction counts 0, and is not sent through the model."""

OVER_ALL = ("f1chexbert",)
"""Metrics of all reports together; a blank prediction states nothing there."""

METRICS = (*OVER_ALL, *PER_REPORT)


@dataclass(frozen=True, slots=True)
class RadEvalScores:
    """RadEval's own names → values, a row of predictions; ``version`` of the package that computed them."""

    version: str
    rows: Mapping[str, Mapping[str, float]]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"radeval": self.version, "rows": {row: dict(values) for row, values in self.rows.items()}}


def radeval_scores(
    references: Sequence[str], rows: Mapping[str, Sequence[str]], metrics: Sequence[str]
) -> RadEvalScores:
    """Score rows of predictions, in the references' order, with metrics of :data:`METRICS`.

    Raises:
        MissingDependency: RadEval 2 or later is not installed.
    """
    try:
        evaluator = importlib.import_module("radeval").RadEval
        number = version("RadEval")
    except (ImportError, AttributeError, PackageNotFoundError) as error:
        raise MissingDependency(
            "RadEval 2 is not installed.", hint="Install it with: pip install 'RadEval>=2.2'"
        ) from error
    single = [name for name in metrics if name in PER_REPORT]
    whole = [name for name in metrics if name in OVER_ALL]
    scorers = {
        names: evaluator(metrics=list(names), per_sample=per_report, show_progress=False)
        for names, per_report in ((tuple(single), True), (tuple(whole), False))
        if names
    }
    found: dict[str, dict[str, float]] = {}
    for row, predictions in rows.items():
        written = [place for place, text in enumerate(predictions) if text.strip()]
        found[row] = {}
        if whole:
            found[row] |= _plain(scorers[tuple(whole)](refs=list(references), hyps=list(predictions)))
        if single and written:
            values = scorers[tuple(single)](
                refs=[references[place] for place in written], hyps=[predictions[place] for place in written]
            )
            share = len(written) / len(predictions)
            found[row] |= {name: share * fmean(float(one) for one in of) for name, of in values.items()}
    names = dict.fromkeys(name for values in found.values() for name in values)
    return RadEvalScores(number, {row: {name: of.get(name, 0.0) for name in names} for row, of in found.items()})


def _plain(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
