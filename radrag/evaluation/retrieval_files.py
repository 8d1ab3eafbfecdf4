"""What an evaluation of retrieval leaves behind: plain values, TREC files, a plot. The same scores, the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from radrag.evaluation.baselines import ORACLE, RANDOM
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.relevance import Relevance
from radrag.evaluation.retrieval import MAIN_MEASURE, RetrievalScores, judge
from radrag.evaluation.tables import Estimates, Table
from radrag.optional import require

SCHEMA = "radrag.retrieval-evaluation/1"


def scores_as_dict(scores: RetrievalScores, about: Mapping[str, Any], *, values: bool = False) -> dict[str, Any]:
    """Return plain values; NaN is None.

    Args:
        about: what was evaluated: manifest, split, index, encoder.
        values: whether every query's own values are in it.
    """
    return {
        "schema": SCHEMA,
        **about,
        "cases": scores.cases,
        "depth": scores.depth,
        "failed": dict(scores.failed),
        "without_results": list(scores.empty),
        "unjudged": list(scores.unjudged),
        "excluded_cases": scores.excluded,
        "overall": _table(scores.overall, values=values),
        "abnormal": _table(scores.abnormal, values=values) if scores.abnormal else None,
        "differences": [
            {"variant": one.variant, "against": one.against, "measures": _estimates(one.estimates)}
            for one in scores.differences
        ],
        "mean_of_findings": {MAIN_MEASURE: _estimates(scores.by_finding)},
        "findings": {label: _table(table, values=values) for label, table in scores.findings.items()},
        "pairs": _table(scores.pairs, values=values) if scores.pairs else None,
    }


def _table(table: Table, *, values: bool) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "n": len(table.queries),
        "patients": table.patients,
        "relevant": table.relevant,
        "variants": {name: _estimates(estimates) for name, estimates in table.estimates.items()},
    }
    if values:
        plain["queries"] = list(table.queries)
        plain["values"] = {
            name: {measure: list(row) for measure, row in of.items()} for name, of in table.values.items()
        }
    return plain


def _estimates(estimates: Estimates) -> dict[str, Any]:
    return {measure: estimate.as_dict() for measure, estimate in estimates.items()}


def write_evaluation(
    folder: Path,
    scores: RetrievalScores,
    about: Mapping[str, Any],
    queries: Sequence[EvaluationQuery],
    relevance: Relevance,
) -> list[str]:
    """Write ``scores.json``, ``qrels.trec`` and a ``run-….trec`` a variant; plots too, where matplotlib is installed.

    TREC's formats (``query 0 case gain`` and ``query Q0 case rank score variant``) are read by ir_measures, trec_eval
    and others; gains are hundredths, so that a relevant case has 51 or more. Queries are named by the manifest's lines.

    Returns:
        The names of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain = scores_as_dict(scores, about, values=True)
    written = ["scores.json", "qrels.trec"]
    (folder / "scores.json").write_text(json.dumps(plain, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    with (folder / "qrels.trec").open("w", encoding="utf-8") as file:
        for query in queries:
            gains = judge(query, relevance) if query.truth else {}
            file.writelines(f"{query.query_id} 0 {_word(case)} {gain}\n" for case, gain in gains.items())
    for name, rankings in scores.rankings.items():
        written.append(f"run-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.trec")
        tag = _word(name)
        with (folder / written[-1]).open("w", encoding="utf-8") as file:
            for query_id, ranking in rankings.items():
                file.writelines(
                    f"{query_id} Q0 {_word(case)} {rank} {scores.depth - rank + 1} {tag}\n"
                    for rank, case in enumerate(ranking, start=1)
                )
    return written


def _word(name: str) -> str:
    """TREC's fields are parted by blanks."""
    return re.sub(r"\s", "_", name)


def write_plots(folder: Path, scores: RetrievalScores) -> list[str]:
    """Draw nDCG at 10 of every variant, overall with its interval and by finding; write PNG and SVG.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    require("matplotlib", extra="metrics").use("agg")
    plt = require("matplotlib.pyplot", extra="metrics")
    labels = list(scores.findings)
    height = 2.2 + 0.34 * max(len(labels), len(scores.overall.estimates))
    with plt.rc_context({"svg.hashsalt": "radrag", "font.size": 9}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, height), layout="constrained")
        _draw_overall(left, scores.overall)
        _draw_findings(right, scores, labels)
        for suffix, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            figure.savefig(folder / f"ndcg.{suffix}", dpi=120, metadata=metadata)
        plt.close(figure)
    return ["ndcg.png", "ndcg.svg"]


def _draw_overall(axes: Any, table: Table) -> None:
    names = list(reversed(list(table.estimates)))
    for place, name in enumerate(names):
        estimate = table.estimates[name][MAIN_MEASURE]
        axes.plot([estimate.low, estimate.high], [place, place], color="0.5", zorder=1)
        axes.scatter([estimate.mean], [place], color="C0", zorder=2)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(0, 1.02)
    axes.set_xlabel(f"{MAIN_MEASURE} of label agreement, 95 % interval, n = {len(table.queries)}")


def _draw_findings(axes: Any, scores: RetrievalScores, labels: Sequence[str]) -> None:
    shown: Iterable[str] = [name for name in scores.overall.estimates if name != ORACLE]
    for number, name in enumerate(shown):
        means = [scores.findings[label].estimates[name][MAIN_MEASURE].mean for label in reversed(labels)]
        marker = "x" if name == RANDOM else "os^"[number // 10 % 3]  # there are ten colours
        axes.scatter(means, range(len(labels)), label=name, color=f"C{number}", marker=marker, s=22)
    axes.set_yticks(
        range(len(labels)), [f"{label} ({len(scores.findings[label].queries)})" for label in reversed(labels)]
    )
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(f"{MAIN_MEASURE} by finding (n)")
    axes.legend(loc="best", fontsize=8)
