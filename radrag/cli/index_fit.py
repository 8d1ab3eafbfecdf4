"""``radrag index fit``: how much each channel counts, learnt from queries with known labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.options import ENCODER, ENCODER_WEIGHTS, MANIFEST
from radrag.cli.output import JSON_OPTION, emit, say, table
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.evaluation.fitting import WeightsFit
    from radrag.retrieval.weights import Weights


@click.command()
@MANIFEST
@click.option("--split", default="train", show_default=True, metavar="NAME", help="Rows of this split; '' for all.")
@ENCODER
@ENCODER_WEIGHTS
@click.option("--dry-run", is_flag=True, help="Save nothing.")
@JSON_OPTION
@click.pass_obj
def fit(
    settings: Settings,
    path: Path,
    split: str,
    encoder: str | None,
    encoder_weights: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fit the weights of the current index's channels to queries with known labels, and keep what helps.

    Rows with an image say how images are searched, rows with a text how words are. The gain is held out: each query is
    scored with weights fitted to other patients. What gains nothing so is not saved. Give no images that the image
    encoder was itself fitted on: it is too sure of them.
    """
    from radrag.cli.eval_retrieval import manifest_queries
    from radrag.corpus.snapshot import current_index
    from radrag.evaluation.fitting import fit_weights
    from radrag.evaluation.manifest import read_query_manifest
    from radrag.evaluation.relevance import Relevance
    from radrag.retrieval.weights import save_weights
    from radrag.workspace import Workspace

    manifest = read_query_manifest(path, split=split)
    workspace = Workspace(settings.with_changes(encoder=encoder, encoder_weights=encoder_weights))
    cases, retriever = workspace.snapshot.cases, workspace.retriever
    queries = manifest_queries(workspace, manifest, cases)
    relevance = Relevance({name: case.labels for name, case in cases.items()})
    tried = {way: fit_weights(queries, retriever, relevance, words=way == "words") for way in ("image", "words")}
    fits = {way: found for way, found in tried.items() if found is not None}
    if not fits:
        raise UsageError("Fewer than two patients have a query with a known label.", hint="Fill label columns.")
    better = {way: found.weights for way, found in fits.items() if found.gain.mean > 0}
    saved = None
    if better and not dry_run:
        weights = _with(retriever.weights, better, {"manifest": path.name, "split": split, "queries": len(queries)})
        saved = save_weights(current_index(settings.indexes), weights)
    if as_json:
        shown = {way: _to_dict(found, retriever.weights, way) for way, found in fits.items()}
        emit({"index": workspace.snapshot.manifest.index_id, "fits": shown, "saved": str(saved) if saved else None})
        return
    for way, found in fits.items():
        click.echo(_report(found, retriever.weights, way))
    say(f"Saved: {saved}" if saved else "Nothing saved" + (" (dry run)." if dry_run else ": no held-out gain."))


def _with(known: Weights, better: Mapping[str, Mapping[str, float]], source: Mapping[str, str | int]) -> Weights:
    """Return the weights with those that were fitted in place."""
    from dataclasses import replace

    return replace(
        known,
        image=better.get("image", known.image),
        words=better.get("words", known.words),
        source=dict(source),
    )


def _of(weights: Weights, way: str) -> Mapping[str, float]:
    return weights.words if way == "words" else weights.image


def _to_dict(found: WeightsFit, known: Weights, way: str) -> dict[str, Any]:
    return {
        "queries": found.queries,
        "patients": found.patients,
        "weights": {"before": dict(_of(known, way)), "after": dict(found.weights)},
        "ndcg_at_10": {"before": round(found.before, 4), "after": round(found.after, 4)},
        "held_out_gain": found.gain.as_dict(),
    }


def _report(found: WeightsFit, known: Weights, way: str) -> str:
    """Return the weights before and after, and what they gain."""
    before = _of(known, way)
    names = sorted({*before, *found.weights})
    rows = [(name, f"{before.get(name, 0):g}", f"{found.weights.get(name, 0):g}") for name in names]
    gain = found.gain
    return (
        f"Searching with {'words' if way == 'words' else 'images'}: {found.queries:,} queries of "
        f"{found.patients:,} patients.\n\n{table(('channel', 'before', 'after'), rows, right=(1, 2))}\n\n"
        f"nDCG@10 {found.before:.3f} before, {found.after:.3f} after on the same queries; "
        f"held-out gain {gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] "
        "(95 % interval, bootstrap by patient).\n"
    )
