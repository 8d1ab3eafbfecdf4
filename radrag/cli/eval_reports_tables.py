"""The tables that ``radrag eval reports`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING

from radrag.cli.output import table

if TYPE_CHECKING:
    from radrag.evaluation.intervals import Estimate
    from radrag.evaluation.report_files import Part
    from radrag.evaluation.report_measures import Protocol
    from radrag.evaluation.report_radeval import RadEvalScores
    from radrag.evaluation.report_sanity import SanityRow
    from radrag.evaluation.report_scores import ReportScores

SHOWN = 10
"""Missing studies that are named; --json names all."""


def reports_report(scores: ReportScores, protocol: Protocol, part: Part) -> str:
    """Return the scores as tables: n-grams, findings, differences; and what was missing."""
    names = list(scores.rows[0].estimates)
    findings = [name for name in names if name.startswith("F1")]
    others = [name for name in names if name not in findings]
    cut = f", first {protocol.limit} tokens" if protocol.limit else ""
    lines = [
        f"n = {scores.n:,} studies of {scores.patients:,} patients; section {part.value}, "
        f"cleaning {protocol.cleaning.value}{cut}.",
        *(_rows(scores, names) for names in (others, findings)),
    ]
    if scores.differences:
        main = [name for name in ("BLEU-4", "ROUGE-L", "F1-14 micro", "F1-5 micro", "F1-all micro") if name in names]
        rows = [
            (f"{one.name} − {one.against}", *(_cell(one.estimates[name], sign="+") for name in main))
            for one in scores.differences
        ]
        lines += ["Differences, paired:", table(("difference", *main), rows)]
    for row in scores.rows:
        if row.missing:
            more = f" and {len(row.missing) - SHOWN} more" if len(row.missing) > SHOWN else ""
            shown = ", ".join(row.missing[:SHOWN])
            lines.append(f"{row.name}: {len(row.missing)} missing or blank, counted as wrong: {shown}{more}.")
    lines.append(f"Findings by radrag's labeler, not CheXbert: {scores.rules}")
    return "\n\n".join([*lines, "In brackets: 95 % intervals, bootstrap by patient."])


def _rows(scores: ReportScores, names: Sequence[str]) -> str:
    rows = [(row.name, *(_cell(row.estimates[name]) for name in names)) for row in scores.rows]
    return table(("reports", *names), rows)


def sanity_report(rows: Sequence[SanityRow]) -> str:
    """Return what each measure made of altered references; "=" where it noticed nothing, "!" where it must have."""
    names = list(rows[0].scores)

    def cell(row: SanityRow, name: str) -> str:
        return f"{row.scores[name]:.3f}{'!' if name in row.failed else '=' if name in row.blind else ''}"

    return "\n\n".join(
        [
            "Altered references against the references themselves, over the n reports that the alteration changed:",
            table(
                ("alteration", "n", *names), [(row.name, row.n, *(cell(row, name) for name in names)) for row in rows]
            ),
            '"=": the measure did not fall; "!": it must fall and did not.',
        ]
    )


def radeval_report(scores: RadEvalScores) -> str:
    """Return RadEval's scores under its own names."""
    names = list(next(iter(scores.rows.values())))
    rows = [(row, *(f"{of[name]:.3f}" for name in names)) for row, of in scores.rows.items()]
    return "\n\n".join(
        [
            f"RadEval {scores.version}, another protocol: compare with other scores of RadEval only.",
            table(("reports", *names), rows),
        ]
    )


def _cell(estimate: Estimate, *, sign: str = "") -> str:
    if isnan(estimate.low):
        return f"{estimate.mean:{sign}.3f}"
    return f"{estimate.mean:{sign}.3f} [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"
