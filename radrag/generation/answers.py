"""The form of a model's answer: JSON in which no sentence can stand without evidence.

The schema is what constrained decoding and servers are given, so that another form cannot be written; the reader checks
it all the same, since a server may ignore it. What cannot be read is an error and never text of a report.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from radrag.domain import Sentence
from radrag.errors import GenerationCode, GenerationError
from radrag.generation.base import GeneratedSentence

SECTIONS = ("findings", "impression")
MOST = {"findings": 14, "impression": 4}
"""Sentences of a section: a longer one repeats itself."""

LONGEST = 300
"""Characters of a sentence."""

MOST_CITED = 6
"""Evidence of a sentence."""

LONGEST_ANSWER = 20_000
"""Characters of a whole answer: what is longer is not read."""

_FENCE = "```"
_BLANK = "\ufeff \t\r\n"
"""What may stand around the JSON: a byte order mark, and JSON's own white space."""


def answer_schema(
    evidence: int,
    sections: Sequence[str] = SECTIONS,
    *,
    most: Mapping[str, int] = MOST,
    least: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the JSON Schema of an answer.

    Args:
        evidence: how many numbered sentences there are; at least 1.
        sections: those that the answer has.
        most: section → sentences that it may have; without a close bound a small model goes on until it is cut off.
        least: section → sentences that it must have; 0 where none is given.
    """
    sentence = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": LONGEST},
            "evidence": {
                "type": "array",
                "items": {"type": "integer", "enum": list(range(1, evidence + 1))},
                "minItems": 1,
                "maxItems": MOST_CITED,
            },
        },
        "required": ["text", "evidence"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {
            section: {
                "type": "array",
                "items": sentence,
                "minItems": least.get(section, 0),
                "maxItems": min(most[section], MOST[section]),
            }
            for section in sections
        },
        "required": list(sections),
        "additionalProperties": False,
    }


def read_answer(
    text: str, evidence: Sequence[Sentence], sections: Sequence[str] = SECTIONS
) -> tuple[GeneratedSentence, ...]:
    """Return the sentences of an answer, with the evidence that each names.

    A sentence that names no evidence, or evidence that does not exist, makes the whole answer unreadable: it breaks the
    form that was asked for, and what else it breaks nobody knows. A fence of Markdown or a byte order mark around the
    JSON is let pass.

    Raises:
        GenerationError: ``empty_output``, ``too_long`` or ``unreadable_output``.
    """
    if not text.strip():
        raise GenerationError(GenerationCode.EMPTY, "The model answered nothing.")
    if len(text) > LONGEST_ANSWER:
        raise GenerationError(
            GenerationCode.TOO_LONG, f"The model's answer has {len(text):,} characters; {LONGEST_ANSWER:,} are read."
        )
    try:
        value = json.loads(_unfenced(text.strip(_BLANK)), object_pairs_hook=_object)
    except (ValueError, RecursionError):  # also a number of thousands of digits
        raise _unreadable("it is not JSON") from None
    if not isinstance(value, dict):
        raise _unreadable("it is not a JSON object")
    if set(value) != set(sections):
        raise _unreadable(f"its keys are not {' and '.join(sections)}")
    return tuple(_sentence(item, section, evidence) for section in sections for item in _list(value[section], section))


def _unfenced(text: str) -> str:
    """Return what stands between the fences of Markdown, or the text where it has none."""
    opening, _, rest = text.partition("\n")
    if opening.rstrip() in (_FENCE, f"{_FENCE}json") and rest.endswith(_FENCE):
        return rest.removesuffix(_FENCE)
    return text


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; of a key that stands twice nobody knows which value is meant."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _unreadable("a key stands twice")
    return value


def _list(value: Any, section: str) -> list[Any]:
    if not isinstance(value, list):
        raise _unreadable(f"its {section} are not a list")
    if len(value) > MOST[section]:
        raise GenerationError(
            GenerationCode.TOO_LONG, f"The model wrote {len(value)} sentences of {section}; {MOST[section]} are read."
        )
    return value


def _sentence(item: Any, section: str, evidence: Sequence[Sentence]) -> GeneratedSentence:
    if not isinstance(item, dict) or set(item) != {"text", "evidence"}:
        raise _unreadable("a sentence is not an object of text and evidence")
    text, cited = item["text"], item["evidence"]
    if not isinstance(text, str) or not text.strip():
        raise _unreadable("a sentence has no text")
    if len(text) > LONGEST:
        raise GenerationError(GenerationCode.TOO_LONG, f"A sentence of the model has {len(text)} characters.")
    if not isinstance(cited, list) or not cited:
        raise _unreadable("a sentence cites no evidence")
    if len(cited) > MOST_CITED:
        raise _unreadable(f"a sentence cites more than {MOST_CITED} pieces of evidence")
    # to JSON, as to JSON Schema, 1.0 is an integer and true is none
    if not all(type(number) in (int, float) and number in range(1, len(evidence) + 1) for number in cited):
        raise _unreadable("a sentence cites evidence that was not shown")
    named = [evidence[int(number) - 1] for number in dict.fromkeys(cited)]
    return GeneratedSentence(
        section, " ".join(text.split()), tuple((one.case_id, one.section, one.number) for one in named)
    )


def _unreadable(what: str) -> GenerationError:
    return GenerationError(
        GenerationCode.UNREADABLE,
        f"The model's answer cannot be read: {what}.",
        hint="Use a model that follows instructions, or one whose decoding can be constrained.",
    )
