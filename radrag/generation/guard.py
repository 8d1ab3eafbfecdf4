"""What a model wrote, looked at before anyone reads it: refusals, gibberish and loops are errors, not reports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from radrag.errors import GenerationCode, GenerationError
from radrag.generation.base import GeneratedSentence

MAX_REPEATS = 2
"""How often one sentence may stand in one report; a third time is a loop."""

_REFUSAL = re.compile(
    r"\b(?:as an ai|language model|i(?:'m| am) (?:sorry|unable|not able)|i (?:can(?:not|'t)|apologi[sz]e|do not have)"
    r"|consult (?:a|your) (?:doctor|physician|radiologist|healthcare)|not a substitute|medical advice"
    r"|(?:ignore|disregard) (?:all|any|the|previous)|system prompt|instructions?)\b",
    re.I,
)
_MARKUP = re.compile(r"<[|/]?\w+|\|>|\{\s*\"|```|https?://|\\u[0-9a-f]{4}", re.I)
_WORD = re.compile(r"[^\W\d_]+")
_LOOP = re.compile(r"\b(\w+(?:\W+\w+){0,5}?)(?:\W+\1\b){3,}", re.I)
_LETTERS = re.compile(r"(.)\1{5,}")


def check_written(sentences: Sequence[GeneratedSentence]) -> None:
    """Raise where a model's sentences are no report.

    Raises:
        GenerationError: ``empty_output``, ``refusal``, ``repetitive`` or ``gibberish``. No message quotes the model.
    """
    if not sentences:
        raise GenerationError(GenerationCode.EMPTY, "The model wrote no sentence.")
    for sentence in sentences:
        _check_one(sentence.text)
    _, times = Counter(sentence.text.casefold() for sentence in sentences).most_common(1)[0]
    if times > MAX_REPEATS:
        raise GenerationError(GenerationCode.REPETITIVE, f"The model wrote one sentence {times} times.")


def _check_one(text: str) -> None:
    if _REFUSAL.search(text):
        raise GenerationError(
            GenerationCode.REFUSAL, "The model speaks of itself or its instructions instead of the image."
        )
    if _LOOP.search(text) or _LETTERS.search(text):
        raise GenerationError(GenerationCode.REPETITIVE, "A sentence of the model repeats the same words.")
    words = _WORD.findall(text)
    letters = sum(map(len, words))
    latin = sum(len(word) for word in words if word.isascii())
    if _MARKUP.search(text) or not words or letters < 0.6 * len(text.replace(" ", "")):
        raise GenerationError(GenerationCode.GIBBERISH, "A sentence of the model is not made of words.")
    if latin < 0.8 * letters:
        raise GenerationError(GenerationCode.GIBBERISH, "A sentence of the model is not in English.")
    if any(len(word) > 30 for word in words) or not any(re.search("[aeiouy]", word, re.I) for word in words):
        raise GenerationError(GenerationCode.GIBBERISH, "A sentence of the model has no words of any language.")
