"""Local language and vision-language models of transformers: from a folder on this machine to a constrained answer."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from radrag.encoders.devices import check_device
from radrag.errors import GenerationCode, GenerationError, UsageError
from radrag.generation.base import GeneratorCard
from radrag.generation.chat import LONGEST_SIDE, model_inputs, template_of
from radrag.generation.constrained import Constraint, TokenVocabulary
from radrag.generation.gguf_model import model_folder
from radrag.generation.local_network import DTYPES, Loaded, dtype_for, load_network
from radrag.generation.local_weights import check_memory, known_sha256, memory_errors, safe_weights
from radrag.generation.prompt import Prompt
from radrag.models.quiet import quiet_transformers
from radrag.models.registry import HUGGING_FACE

if TYPE_CHECKING:
    import numpy as np
    import torch

MAX_NEW_TOKENS = 1024
"""Tokens of an answer: 18 sentences with their evidence take about 700."""

TEMPERATURE, TOP_P = 0.7, 0.95
"""How an answer is sampled where it is; chosen, not tuned: only second attempts sample."""


class VlmModel:
    """A :class:`radrag.generation.model.Model` on this machine. Seed 0 takes the likeliest words; any other samples.

    One model may be shared by threads; they take turns.
    """

    def __init__(
        self,
        loaded: Loaded,
        card: GeneratorCard,
        *,
        device: str = "cpu",
        max_new_tokens: int = MAX_NEW_TOKENS,
        progress: Callable[[int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._network, self._processor, self._sees = loaded.network, loaded.processor, loaded.sees
        self._card = card
        self._device = device
        self._most = max_new_tokens
        self._progress = progress or (lambda _: None)
        self._cancelled = cancelled or (lambda: False)
        self._ends = loaded.ends
        self._context = getattr(loaded.network.config.get_text_config(), "max_position_embeddings", None)
        width = loaded.network.get_output_embeddings().weight.shape[0]
        self._vocabulary = TokenVocabulary(loaded.tokenizer, width, self._ends)
        self._turn = threading.Lock()

    @classmethod
    def load(
        cls,
        name: str,
        *,
        cache: Path,
        device: str = "cpu",
        dtype: str = "auto",
        max_new_tokens: int = MAX_NEW_TOKENS,
        memory: int | None = None,
        progress: Callable[[int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Self:
        """Load a model that is on this machine; nothing is fetched and no code of its folder is run.

        Args:
            name: a folder in Hugging Face's format, ``hf:OWNER/NAME`` if it was pulled or is in Hugging Face's own
                cache, a ``.gguf`` file of a model without eyes, or ``smollm2``.
            cache: folder of pulled models and of what can be made again.
            device: ``cpu``, ``cuda`` or ``cuda:N``.
            dtype: ``bfloat16``, ``float16``, ``float32``; ``auto`` is bfloat16 where the device computes in it.
            max_new_tokens: of an answer; a longer one is an error.
            memory: bytes that the model may take; None for what is free.
            progress: called after each token with their number so far.
            cancelled: asked after each token; True ends the answer with an error.

        Raises:
            MissingModel: it is not on this machine; the message has the command.
            MissingDependency: the extra ``vlm``, or ``gguf`` for such a file, is not installed.
            WeightsError: the folder is incomplete, damaged, holds pickles, needs its own code, has no chat template,
                or is of a kind that writes no text.
            GenerationError: ``out_of_memory``.
            UsageError: the device is not there, or another argument means nothing.
        """
        check_device(device)
        if max_new_tokens < 1:
            raise UsageError("max_new_tokens must be 1 or more.")
        chosen = dtype_for(dtype, device)
        folder = model_folder(name, cache)
        paths = safe_weights(folder)
        check_memory(paths, DTYPES[chosen], device, memory)
        loaded = load_network(folder, chosen, device)
        sha256 = known_sha256(paths, cache)
        template = template_of(loaded.processor)
        card = GeneratorCard(
            _shown_name(name, folder),
            sha256[:12],
            sha256,
            {
                "architecture": loaded.network.config.model_type,
                "dtype": chosen,
                "max_new_tokens": max_new_tokens,
                "temperature": TEMPERATURE,
                "top_p": TOP_P,
                "chat_template_sha256": hashlib.sha256(template.encode()).hexdigest(),
                "longest_side": LONGEST_SIDE if loaded.sees else None,
                "transformers": importlib.metadata.version("transformers"),
            },
            sees=loaded.sees,
        )
        return cls(loaded, card, device=device, max_new_tokens=max_new_tokens, progress=progress, cancelled=cancelled)

    @property
    def card(self) -> GeneratorCard:
        """Who this is."""
        return self._card

    def complete(self, prompt: Prompt, schema: Mapping[str, Any], pictures: Sequence[np.ndarray], seed: int) -> str:
        """Return the whole answer; see :meth:`radrag.generation.model.Model.complete`.

        Args:
            pictures: uint8 [rows, columns] each, bright = dense.
            seed: 0 for the likeliest words; any other number samples, the same words for the same number.

        Raises:
            GenerationError: ``prompt_too_long``, ``cut_off``, ``out_of_memory``, ``cancelled``, or
                ``unreadable_output`` where the form is not one that decoding can be held to.
        """
        import torch
        from transformers import GenerationConfig

        inputs = model_inputs(self._processor, prompt, pictures, sees=self._sees)
        length = inputs["input_ids"].shape[1]
        self._check_room(length)
        constraint = self._vocabulary.constrain(schema, length)
        sampling = {"do_sample": True, "temperature": TEMPERATURE, "top_p": TOP_P} if seed else {"do_sample": False}
        settings: Any = GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=self._most, eos_token_id=list(self._ends), pad_token_id=self._ends[0], **sampling
        )
        devices = [] if self._device == "cpu" else [torch.device(self._device)]
        with self._turn, memory_errors(self._device), torch.inference_mode(), torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            with quiet_transformers():
                self._network.generate(
                    **inputs.to(self._device),
                    generation_config=settings,
                    logits_processor=[constraint],
                    stopping_criteria=[self._watch(constraint, length)],
                )
        if not constraint.complete:
            raise GenerationError(
                GenerationCode.CUT_OFF,
                f"The model's answer was not finished after {self._most:,} tokens.",
                hint="Allow it more tokens, or use a model that follows instructions better.",
            )
        return constraint.text

    def _check_room(self, length: int) -> None:
        if self._context and length + self._most > self._context:
            raise GenerationError(
                GenerationCode.PROMPT_TOO_LONG,
                f"Prompt and answer would take {length:,} and {self._most:,} tokens; the model has room for "
                f"{self._context:,}.",
                hint="Use a model with a longer context, fewer retrieved cases, or a shorter answer.",
            )

    def _watch(self, constraint: Constraint, start: int) -> Callable[..., torch.Tensor]:
        """Return what is called after each token: tells progress, and ends what is cancelled or complete."""
        import torch

        def stop(ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
            del scores
            if self._cancelled():
                raise GenerationError(GenerationCode.CANCELLED, "The draft was cancelled.")
            constraint.follow(ids)
            self._progress(ids.shape[1] - start)
            return torch.tensor([constraint.finished], device=ids.device)

        return stop


def _shown_name(name: str, folder: Path) -> str:
    """Return the name for the card: never a path of this machine."""
    given = name.removeprefix(HUGGING_FACE)
    hub = re.fullmatch(r"[\w.-]+/[\w.-]+", given, re.ASCII) and not Path(given).expanduser().exists()
    return f"{HUGGING_FACE}{given}" if hub else folder.resolve().name
