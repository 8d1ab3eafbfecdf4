"""Clinical metrics of RadEval, where it is installed: another protocol, kept apart from radrag's own measures.

RadEval fetches the metrics' models from their hubs when they are first used; so nothing here runs unless it is asked
for by name. Its metrics that send reports to a service are not offered.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from statistics import fmean
from typing import Any

from radrag.errors import MissingDependency, MissingModel

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
        MissingDependency: RadEval 2 or later, or what a metric needs, is not installed.
        MissingModel: a metric's model is not here.
    """
    try:
        package = importlib.import_module("radeval")
        evaluator = package.RadEval
        sys.modules.setdefault("RadEval", package)  # by which 2.2.1 still imports parts of its RadGraph
        number = version("RadEval")
    except (ImportError, AttributeError, PackageNotFoundError) as error:
        raise MissingDependency(
            f"RadEval 2 is not installed, or not whole ({error}).", hint="Install it with: pip install 'RadEval>=2.2'"
        ) from error
    scorers = {name: _scorer(evaluator, name) for name in metrics}
    found: dict[str, dict[str, float]] = {}
    for row, predictions in rows.items():
        written = [place for place, text in enumerate(predictions) if text.strip()]
        kept = [predictions[place] for place in written]
        share = len(written) / max(len(predictions), 1)
        found[row] = {}
        for name, scorer in scorers.items():
            if name in OVER_ALL:
                found[row] |= _plain(scorer(refs=list(references), hyps=list(predictions)))
            elif written:
                values = scorer(refs=[references[place] for place in written], hyps=kept)
                found[row] |= {key: share * fmean(float(one) for one in of) for key, of in values.items()}
    names = dict.fromkeys(name for values in found.values() for name in values)
    return RadEvalScores(number, {row: {name: of.get(name, 0.0) for name in names} for row, of in found.items()})


def _scorer(evaluator: Any, name: str) -> Any:
    """Return what computes one metric; RadEval loads its model here.

    Raises:
        MissingModel: the model is not on this machine and cannot be fetched.
        MissingDependency: what the metric needs is not installed, or does not fit.
    """
    try:
        return evaluator(metrics=[name], per_sample=name in PER_REPORT, show_progress=False)
    except (ImportError, ValueError) as error:  # ValueError: a package that was compiled for another numpy
        if isinstance(error, OSError):  # huggingface_hub's LocalEntryNotFoundError is both
            raise _no_model(name) from error
        raise MissingDependency(
            f"RadEval cannot load its metric {name}: {error}.", hint="Ask for other metrics, or mend its installation."
        ) from error
    except Exception as error:  # of RadGraph's model: Exception itself; of the others: OSError
        if isinstance(error, OSError) or type(error) is Exception:
            raise _no_model(name) from error
        raise


def _no_model(name: str) -> MissingModel:
    return MissingModel(
        f"RadEval does not get the model of {name}.",
        hint="It fetches models from the Hugging Face hub: run it once with a network, or set HF_HOME.",
    )


def _plain(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
