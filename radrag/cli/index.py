"""``radrag index``: what is searched."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.index_fit import fit
from radrag.cli.output import JSON_OPTION, emit, progress, say, table
from radrag.errors import UsageError
from radrag.models.weights import SHIPPED_ENCODERS
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.index.manifest import Manifest
    from radrag.workspace import Workspace


SHOWN = 20
"""Unknown cases named in an error."""

LEAST_RECALL = 0.95
"""Self-recall below which an approximate index is called broken."""


@click.group()
def command() -> None:
    """Build, fit, list and verify search indexes."""


command.add_command(fit)


@command.command()
@click.option("--no-images", is_flag=True, help="Do not index the images that cases hold.")
@click.option(
    "--alignment",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="[RUN]",
    is_flag=False,
    flag_value=SHIPPED_ENCODERS,
    help="Let images find reports in one space with them too, and words images: that of a run of `radrag train align`, "
    "or without RUN the one that comes with radrag.",
)
@click.option("--kind", metavar="KIND", help="flat, fp16, sq8, hnsw or ivfpq  [default: by rows and memory]")
@click.option("--memory", type=click.IntRange(min=1), default=4096, show_default=True, help="MiB for each channel.")
@click.option(
    "--leave-out",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="File of case ids, one a line, that are not indexed, such as leave_out_cases.txt of radrag audit leakage.",
)
@JSON_OPTION
@click.pass_obj
def build(
    settings: Settings,
    no_images: bool,
    alignment: Path | None,
    kind: str | None,
    memory: int,
    leave_out: Path | None,
    as_json: bool,
) -> None:
    """Index every case of the workspace and make this the current index.

    Reports are indexed by their findings, words and meaning, and the images that cases hold by the image encoder.
    """
    from radrag.workspace import Workspace

    if alignment and no_images:
        raise UsageError("An alignment is for images: it cannot go with --no-images.")
    workspace = Workspace(settings)
    left_out = _left_out(workspace, leave_out) if leave_out else ()
    manifest = build_index(
        workspace, images=not no_images, alignment=alignment, kind=kind, memory=memory << 20, left_out=left_out
    )
    if as_json:
        emit(asdict(manifest))
    else:
        without = f", {len(left_out):,} left out" if left_out else ""
        channels = ", ".join(manifest.channels)
        click.echo(f"Index {manifest.index_id}: {manifest.rows:,} cases{without}, channels {channels}.")


def _left_out(workspace: Workspace, path: Path) -> tuple[str, ...]:
    """Return the case ids of a file; blank lines and repeats do not count.

    Raises:
        UsageError: it is no text, or names cases that the workspace does not hold.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path.name} cannot be read as UTF-8 text.", hint="Give a case id a line.") from None
    names = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    held = {case_id for case_id, _, _ in workspace.store.iter_patients()}
    unknown = [name for name in names if name not in held]
    if unknown:
        shown = ", ".join(unknown[:SHOWN]) + (f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else "")
        raise UsageError(f"{path.name} names cases that the workspace does not hold: {shown}.")
    return names


def build_index(
    workspace: Workspace,
    *,
    images: bool = True,
    alignment: Path | None = None,
    kind: str | None = None,
    memory: int = 4 << 30,
    left_out: Collection[str] = (),
) -> Manifest:
    """Build the workspace's index from its store; the image encoder is loaded only when a case holds an image.

    And where there is an alignment, the folder of one, which stands behind it.
    """
    from radrag.corpus.building import build_snapshot
    from radrag.encoders.alignment import load_alignment

    aligned = load_alignment(alignment) if alignment else None
    encoder = workspace.text_encoder
    held = images and (aligned is not None or any(record.image.path for record in workspace.store.iter_images()))
    with progress("Indexing cases", workspace.store.count_cases()) as advance:
        return build_snapshot(
            workspace.store,
            encoder,
            workspace.settings.indexes,
            image_encoder=workspace.image_encoder if held else None,
            alignment=aligned,
            kind=kind,
            memory=memory,
            left_out=left_out,
            progress=advance,
        )


@command.command("list")
@JSON_OPTION
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List the indexes of the workspace, newest first."""
    from radrag.corpus.snapshot import list_indexes

    found = list_indexes(settings.indexes)
    if as_json:
        emit([asdict(manifest) | {"current": current} for manifest, current in found])
    elif not found:
        say("The workspace has no index. Build one with: radrag index build")
    else:
        rows = [
            (
                "*" if current else "",
                m.index_id,
                f"{m.rows:,}",
                ", ".join(m.corpora),
                m.text_encoder["name"],
                m.created_at,
            )
            for m, current in found
        ]
        click.echo(table(("", "index", "cases", "corpora", "text encoder", "built"), rows, right=(2,)))


@command.command()
@JSON_OPTION
@click.pass_obj
def verify(settings: Settings, as_json: bool) -> None:
    """Check the current index: files against their checksums, cases against the store, vectors against themselves.

    Self-recall is the share of 1,000 stored vectors that a search for them finds: 1 in an exact index.
    """
    from radrag.corpus.snapshot import current_index, load_snapshot
    from radrag.errors import BadIndex
    from radrag.index.checks import self_recall
    from radrag.index.manifest import verify_content
    from radrag.workspace import Workspace

    folder = current_index(settings.indexes)
    manifest = verify_content(folder)
    snapshot = load_snapshot(folder)
    if Workspace(settings).store.corpus_fingerprint() != manifest.corpus_sha256:
        raise BadIndex(
            f"Index {manifest.index_id} was built from other cases than the store now holds.",
            hint="Rebuild it with: radrag index build",
        )
    recall = {name: self_recall(index) for name, index in snapshot.vectors.items()}
    if min(recall.values(), default=1.0) < LEAST_RECALL:
        raise BadIndex(
            f"Index {manifest.index_id} does not find its own vectors: self-recall {recall}.",
            hint="Rebuild it with: radrag index build",
        )
    if as_json:
        emit({"index": manifest.index_id, "ok": True, "self_recall": recall})
    else:
        found = ", ".join(f"{name} {share:.3f}" for name, share in recall.items())
        say(f"Index {manifest.index_id}: {manifest.rows:,} cases, whole and up to date; self-recall {found}.")
