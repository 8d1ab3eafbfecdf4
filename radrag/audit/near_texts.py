"""Reports that are nearly the same: sets of word triples that overlap, found without comparing every pair."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from typing import Generic, TypeVar

NEAR_TEXT = 0.7
"""Least Jaccard overlap of word triples: a report of 40 words with two separate words changed has 0.73."""

_WORD = re.compile(r"[a-z0-9]+")
_LENGTH = 3

Name = TypeVar("Name", bound=Hashable)
Shingles = frozenset[str]


def shingles(text: str) -> Shingles:
    """Return the word triples of a text; of one with fewer than three words, the words together."""
    words = _WORD.findall(text.lower())
    if not words:
        return frozenset()
    return frozenset(" ".join(words[start : start + _LENGTH]) for start in range(max(1, len(words) - _LENGTH + 1)))


class NearTexts(Generic[Name]):
    """Finds, for any text, the held ones that overlap with it by at least :data:`NEAR_TEXT`: all of them.

    Two sets overlap that much only if they share one of their rarest triples; how many of these must be looked at
    follows from the overlap that is wanted (prefix filtering, Chaudhuri et al. 2006).

    Args:
        texts: name → text; blank ones are never found.
    """

    def __init__(self, texts: Mapping[Name, str], *, least: float = NEAR_TEXT) -> None:
        self._least = least
        self._held = {name: found for name, text in texts.items() if (found := shingles(text))}
        self._frequency = Counter(one for found in self._held.values() for one in found)
        self._holding: dict[str, list[Name]] = {}
        for name, found in self._held.items():
            for one in self._rarest(found):
                self._holding.setdefault(one, []).append(name)

    def near(self, text: str) -> Iterator[tuple[Name, float]]:
        """Yield (name, overlap) of the held texts that are near, in no order; the overlap is at most 1."""
        asked = shingles(text)
        candidates = {name for one in self._rarest(asked) for name in self._holding.get(one, ())}
        for name in candidates:
            held = self._held[name]
            shared = len(asked & held)
            overlap = shared / (len(asked) + len(held) - shared)
            if overlap >= self._least:
                yield name, overlap

    def _rarest(self, found: Shingles) -> list[str]:
        order = sorted(found, key=lambda one: (self._frequency[one], one))
        # The small number keeps 0.7 × 10 = 7.000000000000001 from asking for eight.
        return order[: len(order) - math.ceil(self._least * len(order) - 1e-9) + 1]
