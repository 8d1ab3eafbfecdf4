"""``radrag audit calibration``: whether probabilities mean what they say, and thresholds by their costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.audit_text import section_text
from radrag.cli.options import ENCODER, ENCODER_WEIGHTS, SPLIT
from radrag.cli.output import JSON_OPTION, emit, say, silent
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.audit.calibration import Items
    from radrag.evaluation.manifest import QueryManifest
    from radrag.workspace import Workspace

GIVEN = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--manifest", "path", type=GIVEN, help="CSV of images with label columns; see docs/retrieval_evaluation.md."
)
@SPLIT
@click.option(
    "--label", "labels", multiple=True, metavar="NAME", help="This label of the images only; may be given again."
)
@click.option("--support", is_flag=True, help="Strengths of the evidence of stored drafts, each quote read anew.")
@click.option(
    "--drafts",
    "most",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="With --support: the latest drafts.",
)
@click.option(
    "--items", type=GIVEN, help="CSV with columns probability (or strength), truth (or right), label, patient, id."
)
@click.option("--cost-miss", default=1.0, show_default=True, help="Cost of a missed finding.")
@click.option("--cost-false", default=1.0, show_default=True, help="Cost of a false alarm.")
@click.option("--bins", type=click.IntRange(2, 100), default=10, show_default=True, help="Bins of equal mass.")
@ENCODER
@ENCODER_WEIGHTS
@JSON_OPTION
@click.pass_obj
def calibration(
    settings: Settings,
    path: Path | None,
    split: str,
    labels: tuple[str, ...],
    support: bool,
    most: int,
    items: Path | None,
    cost_miss: float,
    cost_false: float,
    bins: int,
    encoder: str | None,
    encoder_weights: Path | None,
    as_json: bool,
) -> int:
    """Measure the calibration of image findings, of support strengths, or of a table; propose thresholds.

    Nothing is changed: a proposed threshold is printed with what it would do.
    """
    from radrag.audit.calibration import audit_calibration
    from radrag.audit.calibration_items import of_support, read_items, stored_drafts
    from radrag.audit.sections_calibration import section
    from radrag.audit.thresholds import Costs
    from radrag.evaluation.manifest import read_query_manifest
    from radrag.workspace import Workspace

    if path is None and items is None and not support:
        raise UsageError(
            "There is nothing to measure.", hint="Give --manifest, --support, --items, or several of them."
        )
    costs = Costs(cost_miss, cost_false)
    workspace = Workspace(settings.with_changes(encoder=encoder, encoder_weights=encoder_weights))
    sets: list[Items] = []
    if path is not None:
        manifest = read_query_manifest(path, split=split)
        if manifest.ignored:
            say(f"Ignored columns: {', '.join(manifest.ignored)}.")
        sets += findings(workspace, manifest, labels)
    if support:
        sets += of_support(stored_drafts(workspace.store, most), workspace.labeler.label_text)
    if items is not None:
        sets += read_items(items)
    result = audit_calibration(sets, costs=costs, bins=bins, seed=settings.seed)
    if as_json:
        emit(result.as_dict() | {"bins": bins, "seed": settings.seed})
    else:
        click.echo(section_text(section(result)))
    return 0


def findings(workspace: Workspace, manifest: QueryManifest, labels: tuple[str, ...] = ()) -> list[Items]:
    """Return the image findings of a manifest with their truth, and the thresholds in use.

    Raises:
        UsageError: labels that no image was assessed and judged for; all are listed.
    """
    from radrag.audit.calibration_items import of_findings
    from radrag.cli.eval_retrieval import manifest_queries

    queries = manifest_queries(workspace, manifest, workspace.snapshot.cases)
    return of_findings(queries, _thresholds(workspace, manifest), labels)


def _thresholds(workspace: Workspace, manifest: QueryManifest) -> dict[str, float]:
    """Return label → threshold, from what the cache now holds of the first image that was assessed."""
    from radrag.evaluation.encoding import encode_images

    for row in manifest.rows:
        with silent() as advance:
            images, _ = encode_images(
                [row],
                workspace.image_encoder,
                workspace.settings.cache,
                salt=workspace.settings.salt(),
                progress=advance,
            )
        known = {one.label: one.threshold for image in images.values() for one in image.findings if one.trained}
        if known:
            return known
    return {}
