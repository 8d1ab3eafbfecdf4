"""Weights files: found locally, checked against their SHA-256, loaded without ever running code from them."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from radrag.disk import sha256_of
from radrag.errors import MissingModel, WeightsError

if TYPE_CHECKING:
    import torch

SHIPPED_ENCODERS = Path(__file__).parents[1] / "encoders" / "weights"
"""Weights and cards of encoders, and of what stands behind them, that come with radrag."""
SAFETENSORS = (".safetensors",)
PICKLES = (".pt", ".pth", ".bin")


def find_weights(name: str, places: Iterable[Path | None], *, hint: str) -> Path:
    """Return the first of ``places`` that is a file; None entries (settings not given) are passed over.

    Raises:
        MissingModel: none is; the message names the model and the places, ``hint`` says what to do.
    """
    looked = [place for place in places if place is not None]
    for place in looked:
        if place.is_file():
            return place
    where = f" Looked for {', '.join(str(place) for place in looked)}." if looked else ""
    raise MissingModel(f"The weights of {name!r} are not on this machine.{where}", hint=hint)


def verify(path: Path, sha256: str) -> None:
    """Check a file against its card.

    Raises:
        WeightsError: the file has another SHA-256.
    """
    found = sha256_of(path)
    if found != sha256.lower():
        raise WeightsError(
            f"{path.name} is damaged or another version: its SHA-256 is {found}, the model card says {sha256}.",
            hint="Get the file again, or give the card that belongs to it.",
        )


def load_state(path: Path, *, sha256: str = "") -> dict[str, torch.Tensor]:
    """Read a state dict: ``.safetensors``, or a PyTorch file that holds tensors only.

    Args:
        path: the weights file.
        sha256: expected digest; empty skips the check.

    Returns:
        Parameter name → tensor on the CPU, in the file's own dtypes. A checkpoint that keeps its tensors
        under ``state_dict`` is unwrapped.

    Raises:
        MissingModel: there is no such file.
        WeightsError: wrong digest, unknown suffix, damaged file, or a pickle that holds more than tensors
            (loading it would run code from the file).
    """
    if not path.is_file():
        raise MissingModel(f"There is no weights file {path}.", hint="Check the path.")
    if path.suffix not in SAFETENSORS + PICKLES:
        raise WeightsError(
            f"{path.name}: unknown kind of weights file {path.suffix!r}.",
            hint=f"Known: {', '.join(SAFETENSORS + PICKLES)}.",
        )
    if sha256:
        verify(path, sha256)
    loaded = _read_safetensors(path) if path.suffix in SAFETENSORS else _read_pickle(path)
    return _tensors_only(path, loaded)


def _read_safetensors(path: Path) -> object:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"{path.name} is not a readable safetensors file: {error}.", hint="Get it again.") from error


def _read_pickle(path: Path) -> object:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path.name} holds Python objects besides tensors; loading it could run code and is refused.",
            hint="Convert it where you trust it, with safetensors.torch.save_file(model.state_dict(), FILE).",
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise WeightsError(f"{path.name} is damaged: {error}.", hint="Get the file again.") from error


def _tensors_only(path: Path, loaded: object) -> dict[str, torch.Tensor]:
    import torch

    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(v, torch.Tensor) for v in loaded.values()):
        raise WeightsError(
            f"{path.name} is not a state dict (parameter name → tensor).",
            hint="Save model.state_dict(), not the model.",
        )
    return {str(name): tensor for name, tensor in loaded.items()}
