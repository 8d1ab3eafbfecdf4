"""OpenCLIP's folders with a timm vision transformer and a BERT (BiomedCLIP), read without the library open_clip."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radrag.encoders.huggingface_folder import CONFIG, OPEN_CLIP_CONFIG, read_json, weights_files
from radrag.encoders.huggingface_images import GREY_LEVELS, MODES, ImageSteps
from radrag.errors import WeightsError
from radrag.models.weights import load_state

if TYPE_CHECKING:
    import torch

OPEN_CLIP = "open_clip"
"""What radrag calls this kind of model, where transformers' have their ``model_type``."""

HEAD = 64
"""Width of an attention head in every BERT of the usual sizes; the folder does not hold BERT's configuration."""

_WANTED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "vision_cfg": (("timm_proj",), ("linear",)),
    "text_cfg": (("hf_proj_type", "proj"), ("mlp",)),
}
"""Part → its projection's keys in newer and older files, and the values known here."""


def is_open_clip(folder: Path) -> bool:
    """Whether a folder has OpenCLIP's layout only; where transformers' is there too, that is read."""
    return (folder / OPEN_CLIP_CONFIG).is_file() and not (folder / CONFIG).is_file()


def image_steps(folder: Path) -> tuple[ImageSteps, int]:
    """Return OpenCLIP's preparation for evaluation (shortest side, centre crop, normalisation) and the side.

    Raises:
        WeightsError: the configuration lacks something or names a step that is not known here.
    """
    vision, given = _part(folder, "vision_cfg"), read_json(folder / OPEN_CLIP_CONFIG).get("preprocess_cfg", {})
    mode = given.get("interpolation", "bicubic")
    if mode not in MODES.values() or given.get("resize_mode", "shortest") != "shortest":
        raise _unknown(folder, f"preparation {mode}, {given.get('resize_mode')}")
    try:
        side, mean, std = int(vision["image_size"]), tuple(given["mean"]), tuple(given["std"])
    except (KeyError, TypeError, ValueError) as error:
        raise _unknown(folder, "preparation without image_size, mean and std") from error
    return ImageSteps(size=side, crop=(side, side), mode=mode, scale=1 / GREY_LEVELS, mean=mean, std=std), side


def image_tower(folder: Path) -> Any:
    """Return the vision transformer and its projection: float32 [n, 3, s, s] → [n, d].

    Raises:
        WeightsError: the tower is not a timm vision transformer with a linear projection of its first token, or the
            weights do not fit it.
    """
    import timm
    from torch.nn import Linear, Sequential

    config = _part(folder, "vision_cfg")
    name = str(config.get("timm_model_name", ""))
    if not name.startswith("vit_") or config.get("timm_pool") not in ("", "token", None):
        raise _unknown(folder, f"vision tower {name or 'of its own'} with pool {config.get('timm_pool')!r}")
    state = _state(folder)
    try:
        trunk = timm.create_model(name, pretrained=False, num_classes=0, img_size=int(config["image_size"]))
        head = state["visual.head.proj.weight"]
        network = Sequential(trunk, Linear(head.shape[1], head.shape[0], bias=False))
        names = {"visual.trunk.": "0.", "visual.head.proj.": "1."}
        network.load_state_dict(_renamed(state, names))
    except (RuntimeError, KeyError, AttributeError) as error:
        raise WeightsError(f"{folder.name}: the weights do not fit {name}.", hint="Get the folder again.") from error
    return network.requires_grad_(requires_grad=False).eval()


def text_tower(folder: Path) -> tuple[Any, Any, int]:
    """Return BERT, the projection of its first token, and how many tokens OpenCLIP gives it.

    Raises:
        WeightsError: the tower is not a BERT with a projection of two layers, or the weights do not fit it.
    """
    from torch.nn import GELU, Linear, Sequential
    from transformers import BertConfig, BertModel

    config = _part(folder, "text_cfg")
    pooler = config.get("hf_pooler_type", config.get("pooler_type"))
    if pooler != "cls_last_hidden_state_pooler":
        raise _unknown(folder, f"pooling {pooler!r}")
    state = _state(folder)
    words = "text.transformer.embeddings.word_embeddings.weight"
    if words not in state:
        raise _unknown(folder, f"text tower {config.get('hf_model_name')!r}")
    try:
        shapes = {name.removeprefix("text.transformer."): value.shape for name, value in state.items()}
        width = state[words].shape[1]
        bert: Any = BertModel(
            BertConfig(
                vocab_size=state[words].shape[0],
                hidden_size=width,
                num_hidden_layers=sum(name.endswith("attention.self.query.weight") for name in shapes),
                num_attention_heads=max(width // HEAD, 1),
                intermediate_size=shapes["encoder.layer.0.intermediate.dense.weight"][0],
                max_position_embeddings=shapes["embeddings.position_embeddings.weight"][0],
                type_vocab_size=shapes["embeddings.token_type_embeddings.weight"][0],
            ),
            add_pooling_layer=False,
        )
        given = _renamed(state, {"text.transformer.": ""})
        given.pop("embeddings.position_ids", None)  # numbers from 0, which older versions of transformers saved
        bert.load_state_dict(given)
        between = state["text.proj.0.weight"].shape
        last = state["text.proj.2.weight"].shape
        projection: Any = Sequential(
            Linear(between[1], between[0], bias=False), GELU(), Linear(last[1], last[0], bias=False)
        )
        projection.load_state_dict(_renamed(state, {"text.proj.": ""}))
    except (RuntimeError, KeyError) as error:
        raise WeightsError(f"{folder.name}: the weights do not fit a BERT.", hint="Get the folder again.") from error
    for network in (bert, projection):
        network.requires_grad_(requires_grad=False).eval()
    return bert, projection, int(config.get("context_length") or bert.config.max_position_embeddings)


def _part(folder: Path, name: str) -> dict[str, Any]:
    model = read_json(folder / OPEN_CLIP_CONFIG).get("model_cfg")
    part = model.get(name) if isinstance(model, dict) else None
    keys, known = _WANTED[name]
    if not isinstance(part, dict) or next((part[key] for key in keys if key in part), None) not in known:
        raise _unknown(folder, f"{name} without projection {' or '.join(known)}")
    return part


def _unknown(folder: Path, what: str) -> WeightsError:
    return WeightsError(
        f"{folder.name}: radrag does not know this OpenCLIP model: {what}.",
        hint="Of OpenCLIP's models it reads those of BiomedCLIP's kind: a timm vision transformer with a linear "
        "projection, and a BERT. Others need a copy in transformers' format (config.json).",
    )


def _state(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = {}
    for path in weights_files(folder):
        state |= load_state(path)
    return state


def _renamed(state: Mapping[str, torch.Tensor], prefixes: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """Return the parameters under the prefixes, as float32 under the new ones."""
    return {
        new + name.removeprefix(old): value.float()
        for name, value in state.items()
        for old, new in prefixes.items()
        if name.startswith(old)
    }
