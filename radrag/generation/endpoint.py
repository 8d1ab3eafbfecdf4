"""A language model behind an OpenAI-compatible server on the user's own network (vLLM, llama.cpp, Ollama, …)."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radrag.errors import GenerationCode, GenerationError, RestrictedData, UsageError
from radrag.generation.base import GeneratorCard
from radrag.generation.connection import Connection, Reader, Rejected
from radrag.generation.own_network import server_address
from radrag.generation.prompt import Prompt
from radrag.generation.replies import LARGEST_REPLY, bad_reply, bounded_body, parsed, read_completion
from radrag.reports.identifiers import has_identifier

if TYPE_CHECKING:
    import httpx2
    import numpy as np

LONGEST_SIDE = 1024
"""Pixels of a sent picture; vision-language models see 224 to 1,024 and scale down what is larger."""

FORMS = ("json_schema", "json_object", "")
"""What the answer's form may be asked by, strictest first; servers know the first, the second or none."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server offers: its models' names, and whether the one that is to be used is among them."""

    models: tuple[str, ...]
    has_model: bool


class EndpointModel:
    """A :class:`radrag.generation.model.Model` behind a server.

    Nothing is sent to a public address, through a proxy or along a redirect. Case ids, file names and what a DICOM
    header says never are; a prompt in which something still looks like a name, date or number is refused whole, since
    the kept prompt must be the one that was sent.

    Args:
        url: base address, e.g. ``http://127.0.0.1:8000/v1``.
        model: the model's name on the server.
        key: sent as a bearer token; never shown.
        timeout: seconds for a whole answer, retries and waiting included.
        patience: seconds without a new token; reading the prompt counts, so slow servers need more.
        retries: how often a request is sent again when the server is busy, broken or drops the connection.
        max_tokens: of an answer.
        temperature: 0 for the likeliest words; the seed matters above 0.
        sends_pictures: whether the model sees; pictures go as PNG of at most 1,024 pixels a side, without metadata.
        anywhere: whether requests may leave the user's own network: to a server behind a public address (by https
            only), or to one of Ollama's ``-cloud`` models, which a local Ollama sends on.
        certificates: PEM file of the authorities to trust for https; None for those of the system.
        cancelled: asked often while waiting; True ends the request, and closes the connection so that the server stops.

    Raises:
        UsageError: the address is not an http(s) one, a value cannot be meant, or the model is elsewhere.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        timeout: float = 600.0,
        patience: float = 120.0,
        retries: int = 4,
        max_tokens: int = 2048,
        temperature: float = 0.0,
        sends_pictures: bool = True,
        anywhere: bool = False,
        certificates: Path | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        if not model.strip():
            raise UsageError("The server's model has no name.", hint="Name one that the server offers.")
        if timeout <= 0 or patience <= 0 or retries < 0 or max_tokens < 1 or not 0 <= temperature <= 2:
            raise UsageError("A limit of the model server is not a number that can be meant.")
        if model.strip().endswith(("-cloud", ":cloud")) and not anywhere:
            raise UsageError(
                "Ollama passes requests for such a model on to the internet, so nothing is sent to it.",
                hint="Name a model that runs on the server itself.",
            )
        if key and not (key.isascii() and key.isprintable()):
            raise UsageError("The server's key holds characters that no key has.", hint="Look for a line break in it.")
        if certificates is not None and not certificates.is_file():
            raise UsageError(f"There is no certificate file {certificates}.")
        self._connection = Connection(
            server_address(url),
            key,
            anywhere=anywhere,
            certificates=certificates,
            patience=patience,
            retries=retries,
            cancelled=cancelled or (lambda: False),
        )
        self._model = model
        self._timeout = timeout
        self._asked = {"model": model, "temperature": temperature, "max_tokens": max_tokens}
        self._sends_pictures = sends_pictures
        self._form = 0
        self._served = ""

    @property
    def card(self) -> GeneratorCard:
        """Who this is.

        ``served_model`` is what the server calls the model, empty before its first answer; ``form`` is what it took of
        :data:`FORMS`. The hash is of the settings: nobody can see the weights from here.
        """
        settings = {
            **self._asked,
            "server": self._connection.server.origin,
            "pictures": LONGEST_SIDE if self._sends_pictures else 0,
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        told = {"served_model": self._served, "form": FORMS[self._form]}
        return GeneratorCard("endpoint", "1", digest, settings | told, remote=True, sees=self._sends_pictures)

    def complete(self, prompt: Prompt, schema: Mapping[str, Any], pictures: Sequence[np.ndarray], seed: int) -> str:
        """Return the model's whole answer; see :class:`radrag.generation.model.Model`.

        The form is asked for by JSON Schema; where the server refuses that, by JSON alone, then not at all. What it
        takes is remembered.

        Raises:
            RestrictedData: a text of the prompt looks like a name, date or number; nothing was sent.
            UsageError: the server is not on the user's own network, or pictures are not uint8 [rows, columns].
            GenerationError: ``unreachable``, ``timed_out``, ``bad_reply``, ``cut_off``, ``too_long``, ``refusal``,
                ``prompt_too_long`` or ``cancelled``.
        """
        _require_no_identifier(prompt)
        messages = [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": self._user_content(prompt, pictures)},
        ]
        body = {**self._asked, "messages": messages, "seed": seed % 2**31, "stream": True}
        until = time.monotonic() + self._timeout
        for place in range(self._form, len(FORMS)):
            asked = body | _response_format(FORMS[place], schema)
            try:
                return self._connection.request("POST", "/chat/completions", self._reader(place), until, asked)
            except Rejected:
                continue
        raise GenerationError(
            GenerationCode.BAD_REPLY,
            f"{self._connection.server.origin} refuses the request in every form.",
            hint="If its model reads no images, send no pictures; check the name of the model, too.",
        )

    def _reader(self, place: int) -> Reader[str]:
        async def read(response: httpx2.Response, alive: Callable[[], None]) -> str:
            self._form = place  # the server takes this form, whatever becomes of the answer
            answer = await read_completion(response, alive)
            self._served = answer.model
            return answer.text

        return read

    def check(self) -> Offer:
        """Ask the server once for its models.

        Raises:
            UsageError: the server is not on the user's own network.
            GenerationError: ``unreachable``, ``timed_out``, ``bad_reply`` or ``cancelled``.
        """
        until = time.monotonic() + min(self._timeout, self._connection.patience)
        try:
            models = replace(self._connection, retries=0).request("GET", "/models", _read_models, until)
        except Rejected:
            raise bad_reply("it refuses to list its models") from None
        return Offer(models, self._model in models)

    def _user_content(self, prompt: Prompt, pictures: Sequence[np.ndarray]) -> str | list[dict[str, Any]]:
        """Return the user's message: text alone as a plain string, which every server takes."""
        if not (self._sends_pictures and pictures):
            return prompt.user
        shown = [{"type": "image_url", "image_url": {"url": _data_url(picture)}} for picture in pictures]
        return [*shown, {"type": "text", "text": prompt.user}]


async def _read_models(response: httpx2.Response, _alive: Callable[[], None]) -> tuple[str, ...]:
    listed = parsed(await bounded_body(response, LARGEST_REPLY)).get("data")
    if not isinstance(listed, list):
        raise bad_reply("it lists no models")
    return tuple(one["id"] for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str))


def _response_format(form: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    if form == "json_schema":
        named = {"name": "report", "strict": True, "schema": schema}
        return {"response_format": {"type": form, "json_schema": named}}
    return {"response_format": {"type": form}} if form else {}


def _data_url(picture: np.ndarray) -> str:
    """Return a picture as a PNG in a data URL, its longest side at most :data:`LONGEST_SIDE`."""
    import numpy as np
    from PIL import Image

    if picture.dtype != np.uint8 or picture.ndim != 2 or not picture.size:
        raise UsageError(f"Pictures are uint8 [rows, columns]; this one is {picture.dtype} {list(picture.shape)}.")
    image = Image.fromarray(picture)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _require_no_identifier(prompt: Prompt) -> None:
    if any(map(has_identifier, _texts(json.loads(prompt.user)))):
        raise RestrictedData(
            "A text of the request looks like a name, date, age or number, so nothing was sent to the server.",
            hint="Look at the indication and the sentence that is to be rewritten.",
        )


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of a JSON value; numbers are our own."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
