"""Report texts made comparable: the cleaning that published scores used, so that numbers can stand beside theirs."""

from __future__ import annotations

import re
from enum import StrEnum

Tokens = tuple[str, ...]


class Cleaning(StrEnum):
    """How a text becomes tokens; scores of different cleanings do not compare."""

    R2GEN_IU = "r2gen-iu"
    R2GEN_MIMIC = "r2gen-mimic"
    LOWER = "lower"


# R2Gen (Chen et al., EMNLP 2020), modules/tokenizers.py: replacements in this order, each once, as published there.
_NUMBERED = (
    ("1. ", ""),
    *((f". {number}. ", ". ") for number in range(2, 6)),
    *((f" {number}. ", ". ") for number in range(2, 6)),
)
_IU = (*[("..", ".")] * 3, *_NUMBERED)
_MIMIC = (("\n", " "), *[("__", "_")] * 6, *[("  ", " ")] * 6, *[("..", ".")] * 8, *_NUMBERED)
# Its character class holds the range ":-\[", which is ":" to "[": the hyphen stays.
_DROPPED = str.maketrans("", "", "\"'/\\.,?;*!%^&_+():<=>@[]{}")


def tokens_of(text: str, cleaning: Cleaning = Cleaning.R2GEN_IU, *, limit: int = 0) -> Tokens:
    """Return a report's tokens; none for a blank one.

    Args:
        text: a report or a section of one.
        cleaning: R2Gen's for either of its data sets (sentences end in a token ".", all other punctuation but hyphens
            goes), or ``LOWER`` (lower case, cut at white space, nothing taken away) for texts that are tokens already.
        limit: tokens kept from the start, 0 for all. R2Gen scores 60 (IU X-ray) or 100 (MIMIC-CXR) of the reference.
    """
    if not text.strip():
        return ()
    if cleaning is Cleaning.LOWER:
        tokens = text.lower().split()
    else:
        for old, new in _IU if cleaning is Cleaning.R2GEN_IU else _MIMIC:
            text = text.replace(old, new)
        sentences = (re.sub(r"\s+", " ", part.translate(_DROPPED)) for part in text.strip().lower().split(". "))
        tokens = f"{' . '.join(sentences)} .".split()
    return tuple(tokens[:limit] if limit else tokens)
