"""How far a cue reaches: clauses, lists after "no", and what a following "is not seen" looks back at."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

from radrag.domain import Polarity
from radrag.reports.cues import ADJECTIVES_OF_DOUBT
from radrag.reports.lexicon import phrases
from radrag.reports.tagging import Tag, Tagged

FINITE = frozenset(
    phrases(
        "is, are, was, were, has, have, had, appears, appear, appeared, remains, remain, remained, shows, "
        "show, demonstrates, demonstrate, demonstrated, reveals, reveal, persists, persist, exists, measures"
    )
)
_SEEN = frozenset(
    phrases(
        "seen, identified, present, noted, visualized, visualised, evident, appreciated, demonstrated, "
        "detected, observed, found, apparent, visible, suggested"
    )
)
_JOIN = frozenset({",", "and", "&", "plus"})
_OR = frozenset({"or", "nor"})
_AFFIRMS = frozenset(
    phrases(
        "a, an, the, there, some, scattered, multiple, several, few, chronic, old, again, left, right, "
        "bilateral, bibasilar, now, only, possible, probable, likely, possibly, probably, suspected, "
        "questionable, this, these, it"
    )
)
_LINKS = frozenset({",", *phrases("and, or, nor, /, in, of, at, on, over, within, near, along, to, versus, vs")})
_GOES_ON = frozenset({"consistent", "compatible", "associated", "along", "in", "concerning"})  # "… with" that is no end
_BARE_LIST_ENDS = frozenset({"with", "due", "secondary", "because", "causing"})


def clauses(tagged: Tagged) -> list[tuple[int, int]]:
    """Return the (start, end) token spans that cues and states do not leave."""
    words = tagged.words
    cuts = {start for start, _ in tagged.termination} | {n for n, word in enumerate(words) if word in {";", "•"}}
    for n, word in enumerate(words[:-1]):
        if word == "there" and words[n + 1] in FINITE and any(tag.start < n for tag in tagged.concepts):
            cuts.add(n)  # "In the left base, there is …" stays whole: its place is the finding's
        if (word == "with" and words[n + 1] == "no") or (word == "," and words[n + 1] == "which"):
            cuts.add(n)
    starts = sorted(tag.start for tag in tagged.concepts)
    edges = [0]
    for cut in sorted(cut for cut in cuts if cut):
        # "enlarged but stable": what names nothing of its own speaks of what went before
        if bisect_left(starts, cut) > bisect_left(starts, edges[-1]) and bisect_left(starts, cut) < len(starts):
            edges.append(cut)
    edges.append(len(words))
    found: list[tuple[int, int]] = []
    for start, end in pairwise(edges):
        found.extend(_coordinated(tagged, start, end))
    return found


def _coordinated(tagged: Tagged, start: int, end: int) -> list[tuple[int, int]]:
    """Cut where a comma or "and" joins two subjects, each with its own verb."""
    words = tagged.words
    concepts = [tag for tag in tagged.concepts if start <= tag.start < end]
    spans: list[tuple[int, int]] = []
    left = start
    for verb in (n for n in range(start, end) if words[n] in FINITE):
        subject = [tag for tag in concepts if left <= tag.start and tag.end <= verb and tag.kind != "state"]
        if not subject:
            continue
        group = subject[-1].start
        for tag in reversed(subject):
            if tag.kind != subject[-1].kind or any(words[n] in FINITE for n in range(tag.end, verb)):
                break
            group = tag.start
        denied = any(left <= cue[0] < subject[-1].start for cue in tagged.negation[0])
        if denied and _measured(tagged, verb):  # "No pneumothorax, effusions are small"
            group = subject[-1].start
        cut = _join_before(words, left, group)
        if cut is None:
            continue
        has_verb = any(word in FINITE for word in words[left:cut])
        other_kind = any(tag.kind != subject[-1].kind for tag in concepts if left <= tag.start < cut)
        if has_verb or (subject[-1].kind == "part" and other_kind) or (denied and _measured(tagged, verb)):
            spans.append((left, cut))
            left = cut
    spans.append((left, end))
    return spans


def _measured(tagged: Tagged, verb: int) -> bool:
    """Whether the verb says how large or how changed its subject is, so that it is there."""
    return any(
        tag.start == verb + 1 and tag.value != "new"
        for kind in ("severity", "change")
        for tag in tagged.attributes.get(kind, ())
    )


def _join_before(words: list[str], left: int, group: int) -> int | None:
    """Return the last comma or "and" between ``left`` and ``group``, None where "or" joins or nothing does."""
    for n in range(group - 1, left, -1):
        if words[n] in _JOIN:
            return None if words[n + 1] in _OR else (n - 1 if words[n - 1] == "," and n - 1 > left else n)
        if words[n] in _OR or words[n] in FINITE:
            return None
    return None


def reach(tagged: Tagged, cue: tuple[int, int], end: int, *, doubt: bool = False) -> int:
    """Return the token before which the reach of a preceding cue ends, at most the clause's ``end``."""
    words = tagged.words
    narrow = doubt and " ".join(words[cue[0] : cue[1]]) in ADJECTIVES_OF_DOUBT
    seen_or = predicate = False
    removes = words[cue[0]] in {"removal", "resolution", "clearing", "disappearance"}
    listed = doubt and words[cue[1] - 1] in {"include", "includes", "including"}  # what follows is all in doubt
    for n in range(cue[1], end):
        word = words[n]
        if removes and word not in FINITE and word not in _BARE_LIST_ENDS:
            continue
        if word in _BARE_LIST_ENDS and words[n - 1] not in _GOES_ON:
            return n
        if predicate and word in {"the", "there"} and any(other in FINITE for other in words[n + 1 : end]):
            return n  # "no pneumothorax is seen the lungs are large": a new sentence without a stop
        if word in FINITE or word in _SEEN:
            predicate = True
        if word in _OR:
            seen_or = True
        if word in _JOIN and n + 1 < end:
            begun = n == cue[1] or any(cue[1] <= tag.start < n for tag in tagged.concepts)
            if words[n + 1] in _OR | _JOIN or not begun:  # in "no mild, smooth thickening" no list has begun
                continue
            more = any(other in _OR for other in words[n + 1 : end])
            affirms = _affirms(tagged, n + 1, end)
            if narrow and not more:
                return n
            if affirms and not listed and (not more or seen_or or affirms == "state"):
                return n
            if (predicate or (seen_or and word == ",")) and not more:
                return n
    return end


