"""What a review took: time from first opening to signature, and how many words of the draft were changed."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from rapidfuzz.distance import Levenshtein

from radrag.review.values import Decision, Review

_WORD = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Effort:
    """The figures of one review.

    Attributes:
        seconds: from the first opening to the signature; None where the opening is not on record, or lies later (the
            clock was set back).
        edit_distance: Levenshtein distance in words between the draft and what was signed.
        drafted_words: words of the draft.
        decisions: decision → number of sentences.
    """

    seconds: float | None
    edit_distance: int
    drafted_words: int
    decisions: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return asdict(self)


def effort_of(review: Review, opened: str | None, signed: str) -> Effort:
    """Return what a review took.

    Args:
        opened, signed: ISO 8601 date-times.
    """
    drafted = _words(" ".join(item.drafted for item in review.items if item.drafted))
    kept = _words(" ".join(item.text for item in review.items if item.stands))
    seconds = None
    if opened:
        seconds = (datetime.fromisoformat(signed) - datetime.fromisoformat(opened)).total_seconds()
    counts = Counter(item.decision.value for item in review.items)
    return Effort(
        seconds if seconds is not None and seconds >= 0 else None,
        Levenshtein.distance(drafted, kept),
        len(drafted),
        {decision.value: counts[decision.value] for decision in Decision},
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text)
