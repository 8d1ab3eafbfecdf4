"""What is put on record of how a draft was made: parts, hashes, what a model was given and answered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import radrag
from radrag.domain import StudyImage
from radrag.generation.base import GeneratedReport, GenerationRequest, GeneratorCard
from radrag.index.manifest import Manifest
from radrag.store.canonical import utc_now


def provenance(
    request: GenerationRequest,
    report: GeneratedReport,
    *,
    encoder: Mapping[str, str],
    index: Manifest,
    generator: GeneratorCard,
    hits: int,
    images: Sequence[StudyImage],
) -> dict[str, Any]:
    """Return who and what made a draft, as plain values.

    Args:
        encoder: identity of the image encoder.
        hits: how many cases were asked for.
    """
    return {
        "radrag": radrag.__version__,
        "encoder": dict(encoder),
        "index": {"id": index.index_id, "sha256": index.sha256, "size": index.rows},
        "generator": {
            "name": generator.name,
            "version": generator.version,
            "sha256": generator.sha256,
            "parameters": dict(generator.parameters) | {"hits": hits},
        },
        "prompt_sha256": _sha256(report.prompt) if report.prompt else _request_sha256(request),
        "pixel_sha256": [image.pixel_sha256 for image in images],
        "seed": request.seed,
        "created_at": utc_now(),
    }


def transcripts(reports: Sequence[GeneratedReport]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return hash → text of what a model was given and answered, and the hashes for the provenance."""
    asked = [report for report in reports if report.prompt]
    texts = {_sha256(text): text for report in asked for text in (report.prompt, report.output)}
    pairs = [{"prompt_sha256": _sha256(one.prompt), "output_sha256": _sha256(one.output)} for one in asked]
    return texts, {"transcripts": pairs} if pairs else {}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _request_sha256(request: GenerationRequest) -> str:
    """Return the hash of everything the generator was given but the pictures, which are hashed by themselves."""
    return _sha256(repr(request))  # shows every field and float exactly, in a tenth of the time that JSON takes
