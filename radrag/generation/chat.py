"""A prompt in a model's own chat template, with the pictures in their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from radrag.errors import WeightsError
from radrag.generation.prompt import Prompt

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

LONGEST_SIDE = 1024
"""Pixels of a picture given to a model. Its own processor scales and cuts it further; a model that takes any size would
make thousands of tokens of a whole radiograph."""

MOST_PICTURES = 4


def template_of(processor: Any) -> str:
    """Return the chat template.

    Raises:
        WeightsError: there is none: the model was not made to follow instructions.
    """
    for owner in (processor, getattr(processor, "tokenizer", None)):
        template = getattr(owner, "chat_template", None)
        if isinstance(template, str) and template:
            return template
    raise WeightsError(
        "The model has no chat template; it was not made to follow instructions.",
        hint="Use its instruct or chat version.",
    )


def model_inputs(processor: Any, prompt: Prompt, pictures: Sequence[np.ndarray], *, sees: bool) -> Any:
    """Return what the model takes: token ids int64 [1, tokens] and, where it sees, the pictures as it wants them.

    Args:
        processor: transformers' processor, or the tokenizer of a model that reads text only.
        pictures: uint8 [rows, columns] each; of more than ``MOST_PICTURES`` the first are shown.
        sees: whether the model takes pictures; otherwise they are left out.

    Raises:
        WeightsError: the template loses the instructions or the request.
    """
    shown = [as_picture(picture) for picture in pictures[:MOST_PICTURES]] if sees else []
    return processor.apply_chat_template(
        _messages(processor, prompt, shown, sees=sees),
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )


def as_picture(pixels: np.ndarray) -> Image:
    """Return grey values, uint8 [rows, columns], as an RGB picture of at most ``LONGEST_SIDE`` pixels a side."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return picture.convert("RGB")


def _messages(processor: Any, prompt: Prompt, pictures: Sequence[Image], *, sees: bool) -> list[dict[str, Any]]:
    """Return the conversation; instructions go into the user's turn where a template has no place for them."""
    from jinja2 import TemplateError

    for messages in (
        [_turn("system", prompt.system, (), sees), _turn("user", prompt.user, pictures, sees)],
        [_turn("user", prompt.text, pictures, sees)],
    ):
        try:
            written = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        except TemplateError:  # some templates refuse a system turn, others leave it out without a word
            continue
        if prompt.system in written and prompt.user in written:
            return messages
    raise WeightsError(
        "The model's chat template loses the request.", hint="Use the template that the model came with."
    )


def _turn(role: str, text: str, pictures: Sequence[Image], sees: bool) -> dict[str, Any]:
    if not sees:
        return {"role": role, "content": text}
    shown = [{"type": "image", "image": picture} for picture in pictures]
    return {"role": role, "content": [*shown, {"type": "text", "text": text}]}
