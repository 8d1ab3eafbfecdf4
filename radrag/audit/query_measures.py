"""Measures of queries to be grouped: of retrieval, of image findings, and of reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from radrag.audit.group_measures import Area, FloatArray, Mean, Measure, MicroF1
from radrag.audit.rank_measures import judge_all
from radrag.audit.retrieval import SEARCH
from radrag.audit.searched import Places
from radrag.errors import UsageError
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.relevance import Relevance
from radrag.evaluation.report_findings import LABELS, FindingsReader, columns_of, finding_counts
from radrag.reports.vocabulary import NAMES, NO_FINDING


def of_retrieval(queries: Sequence[EvaluationQuery], relevance: Relevance, hits: Places) -> list[Measure]:
    """Return precision, recall, nDCG and reciprocal rank; queries without a known truth have none.

    Args:
        hits: int32 [n, depth], places in ``relevance.ids``; a refused query's row holds none, and scores 0.
    """
    judged = [row for row, query in enumerate(queries) if query.truth]
    judgements, _ = judge_all(queries, relevance, {SEARCH: hits}, judged)
    found: list[Measure] = []
    for name, values in judgements.values(hits.shape[1])[SEARCH].items():
        of_query = np.full(len(queries), np.nan)
        of_query[judgements.rows] = values
        found.append(Mean(name, of_query))
    return found


def of_findings(queries: Sequence[EvaluationQuery], labels: Sequence[str] = ()) -> list[Measure]:
    """Return area under the curve, sensitivity and false positive rate of image findings, by label.

    A refused image scores no area, misses what is there, and states nothing that is not. Uncertain labels are left out.

    Args:
        labels: these only; empty for all that the encoder was trained for and the truth judges.

    Raises:
        UsageError: labels that are unknown, or that no image was assessed or judged for; all are listed.
    """
    seen = [query.search.probabilities if query.search else {} for query in queries]
    there = [query.truth for query in queries]
    assessed = {name for of in seen for name in of} & {name for of in there for name in of} - {NO_FINDING}
    require_labels(labels, assessed)
    found: list[Measure] = []
    for label in (name for name in NAMES if name in (labels or assessed)):
        truth = np.array([_certain(of.get(label)) for of in there])
        scores = np.array([of.get(label, np.nan) for of in seen])
        stated = np.array(
            [bool(query.search and label in query.search.findings) for query in queries], dtype=np.float64
        )
        due = np.isnan(scores) & np.array([query.search is not None for query in queries])
        stated[due] = np.nan  # such as laterals, for which the encoder was not trained
        found += [
            Area(f"{label}: AUC", scores, truth),
            Mean(f"{label}: sensitivity", np.where(truth == 1, stated, np.nan)),
            Mean(f"{label}: false positive rate", np.where(truth == 0, stated, np.nan)),
        ]
    return found


def require_labels(labels: Sequence[str], there: set[str]) -> None:
    """Refuse labels that are not there, all at once.

    Raises:
        UsageError: some are not.
    """
    unknown = [name for name in labels if name not in there]
    if unknown:
        valid = ", ".join(name for name in NAMES if name in there) or "none"
        raise UsageError(f"No such labels here: {', '.join(unknown)}.", hint=f"There are: {valid}.")


def of_reports(
    studies: Sequence[str], references: Mapping[str, str], predictions: Mapping[str, str], reader: FindingsReader
) -> list[Measure]:
    """Return finding F1 (14, 5 and all labels) of reports; a study without a prediction misses everything.

    Args:
        studies: of each query; one that has no reference, and a study's second query, does not count.
        references, predictions: study → text.

    Raises:
        UsageError: predictions for studies without a reference, or no study of the queries has one.
    """
    strangers = len(predictions.keys() - references.keys())
    if strangers:
        raise UsageError(
            f"{strangers} predictions are for studies that the references do not have.",
            hint="Give the references that were predicted.",
        )
    counts = np.full((len(studies), 3 * LABELS), np.nan)
    done: set[str] = set()
    for row, study in enumerate(studies):
        if study in references and study not in done:
            done.add(study)
            counts[row] = finding_counts(reader.read(references[study]), reader.read(predictions.get(study, "")))
    if not done:
        raise UsageError(
            "No study of the references is in the manifest.",
            hint="Name studies in a column study_id or case, as the references do.",
        )
    return [MicroF1(f"micro-F1, {which} labels", *_summed(counts, which)) for which in ("14", "5", "all")]


def _summed(counts: FloatArray, which: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return true positives, false positives and misses of a set of labels, each float64 [n]."""
    places = np.array(columns_of(which))
    right, wrong, missed = (counts[:, kind * LABELS + places].sum(axis=1) for kind in range(3))
    return right, wrong, missed


def _certain(value: float | None) -> float:
    """Return 1 or 0; NaN where a label was not judged, or is uncertain."""
    return value if value in (0.0, 1.0) and value is not None else np.nan
