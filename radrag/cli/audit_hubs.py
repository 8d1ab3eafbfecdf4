"""``radrag audit hubs``: which cases are found for too many queries, and which never."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.audit_text import section_text
from radrag.cli.options import ENCODER, ENCODER_WEIGHTS, MANIFEST, SPLIT
from radrag.cli.output import JSON_OPTION, emit, progress
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.audit.hubs import HubScores
    from radrag.evaluation.queries import EvaluationQuery
    from radrag.workspace import Workspace


@click.command()
@MANIFEST
@SPLIT
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
    from radrag.audit.hubs import section
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
        click.echo(section_text(section(scores)))
    return 1 if failed else 0


def counted(workspace: Workspace, queries: Sequence[EvaluationQuery], depth: int) -> HubScores:
    """Search all queries, with a progress bar, and count what is found."""
    from radrag.audit.hubs import count_hubs

    rankings = []
    with progress("Searching", len(queries)) as advance:
        for query in queries:
            hits = workspace.retriever.search(query.search, depth) if query.search else ()
            rankings.append([hit.case_id for hit in hits])
            advance(1)
    return count_hubs(rankings, workspace.snapshot.cases, depth=depth, seed=workspace.settings.seed)


def _about(workspace: Workspace) -> dict[str, Any]:
    return {"sha256": workspace.snapshot.manifest.sha256, "seed": workspace.settings.seed}
