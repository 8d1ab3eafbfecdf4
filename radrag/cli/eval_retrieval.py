"""``radrag eval retrieval``: how well cases are found for the queries of a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.options import ENCODER, ENCODER_WEIGHTS, MANIFEST, SPLIT
from radrag.cli.output import JSON_OPTION, emit, progress, say, say_refused, table
from radrag.errors import MissingDependency, StudyRefused
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.corpus.catalogue import IndexedCase
    from radrag.corpus.snapshot import Snapshot
    from radrag.evaluation.encoding import EncodedImage
    from radrag.evaluation.intervals import Estimate
    from radrag.evaluation.manifest import QueryManifest
    from radrag.evaluation.queries import EvaluationQuery
    from radrag.evaluation.retrieval import RetrievalScores
    from radrag.evaluation.tables import Table
    from radrag.retrieval.channels import Channel
    from radrag.workspace import Workspace


@click.command()
@MANIFEST
@SPLIT
@ENCODER
@ENCODER_WEIGHTS
@click.option("-k", "depth", type=click.IntRange(10, 1000), default=20, show_default=True, help="Results scored.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for JSON, TREC files and plots.")
@JSON_OPTION
@click.pass_obj
def retrieval(
    settings: Settings,
    path: Path,
    split: str,
    encoder: str | None,
    encoder_weights: Path | None,
    depth: int,
    out: Path | None,
    as_json: bool,
) -> int:
    """Score retrieval on queries with known labels, beside random, single channels and the best order possible.

    The current index is searched. A patient's own cases never count, except for finding an image's own report.
    """
    from radrag.evaluation.manifest import read_query_manifest
    from radrag.evaluation.plain_findings import PlainFindings
    from radrag.evaluation.relevance import Relevance
    from radrag.evaluation.retrieval import evaluate_retrieval
    from radrag.evaluation.retrieval_files import scores_as_dict, write_evaluation, write_plots
    from radrag.evaluation.variants import variants
    from radrag.optional import require
    from radrag.workspace import Workspace

    require("ir_measures", extra="metrics")
    manifest = read_query_manifest(path, split=split)
    if manifest.ignored:
        say(f"Ignored columns: {', '.join(map(_ignored, manifest.ignored))}.")
    workspace = Workspace(settings.with_changes(encoder=encoder, encoder_weights=encoder_weights))
    snapshot, channels = _index(workspace)
    queries = manifest_queries(workspace, manifest, snapshot.cases)
    relevance = Relevance({name: case.labels for name, case in snapshot.cases.items()})
    baselines = [PlainFindings(snapshot.cases)]
    searches = variants(workspace.retriever, channels, depth=depth, baselines=baselines)
    with progress("Searching", sum(bool(query.truth) for query in queries)) as advance:
        scores = evaluate_retrieval(queries, searches, relevance, depth=depth, seed=settings.seed, progress=advance)
    about = _about(workspace, snapshot, path, split, manifest)
    if as_json:
        emit(scores_as_dict(scores, about))
    else:
        click.echo(retrieval_report(scores))
    if out is not None:
        written = write_evaluation(out, scores, about, queries, relevance)
        try:
            written += write_plots(out, scores)
        except MissingDependency as error:
            say(f"No plot: {error}")
        say(f"{out}: {', '.join(written)}")
    return 1 if scores.failed else 0


def _ignored(column: str) -> str:
    """Name an ignored column, and the label that a slip of the pen may have kept it from being."""
    from difflib import get_close_matches

    from radrag.reports.vocabulary import NAMES, NIH, NO_FINDING, to_nih

    labels = {*NAMES, *(str(to_nih(name)) for name in NIH)} - {NO_FINDING}  # "finding" is a common column
    spellings = {name.casefold(): name for name in sorted(labels)}
    near = get_close_matches(column.casefold(), spellings, n=1, cutoff=0.8)
    return f"{column} (is it {spellings[near[0]]}?)" if near else column


def _index(workspace: Workspace) -> tuple[Snapshot, Sequence[Channel]]:
    """Load the current index and each of its channels alone."""
    from radrag.corpus.snapshot import current_index, load_snapshot

    return load_snapshot(current_index(workspace.settings.indexes)), workspace.retriever.channels


def manifest_queries(
    workspace: Workspace, manifest: QueryManifest, cases: Mapping[str, IndexedCase]
) -> list[EvaluationQuery]:
    """Encode the images and put the queries together; what is refused is named."""
    from data_prep.kinds import KINDS
    from radrag.corpus.snapshot import encoder_identity
    from radrag.evaluation.encoding import encode_images
    from radrag.evaluation.queries import EMPTY_ROW, QueryBuilder

    settings = workspace.settings
    images: dict[int, EncodedImage] = {}
    refused: dict[int, StudyRefused] = {}
    with_image = [row for row in manifest.rows if row.image is not None]
    if with_image:
        with progress("Encoding images", len(with_image)) as advance:
            images, refused = encode_images(
                with_image, workspace.image_encoder, settings.cache, salt=settings.salt(), progress=advance
            )
    say_refused(list(refused.values()))
    holders: dict[str, list[str]] = {image.file_sha256: [] for image in images.values()}
    for record in workspace.store.iter_images() if holders else ():
        if record.image.file_sha256 in holders:
            holders[record.image.file_sha256].append(record.case_id)
    collections = {*KINDS, *(corpus.name for corpus in workspace.store.corpora())}
    indexed_by = dict(workspace.snapshot.manifest.image_encoder)
    builder = QueryBuilder(
        cases,
        workspace.labeler,
        salt=settings.salt(),
        collections=collections,
        holders=holders,
        same_encoder=bool(images) and indexed_by == encoder_identity(workspace.image_encoder),
    )
    queries = builder.build(manifest, images, refused)
    blank = [query.query_id for query in queries if query.failure == EMPTY_ROW]
    if blank:
        say(f"Rows with neither image nor text [{EMPTY_ROW}]: {', '.join(blank)}.")
    unknown = sum(bool(row.case) and row.case not in cases for row in manifest.rows)
    if unknown:
        say(f"{unknown} rows name a case that the index does not hold.")
    return queries


def _about(workspace: Workspace, snapshot: Snapshot, path: Path, split: str, manifest: QueryManifest) -> dict[str, Any]:
    """Return what was evaluated, so that scores are never compared across different things."""
    from radrag.disk import sha256_of

    about: dict[str, Any] = {
        "manifest": {"name": path.name, "sha256": sha256_of(path), "split": split, "labels": list(manifest.labels)},
        "queries": len(manifest.rows),
        "index": {
            "id": snapshot.manifest.index_id,
            "sha256": snapshot.manifest.sha256,
            "corpora": dict(snapshot.manifest.corpora),
        },
        "encoder": None,
        "seed": workspace.settings.seed,
    }
    if any(row.image is not None for row in manifest.rows):
        card = workspace.image_encoder.card
        about["encoder"] = {"name": card.name, "version": card.version, "sha256": card.sha256}
    return about


def retrieval_report(scores: RetrievalScores) -> str:
    """Return the scores as tables: every variant, differences, by finding, and exact pairs."""
    overall = scores.overall
    lines = [
        f"Label agreement: n = {len(overall.queries):,} queries of {overall.patients:,} patients, "
        f"{scores.cases:,} cases, on average {overall.relevant:,.0f} relevant. "
        f"{len(scores.failed)} failed and {len(scores.empty)} without results count 0; "
        f"{len(scores.unjudged)} without a known label are left out.",
        _variants(overall),
        *_abnormal(scores.abnormal),
        "Differences to single channels and to random, paired:",
        table(
            ("difference", *scores.differences[0].estimates),
            [
                (f"{one.variant} − {one.against}", *(_cell(value, sign="+") for value in one.estimates.values()))
                for one in scores.differences
            ],
        ),
        "By finding, nDCG@10 (relevant: cases that state it):",
        _by_finding(scores),
    ]
    if scores.pairs:
        lines += [
            f"The image's own report among all: n = {len(scores.pairs.queries):,} queries "
            f"of {scores.pairs.patients:,} patients.",
            _variants(scores.pairs),
        ]
    return "\n\n".join([*lines, "In brackets: 95 % intervals, bootstrap by patient."])


def _variants(scores: Table) -> str:
    names = next(iter(scores.estimates.values()))
    rows = [(variant, *(_cell(value) for value in of.values())) for variant, of in scores.estimates.items()]
    return table(("variant", *names), rows)


def _abnormal(scores: Table | None) -> list[str]:
    if scores is None:
        return []
    return [
        f"Of these, with a finding: n = {len(scores.queries):,} of {scores.patients:,} patients.",
        _variants(scores),
    ]


def _by_finding(scores: RetrievalScores) -> str:
    """Return a row a finding; the first variant with its interval. The oracle's is 1 wherever a case is relevant."""
    from radrag.evaluation.baselines import ORACLE
    from radrag.evaluation.retrieval import MAIN_MEASURE

    names = [name for name in scores.overall.estimates if name != ORACLE]
    rows = []
    for label, found in scores.findings.items():
        first, *others = (found.estimates[name][MAIN_MEASURE] for name in names)
        cells = (_cell(first), *(f"{estimate.mean:.3f}" for estimate in others))
        rows.append((label, f"{len(found.queries):,}", f"{found.relevant:,.0f}", *cells))
    first, *others = (scores.by_finding[name] for name in names)
    rows.append(("mean of findings", "", "", _cell(first), *(f"{estimate.mean:.3f}" for estimate in others)))
    return table(("finding", "n", "relevant", *names), rows, right=(1, 2))


def _cell(estimate: Estimate, *, sign: str = "") -> str:
    if isnan(estimate.low):
        return f"{estimate.mean:{sign}.3f}"
    return f"{estimate.mean:{sign}.3f} [{estimate.low:{sign}.3f}, {estimate.high:{sign}.3f}]"
