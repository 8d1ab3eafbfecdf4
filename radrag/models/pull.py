"""``radrag models pull``: the only place that fetches a model, and only the one that the user named."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from radrag.disk import sha256_of
from radrag.errors import MissingModel, UsageError, WeightsError
from radrag.models import registry
from radrag.models.pulled import WEIGHTS, Pulled, folder_of
from radrag.models.weights import PICKLES, SAFETENSORS, load_state, verify
from radrag.models.whole_models import state_of_whole_model

if TYPE_CHECKING:
    import torch

HUB_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "*.safetensors", "README.md")
"""Configuration, chat template, tokenizer, weights and licence; no code, and no pickle where there are safetensors."""
HUB_PICKLES = ("pytorch_model*.bin", "open_clip_pytorch_model.bin")
HUB_OTHERS = ("onnx/*", "openvino/*", "coreml/*", "runs/*", "checkpoint-*/*")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)


def pull(
    name: str, cache: Path, *, origin: str = "", sha256: str = "", progress: Callable[[int], None] = lambda _: None
) -> Pulled:
    """Bring a model into the cache, checked and in a form that holds no code.

    Args:
        name: ``xrv:…``, or ``hf:OWNER/NAME`` of the Hugging Face hub.
        cache: folder of what can be made again; made if missing.
        origin: where to take it from instead: a local file or URL for ``xrv:``, a local folder for ``hf:``.
        sha256: expected digest of the file at ``origin`` or the card's URL.
        progress: called with numbers of new bytes.

    Returns:
        What now lies in :func:`radrag.models.pulled.folder_of`. A model that is there already is replaced.

    Raises:
        UsageError: the name is unknown, or the model comes with the installation.
        FetchError: the address could not be fetched; what came is kept for the next try.
        MissingModel: a local origin or a hub's model is not there.
        WeightsError: the weights are damaged, hold code, or are of another architecture; nothing is kept.
    """
    target = folder_of(cache, name)
    staging = target.with_name(f"{target.name}.partial")
    if name.startswith("hf:"):
        bring: Callable[[], Pulled] = lambda: _from_hub(name, staging, origin)  # noqa: E731 - chosen here, run below
    else:
        entry = registry.entry(name)
        if entry.shipped:
            raise UsageError(f"{name!r} comes with the installation; there is nothing to pull.")
        bring = lambda: _from_file(entry, staging, origin or entry.card().url, sha256, progress)  # noqa: E731
    staging.mkdir(parents=True, exist_ok=True)
    try:
        pulled = bring()
    except WeightsError:
        shutil.rmtree(staging)
        raise
    except MissingModel:
        with contextlib.suppress(OSError):  # what came before a line dropped is kept for the next try
            staging.rmdir()
        raise
    pulled.write(staging)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(staging, target)
    return pulled


def _from_file(
    entry: registry.Entry, staging: Path, origin: str, sha256: str, progress: Callable[[int], None]
) -> Pulled:
    if re.match(r"https?://", origin):
        from radrag.fetching.download import Expected, download

        suffix = Path(origin.partition("?")[0]).suffix
        fetched = staging / f"original{suffix if suffix in SAFETENSORS + PICKLES else '.pt'}"
        path = download(origin, fetched, Expected(sha256=sha256), progress=progress)
        source = origin.partition("?")[0]  # a query may hold a signature
    else:
        path, source = Path(origin), "local file"
        if not path.is_file():
            raise MissingModel(f"There is no file {origin}.", hint="Give --from a weights file or an http(s) address.")
        if sha256:
            verify(path, sha256)
    from safetensors.torch import save_file

    source_sha256 = sha256_of(path)
    state = tensors_of(path)
    save_file({key: value.contiguous() for key, value in state.items()}, staging / WEIGHTS)
    for leftover in staging.glob("original*"):
        leftover.unlink()
    entry.load_class().load(entry.name, weights=staging / WEIGHTS)  # refuses another architecture
    return Pulled.of(staging, entry.name, source, source_sha256)


def tensors_of(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict, also out of a pickled torchxrayvision model; see :func:`state_of_whole_model`.

    Raises:
        WeightsError: as :func:`load_state`.
    """
    try:
        return load_state(path)
    except WeightsError:
        if path.suffix in SAFETENSORS:
            raise
        return state_of_whole_model(path)


def _from_hub(name: str, staging: Path, origin: str) -> Pulled:
    if origin:
        _copy(Path(origin), staging)
        _replace_pickles(staging)
        return Pulled.of(staging, name, "local folder")
    repository = name.removeprefix("hf:")
    if not _HUB_NAME.fullmatch(repository):
        raise UsageError(f"{name!r} is no name of the Hugging Face hub.", hint="Write hf:OWNER/NAME.")
    from httpx2 import HTTPError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionResolutionError,
    )

    try:
        for patterns in (HUB_FILES, HUB_PICKLES):
            if not any(staging.glob("*.safetensors")):
                snapshot_download(
                    repository, local_dir=staging, allow_patterns=list(patterns), ignore_patterns=list(HUB_OTHERS)
                )
    except GatedRepoError as error:
        raise MissingModel(
            f"{repository} is given out only under its own terms.",
            hint=f"Accept them on the page of {repository}, run `hf auth login`, then `radrag models pull {name}`.",
        ) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise MissingModel(f"The hub has no model {repository}.", hint="Check the name.") from error
    except (OSError, HTTPError, RevisionResolutionError) as error:
        raise MissingModel(
            f"{repository} could not be fetched from the hub ({type(error).__name__}).",
            hint="Run the same command again where the network is, or copy the model's folder here and give it with "
            f"`radrag models pull {name} --from FOLDER`.",
        ) from error
    shutil.rmtree(staging / ".cache", ignore_errors=True)  # the hub client's notes for resuming
    _replace_pickles(staging)
    return Pulled.of(staging, name, f"Hugging Face hub, {repository}")


def _copy(folder: Path, staging: Path) -> None:
    if not any((folder / name).is_file() for name in ("config.json", "open_clip_config.json")):
        raise MissingModel(f"{folder} holds no Hugging Face model (config.json).", hint="Name the model's folder.")
    chosen = [path for pattern in HUB_FILES for path in folder.rglob(pattern)]
    if not any(folder.glob("*.safetensors")):
        chosen += [path for pattern in HUB_PICKLES for path in folder.glob(pattern)]
    for path in chosen:
        if path.is_file():
            place = staging / path.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def _replace_pickles(staging: Path) -> None:
    """Turn pickled weights into safetensors, so that what lies in the cache can hold no code."""
    from safetensors.torch import save_file

    for stem, target in (("pytorch_model", WEIGHTS), ("open_clip_pytorch_model", "open_clip_model.safetensors")):
        pickles = sorted(staging.glob(f"{stem}*.bin"))
        state = {name: tensor.clone() for path in pickles for name, tensor in load_state(path).items()}
        if state:
            save_file(state, staging / target, metadata={"format": "pt"})
        for path in [*pickles, *staging.glob(f"{stem}*.index.json")]:
            path.unlink()
