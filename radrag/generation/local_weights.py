"""Weights of a local generator before they are loaded: safe to read, known by their hash, and small enough."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from radrag.disk import replacing
from radrag.encoders.huggingface_folder import weights_files, weights_sha256
from radrag.errors import GenerationCode, GenerationError, WeightsError
from radrag.models.weights import SAFETENSORS

ADAPTER = "adapter_config.json"
HEADROOM = 1.25
"""Memory that a model takes over its weights: cache of keys and values, activations, the library's buffers."""

MEMORY_INFO = Path("/proc/meminfo")
CONTAINER = Path("/sys/fs/cgroup")
"""Control group of this process as a container sees it (cgroups(7), version 2)."""


def safe_weights(folder: Path) -> tuple[Path, ...]:
    """Return the weights' files of a generator's folder.

    Raises:
        WeightsError: there are none, or they are pickles, which could hold code.
    """
    if (folder / ADAPTER).is_file():
        raise WeightsError(
            f"{folder.name} holds an adapter, not a whole model.", hint="Merge it into its model and name that folder."
        )
    paths = weights_files(folder)
    if any(path.suffix not in SAFETENSORS for path in paths):
        raise WeightsError(
            f"{folder.name} holds pickled weights, which could run code.",
            hint=f"Let radrag turn them into safetensors: radrag models pull hf:OWNER/NAME --from {folder.name}",
        )
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise WeightsError(f"{folder.name} lacks {missing[0]}.", hint="Get the model's folder again.")
    return paths


def known_sha256(paths: tuple[Path, ...], cache: Path) -> str:
    """Return the weights' SHA-256; computed again only when a file's size or time of change is another.

    Hashing reads every byte: some ten seconds for a model of four billion parameters.
    """
    states = [(path.resolve(), path.stat()) for path in paths]
    key = json.dumps([[str(path), state.st_size, state.st_mtime_ns] for path, state in states])
    book = cache / "models" / "generators_sha256.json"
    try:
        known = json.loads(book.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    found = known.get(key) if isinstance(known, dict) else None
    if isinstance(found, str) and re.fullmatch(r"[0-9a-f]{64}", found):
        return found
    digest = weights_sha256(paths)
    with suppress(OSError):  # a cache that cannot be written only costs time
        book.parent.mkdir(parents=True, exist_ok=True)
        with replacing(book) as part:
            part.write_text(json.dumps((known if isinstance(known, dict) else {}) | {key: digest}), encoding="utf-8")
    return digest


def parameters_in(paths: Sequence[Path]) -> int:
    """Return how many numbers the files hold, from their headers alone.

    Raises:
        WeightsError: a file is not in the safetensors format.
    """
    return sum(math.prod(facts["shape"]) for path in paths for facts in _tensors(path))


def _tensors(path: Path) -> list[dict[str, list[int]]]:
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))  # https://huggingface.co/docs/safetensors: 8 bytes, then JSON
            if length > path.stat().st_size:
                raise ValueError  # noqa: TRY301 - told below, with every other damage
            header = json.loads(file.read(length))
        return [facts for name, facts in header.items() if name != "__metadata__" and math.prod(facts["shape"]) >= 0]
    except (OSError, ValueError, struct.error, AttributeError, KeyError, TypeError) as error:
        raise WeightsError(f"{path.name} is not a readable safetensors file.", hint="Get it again.") from error


def check_memory(paths: Sequence[Path], bytes_each: int, device: str, memory: int | None = None) -> None:
    """Check, before anything is loaded, that a model fits.

    Args:
        bytes_each: of one number of the weights, as they will be loaded.
        memory: bytes that may be taken; None for what is free on the device.

    Raises:
        GenerationError: ``out_of_memory``; the message has the numbers.
    """
    needed = int(parameters_in(paths) * bytes_each * HEADROOM)
    free = free_memory(device) if memory is None else memory
    if free is not None and needed > free:
        raise GenerationError(
            GenerationCode.OUT_OF_MEMORY,
            f"The model needs about {needed / 1e9:.1f} GB of memory; {free / 1e9:.1f} GB are free on {device}.",
            hint="Take a smaller model, or end what else uses the memory.",
        )


def free_memory(device: str) -> int | None:
    """Return the free bytes of a device; None where the system does not tell."""
    if device != "cpu":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    found = []
    with suppress(OSError, ValueError, KeyError):
        found.append(_numbers(MEMORY_INFO)["MemAvailable:"] * 1024)  # proc(5): in kB
    with suppress(OSError, ValueError, KeyError):  # a container's own limit; what it caches of files can be let go
        used = int((CONTAINER / "memory.current").read_text()) - _numbers(CONTAINER / "memory.stat")["inactive_file"]
        found.append(int((CONTAINER / "memory.max").read_text()) - used)
    return min(found, default=None)


def _numbers(path: Path) -> dict[str, int]:
    """Return the first number of each line by the line's first word."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return {words[0]: int(words[1]) for words in lines if len(words) > 1}


@contextmanager
def memory_errors(device: str) -> Iterator[None]:
    """Tell of memory that runs out inside a with block.

    Raises:
        GenerationError: ``out_of_memory``.
    """
    import torch

    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch's own OutOfMemoryError is a RuntimeError
        full = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)
        if not full:
            raise
        raise GenerationError(
            GenerationCode.OUT_OF_MEMORY,
            f"The model ran out of memory on {device}.",
            hint="Take a smaller model, or a machine with more memory.",
        ) from error
