"""A generator's network and processor from a folder on this machine; never the network, never the folder's code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radrag.encoders.huggingface_folder import CONFIG, read_json
from radrag.errors import UsageError, WeightsError
from radrag.generation.local_weights import memory_errors
from radrag.models.quiet import quiet_transformers

DTYPES = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Types of the weights as they are loaded, and their bytes."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network in evaluation mode with what turns words and pictures into its input.

    Attributes:
        processor: of pictures and words; the tokenizer itself where the network does not see.
        ends: tokens that end an answer; at least one.
    """

    network: Any
    processor: Any
    tokenizer: Any
    ends: tuple[int, ...]
    sees: bool


def load_network(folder: Path, dtype: str, device: str) -> Loaded:
    """Load network and processor of a folder.

    Args:
        dtype: a name of ``DTYPES``.
        device: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        WeightsError: the folder is incomplete, damaged, needs its own code, or is of a kind that writes no text.
        GenerationError: ``out_of_memory``.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    auto: Any = transformers
    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    kind = str(read_json(folder / CONFIG).get("model_type", ""))
    try:
        with quiet_transformers(), memory_errors(device):
            config = auto.AutoConfig.from_pretrained(folder, **here)
            sees = type(config) in auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
            if config.is_encoder_decoder or not (sees or type(config) in auto.MODEL_FOR_CAUSAL_LM_MAPPING):
                raise WeightsError(
                    f"{folder.name}: {kind or 'nameless'!r} is no model that writes an answer to a conversation.",
                    hint="Use an image-text-to-text model, or a language model.",
                )
            network_class = auto.AutoModelForImageTextToText if sees else auto.AutoModelForCausalLM
            processor = (auto.AutoProcessor if sees else auto.AutoTokenizer).from_pretrained(folder, **here)
            network, report = network_class.from_pretrained(
                folder,
                config=config,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                output_loading_info=True,
                **here,
            )
            network = network.eval().to(device)
    except ImportError as error:
        raise WeightsError(
            f"{folder.name} needs a package that is not installed ({error.name or 'quantised weights'}).",
            hint="Use weights in float32, bfloat16 or float16.",
        ) from error
    except (ValueError, OSError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise WeightsError(
            f"{folder.name} cannot be loaded: it is incomplete, damaged, or of an architecture {kind!r} that the "
            "installed transformers does not have.",
            hint="Code from a model's folder is never run; get the folder again, or use a built-in architecture.",
        ) from error
    if report["missing_keys"] or report["mismatched_keys"]:
        raise WeightsError(f"{folder.name}: the weights do not fit {CONFIG}.", hint="Get the folder again.")
    network.requires_grad_(requires_grad=False)
    tokenizer = processor.tokenizer if sees else processor
    ends = _end_tokens(network, tokenizer)
    # The folder's own sampling settings would change the answer behind the card's back.
    network.generation_config = auto.GenerationConfig(eos_token_id=ends)
    return Loaded(network, processor, tokenizer, tuple(ends), sees)


def _end_tokens(network: Any, tokenizer: Any) -> list[int]:
    """Return the tokens that end an answer: the folder's own, and the tokenizer's."""
    named = network.generation_config.eos_token_id
    own = named if isinstance(named, list) else [named]
    ends = [int(token) for token in dict.fromkeys([*own, tokenizer.eos_token_id]) if token is not None]
    if not ends:
        raise WeightsError("The model names no token that ends an answer.", hint="Get the model's folder again.")
    return ends


def dtype_for(asked: str, device: str) -> str:
    """Return the type of the weights: what was asked for; for ``auto``, bfloat16 where the device computes in it.

    Raises:
        UsageError: there is no such type.
    """
    if asked in DTYPES:
        return asked
    if asked != "auto":
        raise UsageError(f"Unknown dtype {asked!r}.", hint=f"Use auto, {', '.join(DTYPES)}.")
    import torch

    if device != "cpu":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    can: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bfloat16" if can.get("avx512_bf16") or can.get("amx_bf16") else "float32"
