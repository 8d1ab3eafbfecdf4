"""What a sentence-transformers folder does after its network: pooling, dense layers, as its files say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radrag.encoders.huggingface_folder import read_json
from radrag.errors import WeightsError
from radrag.models.weights import load_state

if TYPE_CHECKING:
    import torch

POOLING = {"cls": "pooling_mode_cls_token", "max": "pooling_mode_max_tokens", "mean": "pooling_mode_mean_tokens"}
"""Mode → its key in files from before sentence-transformers 6, in the order in which several are joined."""
ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "Sigmoid")


@dataclass(frozen=True, slots=True)
class SentenceModules:
    """What ``modules.json`` names.

    Attributes:
        network: folder of the network.
        pooling: modes, joined in this order.
        dense: (weight, bias or None, name of the activation) of each dense layer.
        longest: tokens; 0 when the folder does not say.
        lower: whether texts are lower-cased first.
    """

    network: Path
    pooling: tuple[str, ...]
    dense: tuple[tuple[torch.Tensor, torch.Tensor | None, str], ...]
    longest: int
    lower: bool

    def describe(self) -> str:
        """Return the steps as one line, for the card; the layers' weights lie outside the network's file."""
        layers = "".join(
            f", dense {list(weight.shape)} {activation} ({_digest(weight, bias)})"
            for weight, bias, activation in self.dense
        )
        return f"{' and '.join(self.pooling)} over tokens{layers}"


def _digest(weight: torch.Tensor, bias: torch.Tensor | None) -> str:
    values = weight.numpy().tobytes() + (b"" if bias is None else bias.float().numpy().tobytes())
    return hashlib.sha256(values).hexdigest()[:12]


def read_modules(folder: Path) -> SentenceModules:
    """Read ``modules.json`` and the files that it names.

    Raises:
        WeightsError: a file is missing or damaged, or a step is not known here.
    """
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        steps = [(str(module["type"]).rpartition(".")[2], folder / module["path"]) for module in modules]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"{folder.name}: modules.json is damaged.", hint="Get the folder again.") from error
    kinds = [kind for kind, _ in steps]
    dense = [path for kind, path in steps if kind == "Dense"]
    if kinds not in (
        ["Transformer", "Pooling", *["Dense"] * len(dense)],
        ["Transformer", "Pooling", *["Dense"] * len(dense), "Normalize"],
    ):
        raise WeightsError(
            f"{folder.name}: radrag does not know this chain of modules: {', '.join(kinds)}.",
            hint="Known: Transformer, Pooling, any number of Dense, Normalize.",
        )
    asked = folder / "config_sentence_transformers.json"
    if asked.is_file() and read_json(asked).get("default_prompt_name"):
        raise WeightsError(f"{folder.name}: the model wants a prompt before each text, which radrag does not add.")
    settings = steps[0][1] / "sentence_bert_config.json"
    given = read_json(settings) if settings.is_file() else {}
    return SentenceModules(
        network=steps[0][1],
        pooling=_pooling(read_json(steps[1][1] / "config.json")),
        dense=tuple(_dense(path) for path in dense),
        longest=int(given.get("max_seq_length") or 0),
        lower=bool(given.get("do_lower_case")),
    )


def _pooling(config: dict[str, Any]) -> tuple[str, ...]:
    given = config.get("pooling_mode")
    if given is None:
        known = tuple(mode for mode, key in POOLING.items() if config.get(key))
        others = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
        modes = known if len(known) == len(others) else tuple(others)
    else:
        modes = (given,) if isinstance(given, str) else tuple(given)
    if not modes or not set(modes) <= POOLING.keys():
        raise WeightsError(
            f"radrag does not know the pooling {', '.join(modes)}.", hint=f"Known: {', '.join(POOLING)}."
        )
    return modes


def _dense(path: Path) -> tuple[torch.Tensor, torch.Tensor | None, str]:
    activation = str(read_json(path / "config.json").get("activation_function", "")).rpartition(".")[2]
    if activation not in ACTIVATIONS:
        raise WeightsError(
            f"radrag does not know the activation {activation!r}.", hint=f"Known: {', '.join(ACTIVATIONS)}."
        )
    found = [path / name for name in ("model.safetensors", "pytorch_model.bin") if (path / name).is_file()]
    state = load_state(found[0] if found else path / "model.safetensors")
    if "linear.weight" not in state:
        raise WeightsError(f"{path.name} is no dense layer.", hint="Get the folder again.")
    return state["linear.weight"].float(), state.get("linear.bias"), activation


def pool(modes: tuple[str, ...], hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Pool token vectors.

    Args:
        modes: of :data:`POOLING`; several are joined.
        hidden: float32 [n, t, d].
        mask: bool [n, t], real tokens; they come first in each row.

    Returns:
        float32 [n, d · len(modes)].
    """
    import torch

    weight = mask.unsqueeze(-1).to(hidden.dtype)
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "cls": lambda: hidden[:, 0],
        "max": lambda: hidden.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(dim=1),
        "mean": lambda: (hidden * weight).sum(dim=1) / weight.sum(dim=1),
    }
    return torch.cat([ways[mode]() for mode in modes], dim=1)


def apply_dense(modules: SentenceModules, pooled: torch.Tensor) -> torch.Tensor:
    """Send pooled vectors through the dense layers: float32 [n, d] to [n, e]."""
    import torch
    from torch.nn.functional import linear

    for weight, bias, activation in modules.dense:
        layer: Callable[[torch.Tensor], torch.Tensor] = getattr(torch.nn, activation)()
        pooled = layer(linear(pooled, weight, bias))
    return pooled
