"""``radrag audit hubs``: which cases are found for too many queries, and which never."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.options import ENCODER, ENCODER_WEIGHTS, MANIFEST
from radrag.cli.output import JSON_OPTION, emit, progress, table
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.audit.hubs import HubScores
    from radrag.corpus.catalogue import Catalogue
    from radrag.evaluation.queries import EvaluationQuery
    from radrag.workspace import Workspace


@click.command()
@MANIFEST
@click.option("--split", default="", metavar="NAME", help="Rows of this split only, such as val.")
@ENCODER
@ENCODER_WEIGHTS
@click.option("-k", "depth", type=click.IntRange(1, 1000), default=20, show_default=True, help="Results counted.")
@JSON_OPTION
@click.pass_obj
def hubs(
    settings: Settings,
    path: Path,
    split: str,
    encoder: str | None,
    encoder_weights: Path | None,
    depth: int,
    as_json: bool,
) -> int:
    """Count how often each case of the current index is found for the queries of a manifest.

    Cases with the same text count as one, as in a search. A query that failed counts as one without results.
    """
    from radrag.cli.eval_retrieval import manifest_queries
    from radrag.evaluation.manifest import read_query_manifest
    from radrag.workspace import Workspace

    workspace = Workspace(settings.with_changes(encoder=encoder, encoder_weights=encoder_weights))
    queries = manifest_queries(workspace, read_query_manifest(path, split=split), workspace.snapshot.cases)
    scores = counted(workspace, queries, depth)
    failed = sum(bool(query.failure) for query in queries)
    if as_json:
        emit(scores.as_dict() | {"index": workspace.snapshot.manifest.index_id, "failed": failed} | _about(workspace))
    else:
        click.echo(hubs_report(scores))
    return 1 if failed else 0


def counted(workspace: Workspace, queries: Sequence[EvaluationQuery], depth: int) -> HubScores:
    """Search all queries, with a progress bar, and count what is found."""
    from radrag.audit.hubs import hub_scores

    cases = workspace.snapshot.cases
    rankings = []
    with progress("Searching", len(queries)) as advance:
        for query in queries:
            hits = workspace.retriever.search(query.search, depth) if query.search else ()
            rankings.append([cases[hit.case_id].twin for hit in hits])
            advance(1)
    return hub_scores(rankings, _distinct(cases), depth=depth, labels=_labels(cases), seed=workspace.settings.seed)


def _about(workspace: Workspace) -> dict[str, Any]:
    return {"sha256": workspace.snapshot.manifest.sha256, "seed": workspace.settings.seed}


def _distinct(cases: Catalogue) -> list[str]:
    """Return the cases that stand for all with their text."""
    return [name for name, case in cases.items() if case.twin in ("", name)]


def _labels(cases: Catalogue) -> dict[str, list[str]]:
    return {
        name: [label for label, value in cases.labels(cases.row(name)).items() if value > 0]
        for name in _distinct(cases)
    }


def hubs_report(scores: HubScores) -> str:
    """Return the counts as tables: spread, most retrieved, coverage by label."""
    from radrag.audit.hubs import LEAST_CASES

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    most = [(hub.case_id, hub.queries, f"{100 * hub.queries / scores.queries:.1f} %") for hub in scores.most]
    labels = [one for one in scores.labels if one.cases >= LEAST_CASES]
    return "\n\n".join(
        [
            f"{scores.queries:,} queries, first {scores.depth} results of {scores.cases:,} distinct reports; "
            f"{scores.results:,} results, {scores.empty:,} queries without any.",
            table(
                ("", "this search", "random results"),
                [
                    (
                        "skewness of how often a report is found",
                        *map(number, (scores.skewness, scores.random_skewness)),
                    ),
                    ("never found", f"{100 * scores.never:.1f} %", f"{100 * scores.random_never:.1f} %"),
                    (
                        "results taken by the most found hundredth",
                        f"{100 * scores.top_share:.1f} %",
                        f"{100 * scores.random_top_share:.1f} %",
                    ),
                ],
                right=(1, 2),
            ),
            "Most often found:",
            table(("case", "queries", "share"), most, right=(1, 2)),
            f"Found at least once, of the reports that state a label (labels of {LEAST_CASES} reports or more):",
            table(
                ("label", "reports", "found", "share"),
                [(one.label, one.cases, one.found, f"{100 * one.found / one.cases:.1f} %") for one in labels],
                right=(1, 2, 3),
            ),
        ]
    )
