"""What besides the study decides a draft: the parts of a workspace, as one hash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import radrag
from radrag.corpus.snapshot import current_index, encoder_identity
from radrag.index.manifest import read_manifest
from radrag.models import registry
from radrag.retrieval.weights import load_weights
from radrag.store.canonical import sha256
from radrag.workspace import Workspace

if TYPE_CHECKING:
    from radrag.settings import Settings


def versions_of(workspace: Workspace) -> str:
    """Return the hash of all parts that draft in a workspace; equal hashes mean equal drafts of equal studies.

    No network is loaded for the encoders that come with radrag, nor for a generator.

    Raises:
        BadIndex: there is no index.
        RadragError: the encoder or generator of the settings is not there.
    """
    settings = workspace.settings
    index = current_index(settings.indexes)
    manifest = read_manifest(index)
    return sha256(
        {
            "radrag": radrag.__version__,
            "encoder": _encoder(workspace),
            "runtime": settings.runtime,
            "device": settings.device,
            "index": [manifest.index_id, manifest.sha256],
            "weights": repr(load_weights(index)),
            "misleading_penalty": settings.misleading_penalty,
            "text_encoder": settings.text_encoder,
            "generator": _generator(workspace),
            "nli_model": str(settings.nli_model or ""),
            "hits": settings.hits,
            "seed": settings.seed,
        }
    )


def _encoder(workspace: Workspace) -> dict[str, str]:
    settings = workspace.settings
    kind = registry.entry(settings.encoder, registry.IMAGE_TASK).load_class()
    if settings.encoder_weights is None and hasattr(kind, "card_of"):
        card = kind.card_of(settings.encoder)
        return {"name": card.name, "version": card.version, "sha256": card.sha256, "card_hash": card.card_hash}
    return encoder_identity(workspace.image_encoder)


def _generator(workspace: Workspace) -> list[Any]:
    settings = workspace.settings
    if settings.generator == "vlm":
        return ["vlm", settings.generator_model, _weights_sha256(settings)]
    card = workspace.generator.card
    # An endpoint's parameters tell more after its first answer; its hash is of what it is asked.
    return [card.name, card.version, card.sha256]


def _weights_sha256(settings: Settings) -> str:
    from radrag.generation.gguf_model import model_folder
    from radrag.generation.local_weights import known_sha256, safe_weights

    return known_sha256(safe_weights(model_folder(settings.generator_model, settings.cache)), settings.cache)
