"""``radrag audit retrieval``: what retrieval does over the queries of a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.audit_text import section_text
from radrag.cli.options import ENCODER, ENCODER_WEIGHTS, MANIFEST, SPLIT
from radrag.cli.output import JSON_OPTION, emit, progress, say
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.audit.retrieval import RetrievalAudit
    from radrag.evaluation.queries import EvaluationQuery
    from radrag.workspace import Workspace


@click.command()
@MANIFEST
@SPLIT
@ENCODER
@ENCODER_WEIGHTS
@click.option("-k", "depth", type=click.IntRange(10, 1000), default=20, show_default=True, help="Results audited.")
@JSON_OPTION
@click.pass_obj
def retrieval(
    settings: Settings,
    path: Path,
    split: str,
    encoder: str | None,
    encoder_weights: Path | None,
    depth: int,
    as_json: bool,
) -> int:
    """Audit retrieval: measures by finding, scores, channels, number of hits, drift over time, hubs.

    Columns date, or the dates of DICOM headers, say which month a query belongs to; without any, the manifest's order
    counts as time. A patient's own cases are never found. The exit code is 1 when images were refused.
    """
    from radrag.audit import hubs
    from radrag.audit.attributes import read_attributes, unused_columns
    from radrag.audit.sections_retrieval import section
    from radrag.cli.eval_retrieval import manifest_queries
    from radrag.evaluation.manifest import read_query_manifest
    from radrag.workspace import Workspace

    manifest = read_query_manifest(path, split=split)
    if unused := unused_columns(manifest):
        say(f"Ignored columns: {', '.join(unused)}.")
    workspace = Workspace(settings.with_changes(encoder=encoder, encoder_weights=encoder_weights))
    queries = manifest_queries(workspace, manifest, workspace.snapshot.cases)
    attributes = read_attributes(path, manifest)
    result = audited(workspace, queries, [attributes[query.query_id].date for query in queries], depth)
    if as_json:
        index = workspace.snapshot.manifest
        emit(result.as_dict() | {"index": {"id": index.index_id, "sha256": index.sha256}, "seed": settings.seed})
    else:
        click.echo("\n\n".join(section_text(one) for one in (section(result), hubs.section(result.hubs))))
    return 1 if result.abstentions.failed else 0


def audited(
    workspace: Workspace, queries: Sequence[EvaluationQuery], dates: Sequence[str], depth: int
) -> RetrievalAudit:
    """Search the current index for queries and audit what is found.

    Args:
        dates: ISO 8601 of each query; empty where unknown.
    """
    from radrag.audit.retrieval import audit_retrieval
    from radrag.audit.searched import search_all
    from radrag.evaluation.relevance import Relevance

    cases, seed = workspace.snapshot.cases, workspace.settings.seed
    relevance = Relevance({name: case.labels for name, case in cases.items()})
    with progress("Searching", len(queries)) as advance:
        searched = search_all(queries, workspace.retriever, relevance, depth=depth, seed=seed, progress=advance)
    return audit_retrieval(queries, searched, relevance, cases, dates=dates, seed=seed)
