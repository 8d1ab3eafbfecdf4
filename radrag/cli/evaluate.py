"""``radrag eval``: scores, beside the baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import click

from radrag.cli.output import JSON_OPTION, emit, progress, table
from radrag.domain import Case
from radrag.settings import Settings


@click.group()
def command() -> None:
    """Score parts of radrag against references and trivial baselines."""


@command.command()
@JSON_OPTION
@click.pass_obj
def labeler(settings: Settings, as_json: bool) -> None:
    """Score the report labeler against the manual MeSH codes of all IU reports."""
    from data_prep.iu_xray import bundled_reports
    from radrag.evaluation.labeler import evaluate_labeler

    with progress("Labelling the IU reports", 3955) as advance:
        scores = evaluate_labeler(_counted(bundled_reports(salt=settings.salt()), advance))
    if as_json:
        emit(scores.as_dict())
    else:
        click.echo(table(scores.header(), scores.rows(), right=tuple(range(1, len(scores.header())))))
        click.echo("\n" + scores.summary())


def _counted(cases: Iterable[Case], advance: Callable[[int], None]) -> Iterator[Case]:
    """Pass the cases on, one step of progress each."""
    for case in cases:
        yield case
        advance(1)
