"""An index folder: found, loaded and listed. It is built in one go (:mod:`radrag.corpus.building`), then only read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from radrag.corpus.catalogue import Catalogue
from radrag.corpus.lexical import LexicalIndex
from radrag.disk import replacing
from radrag.encoders.alignment import Alignment, load_alignment
from radrag.encoders.base import ImageEncoder, TextEncoder
from radrag.errors import BadIndex
from radrag.index.base import VectorIndex
from radrag.index.faiss_index import FaissIndex
from radrag.index.manifest import Manifest, read_manifest

LABELS, TEXT, LEXICAL, IMAGE = "labels", "text", "lexical", "image"
SHARED, SHARED_IMAGES = "shared", "shared-images"
"""Reports and images in the space of an alignment, for indexes that were built with one."""
VECTORS = (TEXT, IMAGE, SHARED, SHARED_IMAGES)
"""Channels that are vector indexes; an index without images has no image channel."""
ALIGNMENT = "alignment"
"""Folder with a copy of the alignment: what was mapped by it is searched by it."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A loaded index: its manifest, its cases by id, what its channels search, and the alignment it was built with."""

    manifest: Manifest
    cases: Catalogue
    vectors: Mapping[str, VectorIndex]
    lexical: LexicalIndex
    alignment: Alignment | None = None


def encoder_identity(encoder: TextEncoder | ImageEncoder) -> dict[str, str]:
    """Return what a manifest says of an encoder; the card's hash covers all that decides its vectors."""
    card = encoder.card
    return {"name": card.name, "version": card.version, "sha256": card.sha256, "card_hash": card.card_hash}


def current_index(folder: Path) -> Path:
    """Return the folder of the current index.

    Raises:
        BadIndex: no index was built yet.
    """
    try:
        name = (folder / "current").read_text().strip()
    except OSError:
        raise BadIndex(
            "This workspace has no index.",
            hint="Run `radrag demo`, or: radrag corpus add iu-reports && radrag index build",
        ) from None
    return folder / name


def make_current(folder: Path, name: str) -> None:
    """Make an index of the workspace the current one."""
    with replacing(folder / "current") as part:
        part.write_text(name + "\n")


def index_folders(folder: Path) -> list[Path]:
    """Return the folders of all indexes of a workspace, by name, readable or not."""
    return [path for path in sorted(folder.glob("*")) if path.is_dir() and not path.name.startswith(".")]


def list_indexes(folder: Path) -> list[tuple[Manifest, bool]]:
    """Return the manifests of all readable indexes, and which one is current, newest first."""
    current = current_index(folder).name if (folder / "current").exists() else ""
    found = []
    for path in index_folders(folder):
        try:
            found.append((read_manifest(path), path.name == current))
        except BadIndex:  # of an earlier version; `index build` makes a new one beside it
            continue
    return sorted(found, key=lambda pair: pair[0].created_at, reverse=True)


def load_snapshot(folder: Path) -> Snapshot:
    """Load an index folder.

    Raises:
        BadIndex: it is missing or damaged.
        WeightsError: its alignment is.
    """
    manifest = read_manifest(folder)
    cases = Catalogue.load(folder / LABELS)
    vectors = {name: FaissIndex.load(folder / name) for name in VECTORS if name in manifest.channels}
    lexical = LexicalIndex.load(folder / LEXICAL, manifest.rows)
    counts = {name: len(index) for name, index in vectors.items()} | {LABELS: len(cases)}
    if any(counts[name] != manifest.channels[name]["rows"] for name in counts) or len(cases) != manifest.rows:
        raise BadIndex(f"Index {manifest.index_id} is incomplete.", hint="Rebuild it with: radrag index build")
    alignment = load_alignment(folder / ALIGNMENT) if SHARED in vectors else None
    return Snapshot(manifest, cases, vectors, lexical, alignment)
