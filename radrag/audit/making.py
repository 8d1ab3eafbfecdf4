"""What an audit was made of: versions, hashes and counts; numbers of different things are not to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radrag import __version__
from radrag.audit.document import Made
from radrag.corpus.snapshot import current_index
from radrag.disk import sha256_of
from radrag.errors import BadIndex
from radrag.index.manifest import read_manifest
from radrag.store.canonical import sha256, utc_now

if TYPE_CHECKING:
    from radrag.workspace import Workspace

CARD = ("name", "version", "sha256", "card_hash")


def made_of(workspace: Workspace, command: str, *, manifest: Path | None = None, queries: int = 0) -> Made:
    """Return what an audit of a workspace is made of.

    To be asked for after the work. The encoder is the one that encoded images, else that of the index, else that of the
    newest draft; the generator is that of the newest draft: the one whose drafts readers see.

    Raises:
        StoreError: the database cannot be read.
    """
    store = workspace.store
    newest = store.drafts(limit=1)
    record = dict(store.draft(newest[0].draft_id).provenance) if newest else {}
    counts = {"drafts": store.count_drafts()}
    index, encoder, text_encoder = _index(workspace)
    if index:
        counts["cases"] = index["size"]
    if manifest is not None:
        counts["queries"] = queries
    used = vars(workspace).get("image_encoder")  # loaded by now where there were images
    if used is not None:
        encoder = _card(used.card)
    return Made(
        utc_now(),
        __version__,
        command,
        counts,
        index,
        encoder or {key: record["encoder"][key] for key in CARD if key in record.get("encoder", {})},
        text_encoder,
        _generator(record.get("generator", {})),
        {"name": manifest.name, "sha256": sha256_of(manifest)} if manifest else {},
    )


def _index(workspace: Workspace) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the current index, and the encoders that built it; nothing where there is none."""
    try:
        found = read_manifest(current_index(workspace.settings.indexes))
    except BadIndex:
        return {}, {}, {}
    index = {"id": found.index_id, "sha256": found.sha256, "size": found.rows}
    return index, dict(found.image_encoder), dict(found.text_encoder)


def _card(card: Any) -> dict[str, Any]:
    return {key: getattr(card, key) for key in CARD}


def _generator(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return name, version and hashes; its card's hash covers the parameters too."""
    if not record:
        return {}
    named = {key: record.get(key, "") for key in ("name", "version", "sha256")}
    return named | {"card_hash": sha256([*named.values(), record.get("parameters", {})])}
