"""What an index says of itself, so that it is never searched by another encoder or after damage."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from radrag.disk import replacing
from radrag.errors import BadIndex

SCHEMA = "radrag.index/3"
"""Part of an index's id too, so that an index of an earlier schema never stands in the place of its successor."""
FILE = "manifest.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of one index folder.

    Attributes:
        index_id: first 16 hex digits of ``sha256``: the same content has the same id.
        sha256: over the names and bytes of all other files in the folder, hex.
        rows: number of cases.
        corpora: corpus name → number of its cases.
        corpus_sha256: fingerprint of the stored cases that the index was built from.
        text_encoder: name, version, sha256 of the weights and card_hash (:class:`radrag.models.card.ModelCard`) of the
            encoder of the text channel.
        image_encoder: the same of the image channel; empty where no images were indexed, nor reports for them to find.
        labels: the label set of the label channel, in the order of its dimensions.
        channels: channel name → dimension and metric.
        radrag: version that built the index.
        created_at: ISO 8601, UTC.
        left_out: ids of stored cases that were kept out on purpose, sorted.
    """

    index_id: str
    sha256: str
    rows: int
    corpora: Mapping[str, int]
    corpus_sha256: str
    text_encoder: Mapping[str, str]
    image_encoder: Mapping[str, str]
    labels: tuple[str, ...]
    channels: Mapping[str, Mapping[str, Any]]
    radrag: str
    created_at: str
    left_out: tuple[str, ...] = ()
    schema: str = SCHEMA

    def require(self, *, text_encoder: Mapping[str, str], labels: tuple[str, ...]) -> None:
        """Refuse to be searched by another encoder or label set than those that built the index.

        Raises:
            BadIndex: they differ.
        """
        if dict(self.text_encoder) != dict(text_encoder):
            raise BadIndex(
                f"Index {self.index_id} was built with text encoder {_named(self.text_encoder)}, "
                f"not {_named(text_encoder)}.",
                hint="Name the encoder that built it with RADRAG_TEXT_ENCODER (text_encoder in radrag.toml), or "
                "rebuild the index with: radrag index build",
            )
        if self.labels != labels:
            raise BadIndex(
                f"Index {self.index_id} was built with another label set.", hint="Rebuild it with: radrag index build"
            )


def _named(encoder: Mapping[str, str]) -> str:
    weights, card = encoder.get("sha256", "")[:12], encoder.get("card_hash", "")[:12]
    return f"{encoder.get('name')} {encoder.get('version')} (weights {weights}, card {card})"


def content_sha256(folder: Path) -> str:
    """Return the SHA-256 over schema, relative names and bytes of all files below ``folder`` but the manifest."""
    digest = hashlib.sha256(SCHEMA.encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != FILE:
            name = path.relative_to(folder).as_posix().encode()
            digest.update(len(name).to_bytes(8, "big") + name + path.stat().st_size.to_bytes(8, "big"))
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
    return digest.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest.json``, all or nothing."""
    with replacing(folder / FILE) as part:
        part.write_text(json.dumps(asdict(manifest), indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest.

    Raises:
        BadIndex: there is none, or it is damaged or of another schema.
    """
    try:
        values = json.loads((folder / FILE).read_text())
        schema = values["schema"]
        values["labels"] = tuple(values["labels"])
        values["left_out"] = tuple(values.get("left_out", ()))  # radrag 0.1 before audits wrote none
        manifest = Manifest(**values) if schema == SCHEMA else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadIndex(
            f"{folder} has no readable manifest.", hint="Build the index with: radrag index build"
        ) from error
    if manifest is None:
        raise BadIndex(
            f"{folder} was built by another version of radrag (schema {schema}, not {SCHEMA}).",
            hint="Rebuild it with: radrag index build",
        )
    return manifest


def verify_content(folder: Path) -> Manifest:
    """Read the manifest and compare its checksum with the files.

    Raises:
        BadIndex: a file was changed, lost or added since the index was built.
    """
    manifest = read_manifest(folder)
    if content_sha256(folder) != manifest.sha256:
        raise BadIndex(f"Index {manifest.index_id} was changed after it was built.", hint="Rebuild: radrag index build")
    return manifest
