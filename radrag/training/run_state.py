"""Nested state of a run (weights, optimiser, random numbers) as named tensors and plain JSON, and back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

_TENSOR, _ITEMS, _TUPLE, _ARRAY = "$tensor", "$items", "$tuple", "$array"


def to_parts(value: Any, path: str = "") -> tuple[Any, dict[str, torch.Tensor]]:
    """Split a state into JSON values and tensors.

    Args:
        value: dicts, lists, tuples, tensors, numpy arrays and JSON's own values, nested as they like.
        path: of this value, the beginning of its tensors' names.

    Returns:
        the value with ``{"$tensor": name}`` in each tensor's place, and name → tensor, contiguous and on the CPU.

    Raises:
        TypeError: something else is in it.
    """
    if isinstance(value, torch.Tensor):
        return {_TENSOR: path}, {path: value.detach().cpu().clone().contiguous()}
    if isinstance(value, np.ndarray):
        return {_ARRAY: value.tolist(), "dtype": str(value.dtype)}, {}
    if isinstance(value, Mapping):
        parts = {key: to_parts(one, f"{path}/{key}") for key, one in value.items()}
        tensors = {name: tensor for _, found in parts.values() for name, tensor in found.items()}
        if all(isinstance(key, str) and not key.startswith("$") for key in parts):
            return {key: plain for key, (plain, _) in parts.items()}, tensors
        return {_ITEMS: [[key, plain] for key, (plain, _) in parts.items()]}, tensors
    if isinstance(value, list | tuple):
        listed = [to_parts(one, f"{path}/{number}") for number, one in enumerate(value)]
        plain = [one for one, _ in listed]
        tensors = {name: tensor for _, found in listed for name, tensor in found.items()}
        return ({_TUPLE: plain} if isinstance(value, tuple) else plain), tensors
    if value is None or isinstance(value, str | bool | int | float):
        return value, {}
    raise TypeError(f"A run's state cannot hold a {type(value).__name__}.")


def from_parts(plain: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """Put together again what :func:`to_parts` split.

    Raises:
        KeyError: a tensor is missing.
    """
    if isinstance(plain, list):
        return [from_parts(one, tensors) for one in plain]
    if not isinstance(plain, dict):
        return plain
    if _TENSOR in plain:
        return tensors[plain[_TENSOR]]
    if _ARRAY in plain:
        return np.array(plain[_ARRAY], dtype=plain["dtype"])
    if _TUPLE in plain:
        return tuple(from_parts(one, tensors) for one in plain[_TUPLE])
    if _ITEMS in plain:
        return {key: from_parts(one, tensors) for key, one in plain[_ITEMS]}
    return {key: from_parts(one, tensors) for key, one in plain.items()}


def seed_everything(seed: int) -> None:
    """Seed Python's, numpy's and torch's global random numbers, those of the GPUs too."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_state() -> dict[str, Any]:
    """Return where the global random numbers of Python, numpy and torch are."""
    state = {
        "python": random.getstate(),
        "numpy": np.random.get_state(legacy=False),
        "torch": torch.get_rng_state(),
    }
    return state | ({"cuda": torch.cuda.get_rng_state_all()} if torch.cuda.is_available() else {})


def set_random_state(state: Mapping[str, Any]) -> None:
    """Go on with random numbers where :func:`random_state` was taken; a GPU that is not here is passed over."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state.get("cuda", ())) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


def shuffled(count: int, *, seed: int, epoch: int) -> list[int]:
    """Return 0 to ``count - 1`` in the order of one epoch: known from seed and epoch alone, so that a run can resume.

    torch's global random numbers are left as they are.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return [int(place) for place in torch.randperm(count, generator=generator)]
