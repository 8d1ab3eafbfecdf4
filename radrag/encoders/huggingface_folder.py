"""A Hugging Face model on this machine: its folder, configuration, weights and licence; never the network, no code."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radrag.disk import sha256_of
from radrag.errors import MissingModel, WeightsError
from radrag.models.pulled import MANIFEST, folder_of
from radrag.models.quiet import quiet_transformers
from radrag.models.registry import HUGGING_FACE
from radrag.models.weights import load_state

if TYPE_CHECKING:
    import torch

CONFIG = "config.json"
OPEN_CLIP_CONFIG = "open_clip_config.json"
SINGLE = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")
INDEXES = tuple(f"{name}.index.json" for name in SINGLE)
SETTINGS = (".json", ".txt", ".model")
"""Endings of the files beside the weights that say how a model works: configuration, vocabulary, tokenizer."""
NO_SETTINGS = (MANIFEST, *INDEXES)
UNUSED = ("pooler.",)
"""Parameters that may be missing: the layer behind the first token, which many models never trained."""


def find_folder(name: str, cache: Path | None) -> Path:
    """Return the folder of ``hf:FOLDER`` or ``hf:OWNER/NAME``: as named, as pulled, or in Hugging Face's own cache.

    Raises:
        MissingModel: it is in none of them; the message has the command.
    """
    given = name.removeprefix(HUGGING_FACE)
    places = [Path(given).expanduser()] + ([folder_of(cache, name)] if cache else [])
    for place in places:
        if any((place / name).is_file() for name in (CONFIG, "modules.json", OPEN_CLIP_CONFIG)):
            return place
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", given, re.ASCII):
        raise MissingModel(f"{given} is no folder with a Hugging Face model ({CONFIG}).", hint="Check the path.")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(given, local_files_only=True))
    except OSError as error:  # the client's LocalEntryNotFoundError is one
        raise MissingModel(
            f"The model {name!r} is not on this machine.", hint=f"Get it with `radrag models pull {name}`."
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        WeightsError: the file is missing or no JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path.name} is missing or damaged.", hint="Get the model's folder again.") from error
    if not isinstance(found, dict):
        raise WeightsError(f"{path.name} is not a JSON object.", hint="Get the model's folder again.")
    return found


def weights_files(folder: Path) -> tuple[Path, ...]:
    """Return the weights' files, safetensors before pickles.

    Raises:
        WeightsError: there are none.
    """
    for single, index in zip(SINGLE, INDEXES, strict=True):
        if (folder / single).is_file():
            return (folder / single,)
        if (folder / index).is_file():
            names = sorted(set(read_json(folder / index).get("weight_map", {}).values()))
            return tuple(folder / Path(name).name for name in names)
    raise WeightsError(f"{folder.name} holds no weights.", hint=f"One of {', '.join(SINGLE)} must be there.")


def weights_sha256(paths: tuple[Path, ...]) -> str:
    """Return the SHA-256 of one file, or of the digests of several in order, hex."""
    digests = [sha256_of(path) for path in paths]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def load_network(folder: Path, *, model_type: str = "") -> tuple[Any, Any]:
    """Build the network that the folder's configuration names, with the folder's weights.

    Args:
        folder: with config.json and weights.
        model_type: replaces the configuration's own, for models that are a known one under another name.

    Returns:
        The network (float32, evaluation mode, no gradients) and its configuration.

    Raises:
        WeightsError: the architecture is not one of transformers' own, or the weights are damaged, hold code, or
            do not fill it. transformers alone would fill what is missing with random numbers.
    """
    import torch
    from transformers import MODEL_MAPPING, AutoConfig

    values = read_json(folder / CONFIG)
    kind = model_type or str(values.get("model_type", ""))
    try:
        with quiet_transformers():
            config = AutoConfig.for_model(kind, **{key: value for key, value in values.items() if key != "model_type"})
        network_class: Any = MODEL_MAPPING[type(config)]
    except (KeyError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{folder.name}: the installed transformers has no architecture {kind!r}.",
            hint="Code from a model's folder is never run; use a model of a built-in architecture.",
        ) from error
    state: dict[str, torch.Tensor] = {}
    for path in weights_files(folder):
        state |= load_state(path)
    try:
        with quiet_transformers():
            network, report = network_class.from_pretrained(
                None, config=config, state_dict=state, dtype=torch.float32, output_loading_info=True
            )
    except (RuntimeError, ValueError, KeyError) as error:
        raise WeightsError(f"{folder.name}: the weights do not fit {CONFIG}.", hint="Get the folder again.") from error
    lacking = sorted(name for name in report["missing_keys"] if not name.startswith(UNUSED))
    if lacking or report["mismatched_keys"]:
        raise WeightsError(
            f"{folder.name}: the weights do not fit {CONFIG}; missing: {', '.join(lacking[:3]) or 'none'}.",
            hint="Get the folder again.",
        )
    network.requires_grad_(requires_grad=False)
    return network.eval(), config


def card_facts(folder: Path, name: str) -> Mapping[str, Any]:
    """Return the fields of a card that every Hugging Face model shares; the machine's path stays out of it.

    The version covers weights, configuration and tokenizer: each of them changes the vectors.
    """
    paths = weights_files(folder)
    sha256 = weights_sha256(paths)
    settings = sorted(path for path in folder.glob("*") if path.suffix in SETTINGS and path.name not in NO_SETTINGS)
    version = hashlib.sha256("".join([sha256, *map(sha256_of, settings)]).encode()).hexdigest()
    given = name.removeprefix(HUGGING_FACE)
    hub = re.fullmatch(r"[\w.-]+/[\w.-]+", given, re.ASCII) and not Path(given).expanduser().is_dir()
    return {
        "name": f"{HUGGING_FACE}{given if hub else folder.resolve().name}",
        "version": version[:12],
        "licence": licence(folder),
        "source": f"Hugging Face, {given}" if hub else "a local folder in Hugging Face's format",
        "sha256": sha256,
        "size_bytes": sum(path.stat().st_size for path in paths),
    }


def licence(folder: Path) -> str:
    """Return the licence that the model's README names in its front matter, or ``not stated``."""
    path = folder / "README.md"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    front = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    found = re.search(r"^license:\s*(\S+)\s*$", front[1], re.MULTILINE) if front else None
    return found[1] if found else "not stated"
