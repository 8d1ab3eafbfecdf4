"""``radrag eval``: scores, beside the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from radrag.cli.eval_grounding import grounding
from radrag.cli.eval_reports import reports
from radrag.cli.eval_retrieval import retrieval
from radrag.cli.output import JSON_OPTION, emit, progress, table
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.evaluation.labeler import LabelerScores


@click.group()
def command() -> None:
    """Score parts of radrag against references and trivial baselines."""


command.add_command(retrieval)
command.add_command(grounding)
command.add_command(reports)


@command.command()
@click.option(
    "--part",
    type=click.Choice(["all", "development", "held-out"]),
    default="all",
    show_default=True,
    help="All reports, the half that the rules were developed on, or the other half.",
)
@JSON_OPTION
@click.pass_obj
def labeler(settings: Settings, part: str, as_json: bool) -> None:
    """Score the report labeler against the manual MeSH codes of the IU reports, by label."""
    from data_prep.iu_xray import bundled_reports
    from radrag.evaluation.labeler import evaluate_labeler, split

    with progress("Labelling the IU reports") as advance:
        cases = list(bundled_reports(salt=settings.salt()))
        development, held_out = split(cases)
        chosen = {"all": cases, "development": development, "held-out": held_out}[part]
        scores = evaluate_labeler(chosen)
        advance(len(chosen))
    if as_json:
        emit({"part": part} | scores.as_dict())
    else:
        click.echo(labeler_report(scores, part))


def labeler_report(scores: LabelerScores, part: str) -> str:
    """Return the scores as two tables: the labeler by label, then every method beside it."""
    by_label = [
        (score.label, score.support, f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}")
        for score in sorted(scores.labeler.labels, key=lambda score: -score.support)
    ]
    methods = [
        (m.method, f"{m.micro_f1:.3f}", f"{m.macro_f1:.3f}", f"{100 * m.false_positive_rate:.1f} %", len(m.labels))
        for m in scores.methods
    ]
    header = (
        f"{part} reports: n = {scores.n:,} ({scores.normal:,} coded normal; {scores.skipped:,} without text or code)"
    )
    return "\n\n".join(
        [
            header,
            table(("label", "coded", "precision", "recall", "F1"), by_label, right=(1, 2, 3, 4)),
            table(("method", "micro-F1", "macro-F1", "false positives", "labels"), methods, right=(1, 2, 3, 4)),
            "false positives: share of reports coded normal in which a label of the table was found",
        ]
    )
