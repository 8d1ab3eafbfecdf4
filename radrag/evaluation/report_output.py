"""What an evaluation of reports leaves behind: scores, and files that leaderboards and other scorers read."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radrag.evaluation.report_files import ReportTexts
from radrag.evaluation.report_scores import ReportScores


def write_reports(
    folder: Path,
    result: Mapping[str, Any],
    *,
    scores: ReportScores,
    references: Mapping[str, ReportTexts],
    compared: Mapping[str, str],
    predictions: Mapping[str, Mapping[str, str]],
) -> list[str]:
    """Write ``scores.json`` and ``scores.csv``, and every row's reports.

    ``references.csv`` and ``NAME.csv`` (study_id, report, in the same order, blank where a prediction is missing) are
    what CXR-Report-Metric reads, ``NAME.rexrank.json`` is ReXrank's file of predictions.

    Args:
        result: everything, for ``scores.json``.
        scores: for ``scores.csv``.
        references: what the file of references has.
        compared: study → the text of the reference that was compared.
        predictions: row → study → text.

    Returns:
        The names of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = ["scores.json", "scores.csv", "references.csv"]
    (folder / "scores.json").write_text(json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    _write_csv(
        folder / "scores.csv",
        ("row", "baseline", "n", "missing", "measure", "value", "low", "high"),
        [
            (row.name, int(row.baseline), scores.n, len(row.missing), name, one["mean"], one["low"], one["high"])
            for row in scores.rows
            for name, one in ((name, estimate.as_dict()) for name, estimate in row.estimates.items())
        ],
    )
    _write_csv(folder / "references.csv", ("study_id", "report"), list(compared.items()))
    for number, (row, texts) in enumerate(predictions.items(), start=1):
        stem = re.sub(r"[^\w.-]+", "-", row).strip("-.") or "row"
        stem = stem if stem not in {name.partition(".")[0] for name in written} else f"{stem}-{number}"
        _write_csv(folder / f"{stem}.csv", ("study_id", "report"), [(name, texts.get(name, "")) for name in compared])
        rexrank = {
            name: {
                "section_findings": references[name].findings or references[name].report,
                "section_impression": references[name].impression,
                "model_prediction": texts.get(name, ""),
            }
            for name in compared
        }
        (folder / f"{stem}.rexrank.json").write_text(json.dumps(rexrank, ensure_ascii=False, indent=1) + "\n")
        written += [f"{stem}.csv", f"{stem}.rexrank.json"]
    return written


def _write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
