"""What a model wrote, looked at before anyone reads it: refusals, gibberish and loops are errors, not reports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from radrag.errors import GenerationCode, GenerationError
from radrag.generation.base import GeneratedSentence
from radrag.reports.identifiers import has_identifier
from radrag.reports.screening import has_deidentification_token

MAX_REPEATS = 2
"""How often one sentence may stand in one report; a third time is a loop."""

LONGEST_WORD = 30
"""Letters of a word."""

_REFUSALS = (
    r"as an? (?:ai|artificial|language|large)|(?:language|ai) model|ai[ -](?:assistant|system|generated)",
    r"(?:i|we)(?:'m| am|'re| are) (?:sorry|unable|not|an?|here)|sorry|apologi[sz]e|must decline",
    r"(?:i|we) (?:can(?:not|'t| not)|could(?: not|n't)|will not|won't|(?:do not|don't) (?:have|know)|have no)",
    r"(?:unable|not able|impossible) to (?:assist|help|comply|interpret|analy[sz]e|view|provide|generate|answer)",
    r"no (?:image|picture|evidence|report|information)s? (?:(?:is|was|were|has been|have been) )?"
    r"(?:provided|given|supplied|attached|available|uploaded|shown)",
    r"(?:provided|given|supplied|attached) (?:evidence|images?|information|data|reports?|context|text|plan)",
    r"(?:based on|according to|as per) (?:the )?(?:evidence|plan|prompt|request|json|checklist)|evidence \d+",
    r"^(?:sure|certainly|of course)|(?:here|below) (?:is|are) (?:the|your|an?)",
    r"consult (?:an?|your|the|with) (?:\w+ )?(?:doctor|physician|radiologist|professional|specialist|provider)",
    r"not an? (?:doctor|physician|radiologist|substitute)|medical advice|system prompt|instructions?",
    r"(?:ignor(?:e|ing)|disregard(?:ing)?|override) (?:all|any|the|previous|prior|your|these)",
)
_REFUSAL = re.compile(rf"\b(?:{'|'.join(_REFUSALS)})\b", re.I)
_MARKUP = re.compile(
    r"<[|/]?[a-z_][^<>]{0,60}>|<\||\|>|\[/?inst\]|<</?sys>>|[{}]|```|\*\*|^#|&(?:\w+|#\d+);|https?://|www\.|\\[nu]"
    r"|\blorem ipsum\b",
    re.I,
)
_ENGLISH = frozenset([
    "the", "of", "and", "or", "with", "without", "are", "there", "has", "have", "seen", "within", "left", "right",
    "heart", "lung", "lungs", "size", "clear", "not", "this", "from", "to", "by", "been",
])  # fmt: skip
_FOREIGN = frozenset([
    "la", "el", "los", "las", "del", "una", "un", "sin", "hay", "se", "por", "para", "ni", "es", "y",
    "der", "das", "und", "kein", "keine", "keinen", "keiner", "ist", "nicht", "mit", "ohne", "oder", "im", "bei",
    "rechts", "links", "beidseits", "le", "les", "des", "une", "du", "pas", "est", "sans", "avec", "au", "aux", "dans",
    "sont", "il", "lo", "gli", "della", "di", "nei", "senza", "uma", "sem", "com", "em", "ao", "het", "een", "geen",
    "van", "niet", "zijn", "bez", "nie", "jest", "nem", "ingen", "ikke", "och",
])  # fmt: skip
"""Function words that tell English from other languages in Latin letters; words that they share are in neither."""

_WORD = re.compile(r"[^\W\d_]+")
_LOOP = re.compile(r"\b(\w+(?:\W+\w+){0,11}?)(?:\W+\1\b){3,}", re.I)
_LETTERS = re.compile(r"(.)\1{5,}")
_NO_WORD = re.compile(r"[b-df-hj-np-tv-xz]{6,}|^[b-df-hj-np-tv-xz]{4,}$")
_LAST_LATIN = "\u024f"
_LAST = "\u25ff"
"""The last character that a report may have; behind it stand pictures and scripts that no English report uses."""


def check_written(sentences: Sequence[GeneratedSentence]) -> None:
    """Raise where a model's sentences are no report.

    Raises:
        GenerationError: ``empty_output``, ``refusal``, ``repetitive``, ``gibberish``, or ``unreadable_output`` where a
            sentence seems to name a person, date or number. No message quotes the model.
    """
    if not sentences:
        raise GenerationError(GenerationCode.EMPTY, "The model wrote no sentence.")
    for sentence in sentences:
        _check_one(sentence.text)
    _, times = Counter(sentence.text.casefold() for sentence in sentences).most_common(1)[0]
    if times > MAX_REPEATS:
        raise GenerationError(GenerationCode.REPETITIVE, f"The model wrote one sentence {times} times.")


def each_once(sentences: Sequence[GeneratedSentence]) -> tuple[GeneratedSentence, ...]:
    """Return each sentence of a section once, where it first stands, with the evidence of all its repeats."""
    said: dict[tuple[str, str], GeneratedSentence] = {}
    for one in sentences:
        first = said.setdefault((one.section, one.text.casefold()), one)
        said[one.section, one.text.casefold()] = replace(first, hints=tuple(dict.fromkeys(first.hints + one.hints)))
    return tuple(said.values())


def _check_one(text: str) -> None:
    said = text.replace("\u2019", "'")
    if _REFUSAL.search(said):
        raise GenerationError(
            GenerationCode.REFUSAL, "The model speaks of itself or its instructions instead of the image."
        )
    if _LOOP.search(text) or _LETTERS.search(text):
        raise GenerationError(GenerationCode.REPETITIVE, "A sentence of the model repeats the same words.")
    words = _WORD.findall(text)
    letters = sum(map(len, words))
    dense = letters >= 0.5 * len(text.replace(" ", ""))
    if not (dense and text.isprintable() and max(text, default="") <= _LAST) or _MARKUP.search(text):
        raise GenerationError(GenerationCode.GIBBERISH, "A sentence of the model is not made of words.")
    if not _is_english(words):
        raise GenerationError(GenerationCode.GIBBERISH, "A sentence of the model is not in English.")
    if any(len(word) > LONGEST_WORD or _is_noise(word) for word in words):
        raise GenerationError(GenerationCode.GIBBERISH, "A sentence of the model has no words of any language.")
    if has_identifier(said) or has_deidentification_token(said):
        raise GenerationError(
            GenerationCode.UNREADABLE, "A sentence of the model seems to name a person, a date, a number or an age."
        )


def _is_english(words: Sequence[str]) -> bool:
    """Whether words may be English: in Latin letters, and not told to be of another language by its small words."""
    written = "".join(words)
    if sum(character <= _LAST_LATIN for character in written) < 0.8 * len(written) or not words:
        return False
    lowered = [word.lower() for word in words]
    english = sum(word in _ENGLISH for word in lowered)
    return sum(word in _FOREIGN for word in lowered) + (not written.isascii()) <= english


def _is_noise(word: str) -> bool:
    """Whether nobody can say a word; abbreviations in capitals are spelt."""
    return not word.isupper() and bool(_NO_WORD.search(word.lower()))
