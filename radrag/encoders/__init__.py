"""Encoders: radiographs and report text to vectors and findings."""

from __future__ import annotations

from pathlib import Path

from radrag.encoders.base import ImageEncoder, ImageEncoding, TextEncoder
from radrag.models import registry

__all__ = ["ImageEncoder", "ImageEncoding", "TextEncoder", "load_image_encoder", "load_text_encoder"]


def load_image_encoder(
    name: str, *, weights: Path | None = None, cache: Path | None = None, device: str = "cpu"
) -> ImageEncoder:
    """Load an image encoder.

    Args:
        name: registered name, for instance ``starter`` or ``xrv:densenet121-res224-all``; or ``hf:`` and a local
            folder, or the hub name of a model that is on this machine.
        weights: local weights file, for encoders that do not ship theirs (setting ``encoder_weights``).
        cache: folder with the models of ``radrag models pull`` (``settings.cache``).
        device: ``cpu``, ``cuda`` or ``cuda:N``; a GPU is used only when asked for.

    Raises:
        UsageError: unknown name, or a device that is not there.
        MissingModel: the weights are not on this machine; the message says which setting names them.
        WeightsError: the weights are damaged, unsafe or of another architecture.
    """
    entry = registry.entry(name, registry.IMAGE_TASK)
    encoder: ImageEncoder = entry.load_class().load(name, weights=weights, cache=cache, device=device)
    return encoder


def load_text_encoder(name: str, *, cache: Path, device: str = "cpu") -> TextEncoder:
    """Load a text encoder.

    Args:
        name: registered name, for instance ``minilm``; or ``hf:`` and a local folder, or the hub name of a model that
            is on this machine. The folder of a CLIP-like model gives its text tower, in the space of its images.
        cache: folder for unpacked files (``settings.cache``); made if missing.
        device: as for :func:`load_image_encoder`.

    Raises:
        UsageError: unknown name, or a device that is not there.
        MissingModel: the model's package is not installed.
        WeightsError: the model's files are damaged.
    """
    entry = registry.entry(name, registry.TEXT_TASK)
    encoder: TextEncoder = entry.load_class().load(name, cache=cache, device=device)
    return encoder