def _affirms(tagged: Tagged, start: int, end: int) -> str:
    """Whether the item that begins at ``start`` is stated as there: by an article, a size, a side, a normal state."""
    first = tagged.words[start]
    item = next((n for n in range(start, end) if tagged.words[n] in _JOIN | _OR), end)
    if any(
        tag.kind == "state" and tag.value in {"normal", "inflated"} and start <= tag.start < item
        for tag in tagged.concepts
    ):
        return "state"
    if first in _AFFIRMS:
        return "word"
    for kind in ("severity", "change"):
        for tag in tagged.attributes.get(kind, ()):
            if tag.start == start and (tag.value in {"mild", "moderate", "stable", "worse", "better"}):
                return "word"
    return ""


def polarity(tagged: Tagged, target: Tag, clause: tuple[int, int]) -> Polarity:
    """Return what the clause's cues make of ``target``: denied before doubted before stated."""
    if _cued(tagged, target, clause, tagged.negation, doubt=False):
        return Polarity.NEGATIVE
    if _cued(tagged, target, clause, tagged.doubt, doubt=True):
        return Polarity.UNCERTAIN
    return Polarity.POSITIVE


def negation_before(tagged: Tagged, target: Tag, clause: tuple[int, int]) -> tuple[int, int] | None:
    """Return the preceding denial that reaches ``target``, if any."""
    for cue in reversed(tagged.negation[0]):
        if clause[0] <= cue[0] and cue[1] <= target.start and reach(tagged, cue, clause[1]) > target.start:
            return cue
    return None


def _cued(
    tagged: Tagged,
    target: Tag,
    clause: tuple[int, int],
    both: tuple[list[tuple[int, int]], list[tuple[int, int]]],
    *,
    doubt: bool,
) -> bool:
    """Whether a cue before or after reaches ``target``."""
    start, end = clause
    for cue in both[0]:
        inside = target.start <= cue[0] and cue[1] <= target.end
        if inside or (
            start <= cue[0] and cue[1] <= target.start and reach(tagged, cue, end, doubt=doubt) > target.start
        ):
            return True
    return any(
        target.end <= cue[0]
        and cue[1] <= end
        and not _leads(tagged.words, cue, end)
        and not any(word in FINITE for word in tagged.words[target.end : cue[0] - 1])
        and _in_subject(tagged, target, cue[0])
        for cue in both[1]
        if start <= cue[0]
    )


def _in_subject(tagged: Tagged, target: Tag, cue: int) -> bool:
    """Whether target still belongs to what a following cue speaks of: nothing but list words or a place lead on."""
    following = next((tag for tag in tagged.concepts if target.end <= tag.start and tag.end <= cue), None)
    if following is None or following.start == target.end:  # "mass lesion" is one thing
        return True
    return bool(_LINKS.intersection(tagged.words[target.end : following.start]))


def _leads(words: list[str], cue: tuple[int, int], end: int) -> bool:
    """Whether a one-word cue speaks of what follows ("opacity with possible infiltrate"), not of what precedes."""
    closes = cue[1] >= end or words[cue[1]] in {",", ".", ";", "and", "but", "?", ")", "with", "since"}
    adjective = cue[1] - cue[0] == 1 or " ".join(words[cue[0] : cue[1]]) in ADJECTIVES_OF_DOUBT
    return adjective and not closes and words[cue[0]] not in {"versus", "vs"}


def is_unsaid(tagged: Tagged, target: Tag, clause: tuple[int, int]) -> bool:
    """Whether the target is history, question or advice."""
    cues = [cue for pair in (tagged.negation, tagged.doubt) for side in pair for cue in side]
    for tag in tagged.attributes.get("unsaid", ()):
        if clause[0] <= tag.start and tag.end <= target.start:
            if any(cue[0] <= tag.start and tag.end <= cue[1] for cue in cues):
                continue
            if not any(word in {"now", "currently", "there", "with"} for word in tagged.words[tag.end : target.start]):
                return True
    return False
