"""Tags to mentions: terms by themselves, parts with states, each with the token span it stands in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from radrag.domain import Polarity
from radrag.reports import scope
from radrag.reports.lexicon import ELSEWHERE, RULES
from radrag.reports.tagging import Tag, Tagged
from radrag.reports.vocabulary import NO_FINDING, region

_GENERIC = frozenset({"normal", "enlarged", "borderline", "abnormal", "inflated"})
_SOUND = frozenset({"normal", "inflated"})
_LIST = frozenset({",", "and", "or", "/"})
_BREAKS = scope.FINITE | {";", "with", "without", "but"}  # between a state and its part stand modifiers only
_APART = frozenset({"with", ";"})
_RESUMES = frozenset({"but", "although", "though", "yet", ","})
_OTHER = frozenset({"other", "additional", "further", "new", "interval", "else"})
_REST = frozenset({"otherwise", "remaining", "remainder", "rest"})
_BROAD = frozenset({"Lung Opacity", NO_FINDING})
_SHOWS = frozenset({"show", "shows", "demonstrate", "demonstrates", "reveal", "reveals"})
_MORE = (["other"], ["additional"])
_EXCEPTIONS = frozenset({"except", "other", "aside", "apart", "with"})
_ALTERNATIVE = frozenset({"or", "versus", "vs"})
_LEADS_ON = frozenset({"of", "to", "suggesting", "suggestive", "consistent", "such"})
_PART_TERMS = frozenset(part for part, _ in RULES if part[:1].isupper())


@dataclass(frozen=True, slots=True)
class Mention:
    """One finding named in tokens ``start`` to ``end`` of a clause; ``core`` is the term's or state's own span."""

    label: str
    polarity: Polarity
    start: int
    end: int
    clause: tuple[int, int]
    core: tuple[int, int]


def mentions(tagged: Tagged) -> list[Mention]:
    """Return every mention of a sentence, in order."""
    found: list[Mention] = []
    subject: list[Tag] = []
    for clause in scope.clauses(tagged):
        found.extend(_of_clause(tagged, clause, subject))
        subject = [tag for tag in tagged.concepts if clause[0] <= tag.start < clause[1] and tag.kind == "part"][-1:]
    if ELSEWHERE.intersection(tagged.words):  # "knee: degenerative changes" is no finding of the chest
        found = [mention for mention in found if region(mention.label) != "bones"]
    ordered = sorted(dict.fromkeys(found), key=lambda mention: (mention.start, mention.end))
    return _alternatives(tagged, ordered)


def _alternatives(tagged: Tagged, found: list[Mention]) -> list[Mention]:
    """Of two findings stated with "or" or "versus" between, each is only possible."""
    doubtful: set[int] = set()
    for n, (one, other) in enumerate(pairwise(found)):
        between = tagged.words[one.end : other.start]
        joined = _ALTERNATIVE.intersection(between) and not _BREAKS.intersection(between)
        if joined and one.clause == other.clause and Polarity.NEGATIVE not in (one.polarity, other.polarity):
            doubtful |= {n, n + 1}
    return [replace(one, polarity=Polarity.UNCERTAIN) if n in doubtful else one for n, one in enumerate(found)]


def _of_clause(tagged: Tagged, clause: tuple[int, int], subject: list[Tag]) -> list[Mention]:
    """Mentions of one clause: states with their parts, then the terms that no state has taken up.

    ``subject`` is the previous clause's: "the lungs are large but clear" calls the lungs clear.
    """
    concepts = [tag for tag in tagged.concepts if clause[0] <= tag.start and tag.end <= clause[1]]
    used: set[Tag] = set()
    found: list[Mention] = []
    for state in (tag for tag in concepts if tag.kind == "state"):
        if scope.is_unsaid(tagged, state, clause):
            continue
        parts = _parts_of(tagged, concepts, state, used)
        if not parts and clause[0] and tagged.words[clause[0]] in _RESUMES and state.value in _GENERIC - {"abnormal"}:
            parts = subject
        used.update(parts)
        found.extend(_combine(tagged, state, parts, clause))
    for term in (tag for tag in concepts if tag.kind == "term" and tag not in used):
        if scope.is_unsaid(tagged, term, clause):
            continue
        said = scope.polarity(tagged, term, clause)
        core = (term.start, term.end)
        found.extend(Mention(label, said, *core, clause, core) for label in term.value.split("|"))
    return [mention for mention in found if not _of_the_rest(tagged, mention)]


def _of_the_rest(tagged: Tagged, mention: Mention) -> bool:
    """Whether it is denied beside what was named: "no other infiltrate" and "otherwise clear" do not say of what."""
    start, end = mention.clause
    if mention.label in _BROAD and (mention.label == NO_FINDING or mention.polarity is Polarity.NEGATIVE):
        return not _REST.isdisjoint(tagged.words[start:end])
    words = tagged.words[start : mention.core[0]]
    cue = max((n for n, word in enumerate(words) if word in {"no", "without"}), default=None)
    return mention.polarity is Polarity.NEGATIVE and cue is not None and words[cue + 1 : cue + 2] in _MORE


def _parts_of(tagged: Tagged, concepts: list[Tag], state: Tag, used: set[Tag]) -> list[Tag]:
    """Return the parts a state speaks of.

    They stand before it with a verb ("heart is large"), else just after it ("enlarged heart"), else before it
    ("heart enlarged").
    """
    at = concepts.index(state)
    after = _following(tagged, concepts[at + 1 :], state)
    before = _preceding(tagged, concepts[:at], state, used)
    if not before or not after:
        return after or before
    between = tagged.words[before[0].end : state.start]
    if not _SHOWS.isdisjoint(between):
        return after  # "the films show a normal heart"
    verb = any(word in scope.FINITE for word in between)
    return before if verb and before[0] not in used else after


def _fits(part: Tag, state: Tag) -> bool:
    return any((value, state.value) in RULES for value in part.value.split("|"))


def _following(tagged: Tagged, concepts: list[Tag], state: Tag) -> list[Tag]:
    """Parts after a state: the first with only modifiers and joined states between, then those joined to it."""
    found: list[Tag] = []
    edge = state.end
    for tag in concepts:
        between = tagged.words[edge : tag.start]
        if _BREAKS.intersection(between):
            break
        if tag.kind == "state":
            if found or tag.value in _SOUND:
                break
            edge = tag.end
            continue
        joined = bool(_LIST.intersection(between))
        if found and not joined and _fits(tag, state):  # "calcified hilar nodes": the last noun is the head
            found[-1] = tag
            edge = tag.end
            continue
        if joined != bool(found) and not (joined and edge > state.end):
            break
        if tag.kind == "term" and (tag.value not in _PART_TERMS or not _fits(tag, state)):
            break
        if not _fits(tag, state) and state.value not in _GENERIC:
            if found:
                break
            continue
        found.append(tag)
        edge = tag.end
    return found


def _preceding(tagged: Tagged, concepts: list[Tag], state: Tag, used: set[Tag]) -> list[Tag]:
    """Parts before a state, nearest first: the whole joined group since the last state.

    A state that is joined to another ("tortuous and calcified") speaks of the same parts.
    """
    found: list[Tag] = []
    edge = state.start
    for tag in reversed(concepts):
        between = tagged.words[tag.end : edge]
        if tag.kind == "state":
            if found or _BREAKS.intersection(between) or (tag.value in _SOUND) != (state.value in _SOUND):
                break
            edge = tag.start
            continue
        if _APART.intersection(between) or (tag in used and (found or edge == state.start)):
            break
        if not _fits(tag, state):
            if tag.kind == "part" and state.value not in _GENERIC:
                continue
            if tag.kind == "term" and (state.value in _GENERIC or found):
                break
            if tag.kind == "term":
                continue
        if found and (_BREAKS.intersection(between) or not _LIST.intersection(between)):
            break
        found.append(tag)
        edge = tag.start
    return found


def _combine(tagged: Tagged, state: Tag, parts: list[Tag], clause: tuple[int, int]) -> list[Mention]:
    """Look up what the state says of each part, with the polarity its clause gives it."""
    said = scope.polarity(tagged, state, clause)
    value = state.value
    if value == "abnormal":
        if said is not Polarity.NEGATIVE or _LEADS_ON.intersection(tagged.words[state.end : state.end + 1]):
            return []  # "findings of edema" names edema, no abnormality of its own
        cue = scope.negation_before(tagged, state, clause)
        if cue is not None and _OTHER.intersection(tagged.words[cue[1] : state.start]):
            return []  # "no other abnormality" leaves what was named
        value, said = "normal", Polarity.POSITIVE
    bare = Tag("part", "chest" if state.value == "abnormal" else "", state.start, state.end)
    after = tagged.words[clause[1] : clause[1] + 2]
    excepted = bool(_EXCEPTIONS.intersection(after[:1])) and after != ["with", "no"]
    excepted = excepted or "since" in tagged.words[state.end : clause[1]]  # says what changed, not what there is
    found: list[Mention] = []
    for part in parts or [bare]:
        for name in part.value.split("|"):
            for label, base in RULES.get((name, value), ()):
                polarity = _join(base, said)
                if polarity is None or (label == NO_FINDING and excepted):
                    continue
                start, end = min(part.start, state.start), max(part.end, state.end)
                found.append(Mention(label, polarity, start, end, clause, (state.start, state.end)))
    return found


def _join(base: Polarity, said: Polarity) -> Polarity | None:
    """Polarity of a rule's outcome under the clause's cues; None where nothing follows ("not normal")."""
    if base is Polarity.NEGATIVE:
        return Polarity.NEGATIVE if said is not Polarity.NEGATIVE else None
    if base is Polarity.POSITIVE or said is Polarity.NEGATIVE:
        return said
    return base
