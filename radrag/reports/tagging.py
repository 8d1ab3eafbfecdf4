"""Sentences to tokens and tags: which finding terms, parts, states and cues occur where.

spaCy's PhraseMatcher finds the phrases of :mod:`radrag.reports.lexicon`, negspacy's NegEx the cues of denial and doubt
(once with each termset); what the cues reach is decided in :mod:`radrag.reports.scope`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from radrag.reports import cues, lexicon

if TYPE_CHECKING:
    from spacy.tokens import Doc
    from spacy.vocab import Vocab

_WORD = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|[^\w\s]|_+|\S")
Cues = tuple[list[tuple[int, int]], list[tuple[int, int]]]
_CONCEPTS = ("term", "part", "state", "ignored")


class ReportTokenizer:
    """Words, numbers and single signs; white space of any kind and amount separates and is dropped.

    spaCy's own tokenizer keeps abbreviations and contractions whole, so that "T8.", "cannot" or a line break inside a
    phrase would hide it. The document holds words only; offsets into the text are kept beside it.
    """

    def __init__(self, vocab: Vocab) -> None:
        self.vocab = vocab

    def __call__(self, text: str) -> Doc:
        """Tokenise one text."""
        return self.of_words(_WORD.findall(text))

    def of_words(self, words: list[str]) -> Doc:
        """Make the document of words already split."""
        from spacy.tokens import Doc

        return Doc(self.vocab, words=words)

    def pipe(self, texts: Iterable[str], **_: Any) -> Iterator[Doc]:
        """Tokenise many texts; negspacy builds its patterns with this."""
        return (self(text) for text in texts)


@dataclass(frozen=True, slots=True)
class Tag:
    """One phrase found: tokens ``start`` to ``end`` (exclusive)."""

    kind: str
    value: str
    start: int
    end: int


@dataclass(slots=True)
class Tagged:
    """A sentence's words and tags.

    Attributes:
        words: lower-case words.
        offsets: (start, end) of each word in the text.
        concepts: terms, parts and states in order, not overlapping.
        attributes: side, severity, change, location and unsaid tags, by kind, in order.
        negation, doubt: (preceding, following) cues as (start, end) tokens, in order.
        termination: first tokens of clause-ending cues.
    """

    words: list[str]
    offsets: list[tuple[int, int]]
    concepts: list[Tag] = field(default_factory=list)
    attributes: dict[str, list[Tag]] = field(default_factory=dict)
    negation: Cues = field(default_factory=lambda: ([], []))
    doubt: Cues = field(default_factory=lambda: ([], []))
    termination: list[tuple[int, int]] = field(default_factory=list)


class Tagger:
    """Finds every phrase of the lexicon and every cue in a sentence."""

    def __init__(self) -> None:
        import spacy
        from negspacy.negation import Negex
        from spacy.matcher import PhraseMatcher

        nlp = spacy.blank("en")
        self._tokenizer = ReportTokenizer(nlp.vocab)
        nlp.tokenizer = self._tokenizer
        self._strings = nlp.vocab.strings
        self._matcher = PhraseMatcher(nlp.vocab, attr="LOWER")
        self._keys: dict[int, tuple[str, str]] = {}
        tables: list[tuple[str, dict[str, list[str]]]] = [
            ("ignored", {"": lexicon.IGNORED}),
            ("term", lexicon.TERMS),
            ("part", lexicon.PARTS),
            ("state", lexicon.STATES),
            ("unsaid", {"": cues.UNSAID}),
            ("side", cues.SIDE),
            ("severity", cues.SEVERITY),
            ("change", cues.CHANGE),
            ("location", cues.LOCATION),
        ]
        for kind, table in tables:
            for value, listed in table.items():
                key = f"{kind}:{value}"
                self._matcher.add(key, list(self._tokenizer.pipe(listed)))
                self._keys[self._strings[key]] = (kind, value)
        self._negation = Negex(nlp, "negation", cues.NEGATION, extension_name="radrag_negated")
        self._doubt = Negex(nlp, "doubt", cues.DOUBT, extension_name="radrag_doubted")

    def __call__(self, text: str) -> Tagged:
        """Tag one sentence."""
        found = list(_WORD.finditer(text))
        words = [match.group() for match in found]
        tagged = Tagged([word.lower() for word in words], [match.span() for match in found])
        if not words:
            return tagged
        doc = self._tokenizer.of_words(words)
        by_kind: dict[str, list[Tag]] = {}
        for key, start, end in self._matcher(doc):
            kind, value = self._keys[key]
            by_kind.setdefault("concept" if kind in _CONCEPTS else kind, []).append(Tag(kind, value, start, end))
        tagged.concepts = [tag for tag in _longest(by_kind.pop("concept", [])) if tag.kind != "ignored"]
        tagged.attributes = {kind: _longest(tags) for kind, tags in by_kind.items()}
        preceding, following, ending = self._negation.process_negations(doc)
        following += [(0, n, n + 2) for n in _answers(tagged.words)]
        tagged.negation = _cues(preceding, following)
        tagged.termination = _spans(ending)
        preceding, following, _ = self._doubt.process_negations(doc)
        tagged.doubt = _spans(preceding), _spans(following)
        return tagged


def _answers(words: list[str]) -> list[int]:
    """Places of ": no" that answers and leads to nothing ("Pneumothorax: no.")."""
    return [
        n
        for n in range(len(words) - 1)
        if words[n] == ":" and words[n + 1] == "no" and (n + 2 == len(words) or words[n + 2] in {".", ",", ";"})
    ]


def _longest(tags: list[Tag]) -> list[Tag]:
    """Keep the longest of overlapping tags, of equally long ones the first; return them in order."""
    taken: set[int] = set()
    kept = []
    for tag in sorted(tags, key=lambda tag: (tag.start - tag.end, _rank(tag), tag.start)):
        if taken.isdisjoint(range(tag.start, tag.end)):
            taken.update(range(tag.start, tag.end))
            kept.append(tag)
    return sorted(kept, key=lambda tag: tag.start)


def _rank(tag: Tag) -> int:
    """Of two kinds for the same words the earlier one wins."""
    return ("ignored", "term", "state", "part").index(tag.kind) if tag.kind in _CONCEPTS else 0


def _spans(matches: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """Longest of overlapping cue matches, in order."""
    return [(tag.start, tag.end) for tag in _longest([Tag("cue", "", start, end) for _, start, end in matches])]


def _cues(
    preceding: list[tuple[int, int, int]], following: list[tuple[int, int, int]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Longest cues of both kinds; a preceding cue inside a longer following one ("is not seen") is part of that."""
    after = _spans(following)
    before = [
        (start, end)
        for start, end in _spans(preceding)
        if not any(first <= start and end <= last and (first, last) != (start, end) for first, last in after)
    ]
    return before, [
        span for span in after if not any(b != span and b[0] <= span[0] and span[1] <= b[1] for b in before)
    ]
