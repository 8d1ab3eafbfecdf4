"""Constrained decoding: a model can write nothing but what a JSON Schema allows, whatever it would like to say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radrag.errors import GenerationCode, GenerationError, WeightsError
from radrag.optional import require

if TYPE_CHECKING:
    import torch

_FORM: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""JSON as the prompt writes it, in one way only: a model that may put blanks anywhere may put nothing else."""

PLAIN = "^[A-Za-z0-9(][A-Za-z0-9 ,;:.()/%'+-]*[.]$"
"""A sentence as reports have them: no mark-up, no escapes, no other script, and a full stop before it may end."""


class TokenVocabulary:
    """A model's tokens, known as bytes; made once for a model, since it takes a second or two."""

    def __init__(self, tokenizer: Any, size: int, ends: Sequence[int]) -> None:
        """Read a tokenizer.

        Args:
            tokenizer: transformers', of the kind that keeps its rules in tokenizer.json.
            size: of the model's output; often padded beyond the tokenizer's own, now and then short of it.
            ends: tokens that end an answer.

        Raises:
            MissingDependency: the extra ``vlm`` is not installed.
            WeightsError: the tokenizer's tokens cannot be told.
        """
        require("llguidance", extra="vlm")
        from llguidance.hf import from_tokenizer

        try:
            self._tokens = from_tokenizer(tokenizer, n_vocab=max(size, len(tokenizer)), eos_token=list(ends))
        except ValueError as error:
            raise WeightsError(
                "The model's tokenizer cannot be used to constrain its answer.",
                hint="Use a model whose folder has a tokenizer.json.",
            ) from error

    def constrain(self, schema: Mapping[str, Any], start: int) -> Constraint:
        """Return what holds one answer to a schema; ``start`` is the length of the prompt in tokens."""
        return Constraint(self._tokens, schema, start)


class Constraint:
    """One answer in the making: a transformers logits processor, and a stopping rule when the form is complete."""

    def __init__(self, tokens: Any, schema: Mapping[str, Any], start: int) -> None:
        from llguidance import LLMatcher

        grammar = LLMatcher.grammar_from_json_schema(json.dumps(_in_plain_words(schema)), overrides=_FORM)
        self._tokens = tokens
        self._matcher = LLMatcher(tokens, grammar, log_level=0)
        self._written: list[int] = []
        self._start = start
        self._check()

    @property
    def complete(self) -> bool:
        """Whether what was written is a whole answer."""
        return bool(self._matcher.is_accepting())

    @property
    def finished(self) -> bool:
        """Whether nothing can follow."""
        return bool(self._matcher.is_stopped())

    @property
    def text(self) -> str:
        """What was written so far."""
        return str(self._tokens.decode_str(self._written))

    def forced(self) -> list[int]:
        """Return the tokens that must come next, up to the next choice; none where there is one already."""
        return [] if self.finished else [int(token) for token in self._matcher.compute_ff_tokens()]

    def allowed(self, tokens: Sequence[int]) -> list[int]:
        """Return as many of the tokens, from the first, as the form allows to come next."""
        return [] if self.finished else [*tokens[: self._matcher.validate_tokens([*tokens])]]

    def follow(self, ids: torch.Tensor) -> None:
        """Take in what the model wrote since the last call; ``ids`` int64 [1, tokens] with the prompt.

        Raises:
            GenerationError: ``unreadable_output``; a token was written that the form does not allow.
        """
        new = ids[0, self._start + len(self._written) :].tolist()
        if new and not self.finished:
            self._written += new
            self._matcher.consume_tokens(new)
            self._check()

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores float [1, vocabulary] in which every token that the form does not allow is minus infinity."""
        import torch

        self.follow(ids)
        allowed = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8)
        self._check()
        return scores.masked_fill(allowed.to(scores.device)[None, : scores.shape[1]] == 0, float("-inf"))

    def _check(self) -> None:
        if self._matcher.is_error():
            raise GenerationError(GenerationCode.UNREADABLE, "The model's answer left the form that was asked for.")


def _in_plain_words(schema: Any) -> Any:
    """Return a JSON Schema whose free strings are ``PLAIN``; their bounds of length stay."""
    if isinstance(schema, Mapping):
        plain = {"pattern": PLAIN} if schema.get("type") == "string" and "enum" not in schema else {}
        return plain | {key: _in_plain_words(value) for key, value in schema.items()}
    return [_in_plain_words(value) for value in schema] if isinstance(schema, list) else schema
