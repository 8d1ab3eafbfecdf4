"""Report text to findings: what is said to be there, not there or possible, where, how much, and changed how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from radrag.domain import Finding, Sentence, Side
from radrag.reports import attributes
from radrag.reports.mentions import Mention, mentions
from radrag.reports.sections import BODY
from radrag.reports.sentences import split_sentences
from radrag.reports.tagging import Tagged, Tagger
from radrag.reports.vocabulary import BY_NAME, NO_FINDING

_LONGEST = 240
"""Words of a sentence that are read at once; a longer one is read in pieces, so that time stays linear."""


LABELS = "labels"
"""Section of cases without a report: a row of a label table, written out; evidence where there is nothing better."""

VERSION = "5"
"""Counts up with every change of what is found in a text: corpora are read anew when it does."""


def evidence_sections(sections: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the sections that carry evidence: findings and impression, else written-out labels."""
    return tuple(name for name in BODY if name in sections) or tuple(name for name in (LABELS,) if name in sections)


class Labeler:
    """Rule-based labeler over spaCy's phrase matcher and negspacy's NegEx; loads in seconds, then is fast."""

    def __init__(self) -> None:
        self._tagger = Tagger()
        self._cached = lru_cache(maxsize=20_000)(self._sentence)

    def label_text(self, text: str) -> tuple[Finding, ...]:
        """Return the findings of a sentence or section, with offsets into ``text``, in order."""
        return tuple(
            finding for start, end in split_sentences(text) for finding in self._shifted(text[start:end], start)
        )

    def label_section(self, case_id: str, section: str, text: str) -> tuple[Sentence, ...]:
        """Return a section's sentences, numbered from 0, with their findings; all offsets are into ``text``."""
        return tuple(
            Sentence(case_id, section, number, start, end, text[start:end], self._shifted(text[start:end], start))
            for number, (start, end) in enumerate(split_sentences(text))
        )

    def label_sections(
        self, case_id: str, sections: Mapping[str, str], *, names: Iterable[str] = ()
    ) -> tuple[Sentence, ...]:
        """Return the sentences of the named sections in that order; by default those that carry evidence."""
        return tuple(
            sentence
            for name in names or evidence_sections(sections)
            if name in sections
            for sentence in self.label_section(case_id, name, sections[name])
        )

    def label_many(self, texts: Iterable[str]) -> Iterator[tuple[Finding, ...]]:
        """Label many texts, one result a text; equal sentences are read once."""
        return (self.label_text(text) for text in texts)

    def _shifted(self, sentence: str, by: int) -> tuple[Finding, ...]:
        return tuple(
            replace(finding, start=finding.start + by, end=finding.end + by) for finding in self._cached(sentence)
        )

    def _sentence(self, text: str) -> tuple[Finding, ...]:
        found: list[Finding] = []
        for start, piece in _pieces(text):
            tagged = self._tagger(piece)
            found.extend(
                replace(finding, start=finding.start + start, end=finding.end + start)
                for finding in _describe(tagged, mentions(tagged))
            )
        return tuple(found)


@lru_cache(maxsize=1)
def default_labeler() -> Labeler:
    """Return the one labeler of this process, loaded on first use."""
    return Labeler()


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, text) pieces of at most about :data:`_LONGEST` words."""
    limit = _LONGEST * 6
    start = 0
    while len(text) - start > limit:
        cut = text.rfind(" ", start, start + limit)
        cut = cut if cut > start else start + limit
        yield start, text[start:cut]
        start = cut
    yield start, text[start:]


def _describe(tagged: Tagged, found: list[Mention]) -> Iterator[Finding]:
    """Give each mention its attributes."""
    sides = attributes.sides(tagged, found)
    for mention, side in zip(found, sides, strict=True):
        if mention.label == NO_FINDING:
            yield Finding(mention.label, mention.polarity, start=_start(tagged, mention), end=_end(tagged, mention))
            continue
        own = attributes.windows(tagged, mention, found)
        inside = range(mention.start, mention.end)
        yield Finding(
            label=mention.label,
            polarity=mention.polarity,
            side=side if BY_NAME[mention.label].sided else Side.NONE,
            location=attributes.location_of(tagged, own, inside),
            severity=attributes.severity_of(tagged, own, inside),
            change=attributes.change_of(tagged, own, mention),
            start=_start(tagged, mention),
            end=_end(tagged, mention),
        )


def _start(tagged: Tagged, mention: Mention) -> int:
    return tagged.offsets[mention.start][0]


def _end(tagged: Tagged, mention: Mention) -> int:
    return tagged.offsets[mention.end - 1][1]
