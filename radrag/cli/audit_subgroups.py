"""``radrag audit subgroups``: scores by sex, age, view, manufacturer and corpus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.audit_text import section_text
from radrag.cli.options import ENCODER, ENCODER_WEIGHTS, MANIFEST, SPLIT
from radrag.cli.output import JSON_OPTION, emit, progress, say
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.audit.attributes import Attributes
    from radrag.audit.group_measures import Measure
    from radrag.audit.subgroups import SubgroupAudit
    from radrag.evaluation.queries import EvaluationQuery
    from radrag.workspace import Workspace

RETRIEVAL, FINDINGS, REPORTS = "retrieval", "findings", "reports"
DEPTH = 20
GIVEN = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@MANIFEST
@SPLIT
@click.option(
    "--of",
    "kind",
    type=click.Choice([RETRIEVAL, FINDINGS, REPORTS]),
    default=RETRIEVAL,
    show_default=True,
    help="Whose scores: the search's, the image encoder's, or those of a file of reports.",
)
@click.option("--by", default="sex,age,view,manufacturer,corpus", show_default=True, help="Attributes, comma between.")
@click.option(
    "--min-n",
    "least",
    type=click.IntRange(2),
    default=20,
    show_default=True,
    help="Smaller groups are listed, not scored.",
)
@click.option(
    "--label", "labels", multiple=True, metavar="NAME", help="With --of findings: this label only; may be given again."
)
@click.option(
    "--references", type=GIVEN, help="With --of reports: the references, as radrag eval reports reads or writes them."
)
@click.option("--predictions", type=GIVEN, help="With --of reports: the predictions.")
@ENCODER
@ENCODER_WEIGHTS
@JSON_OPTION
@click.pass_obj
def subgroups(
    settings: Settings,
    path: Path,
    split: str,
    kind: str,
    by: str,
    least: int,
    labels: tuple[str, ...],
    references: Path | None,
    predictions: Path | None,
    encoder: str | None,
    encoder_weights: Path | None,
    as_json: bool,
) -> int:
    """Score groups of queries against all others, with intervals by patient.

    Attributes come from columns of the manifest (sex, age, view, manufacturer, corpus), else from DICOM headers; what
    is missing is a group of its own. The exit code is 1 when images were refused.
    """
    from radrag.audit.attributes import read_attributes, unused_columns
    from radrag.audit.query_measures import of_reports
    from radrag.audit.sections_subgroups import section
    from radrag.audit.subgroups import audit_subgroups
    from radrag.evaluation.manifest import read_query_manifest
    from radrag.evaluation.report_findings import FindingsReader
    from radrag.workspace import Workspace

    if (kind == REPORTS) != (references is not None and predictions is not None):
        raise UsageError("--of reports takes --references and --predictions, and nothing else does.")
    if labels and kind != FINDINGS:
        raise UsageError("--label belongs to --of findings.")
    manifest = read_query_manifest(path, split=split)
    if unused := unused_columns(manifest):
        say(f"Ignored columns: {', '.join(unused)}.")
    workspace = Workspace(settings.with_changes(encoder=encoder, encoder_weights=encoder_weights))
    attributes = read_attributes(path, manifest)
    wanted = [name.strip() for name in by.split(",") if name.strip()]
    failed = 0
    if references is not None and predictions is not None:
        described = list(attributes.values())
        texts = (_texts(references, "references"), _texts(predictions, "predictions"))
        measures = of_reports([one.study for one in described], *texts, FindingsReader(workspace.labeler))
        patients = [row.patient or row.query_id for row in manifest.rows]
        result = audit_subgroups(measures, described, patients, by=wanted, least=least, seed=settings.seed)
    else:
        from radrag.cli.eval_retrieval import manifest_queries

        queries = manifest_queries(workspace, manifest, workspace.snapshot.cases)
        failed = sum(bool(query.failure) for query in queries)
        result = grouped(workspace, queries, attributes, kind=kind, labels=labels, by=wanted, least=least)
    if as_json:
        emit(result.as_dict() | {"of": kind, "by": wanted, "seed": settings.seed})
    else:
        click.echo(section_text(section(result)))
    return 1 if failed else 0


def grouped(
    workspace: Workspace,
    queries: Sequence[EvaluationQuery],
    attributes: Mapping[str, Attributes],
    *,
    kind: str = RETRIEVAL,
    labels: Sequence[str] = (),
    by: Sequence[str] = (),
    least: int = 20,
) -> SubgroupAudit:
    """Score groups of queries: of retrieval, or of image findings.

    Args:
        attributes: query id → attributes.
        by: names of attributes; empty for all.
    """
    from radrag.audit.attributes import ATTRIBUTES
    from radrag.audit.query_measures import of_findings
    from radrag.audit.subgroups import audit_subgroups

    measures = of_findings(queries, labels) if kind == FINDINGS else _retrieval(workspace, queries)
    return audit_subgroups(
        measures,
        [attributes[query.query_id] for query in queries],
        [query.patient for query in queries],
        by=by or ATTRIBUTES,
        least=least,
        seed=workspace.settings.seed,
    )


def _retrieval(workspace: Workspace, queries: Sequence[EvaluationQuery]) -> list[Measure]:
    import numpy as np

    from radrag.audit.query_measures import of_retrieval
    from radrag.audit.searched import NONE
    from radrag.evaluation.relevance import Relevance

    relevance = Relevance({name: case.labels for name, case in workspace.snapshot.cases.items()})
    hits = np.full((len(queries), DEPTH), NONE, dtype=np.int32)
    with progress("Searching", len(queries)) as advance:
        for row, query in enumerate(queries):
            found = workspace.retriever.search(query.search, DEPTH) if query.search else ()
            hits[row, : len(found)] = [relevance.place[hit.case_id] for hit in found]
            advance(1)
    return of_retrieval(queries, relevance, hits)


def _texts(path: Path, side: str) -> dict[str, str]:
    from radrag.evaluation.report_files import Part, Side, read_reports

    found = {name: text.part(Part.ALL) for name, text in read_reports(path, Side(side)).items()}
    if not any(found.values()):
        raise UsageError(f"{path.name} has no text in any report.")
    return found
