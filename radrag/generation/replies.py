"""What a chat server answers, read with suspicion: its text, or an error that quotes none of it.

Interface: chat completions as OpenAI describes them and vLLM, llama.cpp, Ollama and ``transformers serve`` offer them,
as server-sent events or as one JSON object (a server may ignore that events were asked for).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radrag.errors import GenerationCode, GenerationError
from radrag.fetching.http import Dropped
from radrag.generation.answers import LONGEST_ANSWER

if TYPE_CHECKING:
    import httpx2

LARGEST_REPLY = 8 * 1024 * 1024
"""Bytes of one JSON reply."""

LARGEST_ERROR = 64 * 1024
LONGEST_NAME = 200

_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|size|window|overflow)|maximum model length|max_model_len|prompt is too long"
    r"|inputs?`? tokens? \+ `?max_new_tokens|must have less than \d+ tokens",
    re.I,
)
"""How vLLM, llama.cpp, SGLang, LM Studio, Ollama and TGI say that a prompt has no room."""

_NO_IMAGES = re.compile(
    r"image input is not supported|not a multimodal model|at most 0 image|missing data required for image input"
    r"|(?:does not|doesn't|not) support (?:image|vision|multimodal)",
    re.I,
)
"""How llama.cpp, vLLM and Ollama say that a model reads no images."""

_ENDS = ("stop", "eos_token", "stop_sequence")
"""Finish reasons of a whole answer; the latter two are TGI's."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's whole answer, and the name by which the server calls the model (empty when it does not say)."""

    text: str
    model: str


def told_error(message: str) -> GenerationError | None:
    """Return what a server's error says where its reason is known; None where asking again or otherwise may help."""
    if _TOO_LONG.search(message):
        return prompt_too_long()
    if _NO_IMAGES.search(message):
        return bad_reply("its model reads no images", hint="Send it no pictures, or serve a model that sees.")
    return None


def prompt_too_long() -> GenerationError:
    """Return the error for a prompt that the server has no room for."""
    return GenerationError(
        GenerationCode.PROMPT_TOO_LONG,
        "The request is longer than the model's context on the server.",
        hint="Give the server a longer context (8,192 tokens do for most drafts), or send no pictures.",
    )


def bad_reply(what: str, *, hint: str = "Check the server's address; it usually ends in /v1.") -> GenerationError:
    """Return the error for a reply that is not what the interface promises."""
    return GenerationError(
        GenerationCode.BAD_REPLY, f"The server's answer is not what its interface promises: {what}.", hint=hint
    )


async def read_completion(response: httpx2.Response, alive: Callable[[], None]) -> Completion:
    """Read an answer to its end.

    Args:
        response: open, status 200, body not yet read.
        alive: called whenever the model wrote something.

    Raises:
        Dropped: the stream ended before the answer did.
        GenerationError: ``bad_reply``, ``cut_off``, ``refusal``, ``too_long`` or ``prompt_too_long``.
    """
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return await _streamed(response, alive)
    value = parsed(await bounded_body(response, LARGEST_REPLY))
    _require_no_error(value)
    choice = _first_choice(value)
    if choice is None:
        raise bad_reply("it has no choices")
    text = _content(choice.get("message"))
    if not _is_end(choice):
        raise bad_reply("it does not say that the answer is whole")
    return Completion(_bounded(text), _model(value))


async def _streamed(response: httpx2.Response, alive: Callable[[], None]) -> Completion:
    import httpx2

    response.encoding = "utf-8"  # server-sent events are UTF-8 whatever the header says
    text, model = "", ""
    try:
        async for event in httpx2.EventSource(response):
            if event.data.strip() == "[DONE]":
                return Completion(text, model)
            value = parsed(event.data)
            _require_no_error(value)
            model = model or _model(value)
            choice = _first_choice(value)
            if choice is None:
                continue  # token counts come in an event without choices
            piece = _content(choice.get("delta"), may_be_absent=True)
            if piece or _reasons(choice["delta"]):
                alive()
            text = _bounded(text + piece)
            if _is_end(choice):
                return Completion(text, model)
    except httpx2.SSEError:
        raise bad_reply("an event of its stream is too large") from None
    raise Dropped("the answer broke off")


async def bounded_body(response: httpx2.Response, most: int) -> bytes:
    """Return a reply's body; GenerationError ``bad_reply`` beyond ``most`` bytes."""
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > most:
            raise bad_reply("it is too large")
    return bytes(body)


def parsed(text: str | bytes) -> dict[str, Any]:
    """Return a JSON object; GenerationError ``bad_reply`` when it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise bad_reply("it is not JSON") from None
    if not isinstance(value, dict):
        raise bad_reply("it is not a JSON object")
    return value


def _require_no_error(value: dict[str, Any]) -> None:
    if value.get("error"):
        raise told_error(json.dumps(value["error"])) or bad_reply("it reports an error instead")


def _first_choice(value: dict[str, Any]) -> dict[str, Any] | None:
    """Return the first choice, None where there is none."""
    choices = value.get("choices")
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise bad_reply("its choices are no list of objects")
    return choices[0] if choices else None


def _content(message: Any, *, may_be_absent: bool = False) -> str:
    """Return the text of a message, or of a part of one."""
    if not isinstance(message, dict):
        raise bad_reply("a choice has no message")
    if message.get("refusal"):
        raise _refusal()
    content = message.get("content")
    if content is None and may_be_absent:
        return ""
    if not isinstance(content, str):
        raise bad_reply("the content of a message is not text")
    return content


def _reasons(delta: dict[str, Any]) -> bool:
    """Whether a model is thinking aloud, apart from its answer (``reasoning_content``, ``reasoning``)."""
    return bool(delta.get("reasoning_content") or delta.get("reasoning"))


def _is_end(choice: dict[str, Any]) -> bool:
    """Whether the answer is whole; an error where it ended for another reason."""
    reason = choice.get("finish_reason")
    if reason == "length":
        raise GenerationError(
            GenerationCode.CUT_OFF,
            "The model reached its limit of tokens before the end of its answer.",
            hint="Allow more tokens, or give the server a longer context.",
        )
    if reason == "content_filter":
        raise _refusal()
    if reason not in (None, *_ENDS):
        raise bad_reply("the answer ended for a reason that was not asked for")
    return reason in _ENDS


def _refusal() -> GenerationError:
    return GenerationError(GenerationCode.REFUSAL, "The model or a filter of its server refused the request.")


def _bounded(text: str) -> str:
    if len(text) > LONGEST_ANSWER:
        raise GenerationError(
            GenerationCode.TOO_LONG, f"The model's answer has more than {LONGEST_ANSWER:,} characters."
        )
    return text


def _model(value: dict[str, Any]) -> str:
    """Return the model's name in a reply, made harmless: it goes into provenance and onto screens."""
    name = value.get("model")
    return "".join(filter(str.isprintable, name))[:LONGEST_NAME] if isinstance(name, str) else ""
