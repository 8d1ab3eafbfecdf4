"""Tags to mentions: terms by themselves, parts with states, each with the token span it stands in."""

from __future__ import annotations

from dataclasses import dataclass

from radrag.domain import Polarity
from radrag.reports import scope
from radrag.reports.lexicon import RULES
from radrag.reports.tagging import Tag, Tagged

_GENERIC = frozenset({"normal", "enlarged", "borderline", "abnormal", "inflated"})
_FILL_STOPS = scope.FINITE | {",", ";", "and", "or", "with", "without", "but"}
_OTHER = frozenset({"other", "additional", "further", "new", "interval", "else"})
_EXCEPTIONS = frozenset({"except", "other", "aside", "apart", "with"})
_PART_TERMS = frozenset(part for part, _ in RULES if part[:1].isupper())


@dataclass(frozen=True, slots=True)
class Mention:
    """One finding named in tokens ``start`` to ``end`` of a clause."""

    label: str
    polarity: Polarity
    start: int
    end: int
    clause: tuple[int, int]


def mentions(tagged: Tagged) -> list[Mention]:
    """Return every mention of a sentence, in order."""
    found: list[Mention] = []
    for clause in scope.clauses(tagged):
        found.extend(_of_clause(tagged, clause))
    return sorted(dict.fromkeys(found), key=lambda mention: (mention.start, mention.end))


def _of_clause(tagged: Tagged, clause: tuple[int, int]) -> list[Mention]:
    concepts = [tag for tag in tagged.concepts if clause[0] <= tag.start and tag.end <= clause[1]]
    used: set[Tag] = set()
    replaced: set[Tag] = set()
    found: list[Mention] = []
    for state in (tag for tag in concepts if tag.kind == "state"):
        if scope.is_unsaid(tagged, state, clause):
            continue
        parts = _parts_of(tagged, concepts, state, used, clause)
        used.update(parts)
        replaced.update(part for part in parts if part.kind == "term")
        found.extend(_combine(tagged, state, parts, clause))
    for term in (tag for tag in concepts if tag.kind == "term" and tag not in replaced):
        if scope.is_unsaid(tagged, term, clause):
            continue
        said = scope.polarity(tagged, term, clause)
        found.extend(Mention(label, said, term.start, term.end, clause) for label in term.value.split("|"))
    return found


def _parts_of(tagged: Tagged, concepts: list[Tag], state: Tag, used: set[Tag], clause: tuple[int, int]) -> list[Tag]:
    """Return the parts a state speaks of: those just after it ("enlarged heart"), else those before it."""
    at = concepts.index(state)
    after = _run(tagged, concepts[at + 1 :], state)
    before = _back(tagged, concepts[:at], state, used, clause)
    copula = any(word in scope.FINITE for word in tagged.words[before[0].end : state.start]) if before else False
    if before and (copula or not after):
        return before
    return after or before


def _fits(part: Tag, state: Tag) -> bool:
    return any((value, state.value) in RULES for value in part.value.split("|"))


def _run(tagged: Tagged, following: list[Tag], state: Tag) -> list[Tag]:
    """Parts that follow a state: the first with only modifiers between, then those joined to it."""
    found: list[Tag] = []
    edge = state.end
    for tag in following:
        between = tagged.words[edge : tag.start]
        if tag.kind == "state" and not found and tag.value != "normal":
            edge = tag.end
            continue
        if tag.kind == "state" or (tag.kind == "term" and tag.value not in _PART_TERMS):
            break
        stops = _FILL_STOPS - {",", "and", "or"} if found else _FILL_STOPS
        if any(word in stops for word in between):
            break
        if found and not any(word in {",", "and", "or"} for word in between):
            break
        if _fits(tag, state) or (state.value in _GENERIC and tag.kind == "part"):
            found.append(tag)
            edge = tag.end
        elif state.value in _GENERIC or tag.kind == "term":
            break
    return found


def _back(tagged: Tagged, previous: list[Tag], state: Tag, used: set[Tag], clause: tuple[int, int]) -> list[Tag]:
    """Parts that precede a state, nearest first: the whole joined group since the last state."""
    found: list[Tag] = []
    for tag in reversed(previous):
        if tag in used:
            break
        if tag.kind == "state":
            if found or (tag.value == "normal") != (state.value == "normal"):
                break
            continue
        if tag.kind == "term" and not _fits(tag, state):
            if state.value in _GENERIC or found:
                break
            continue
        if tag.kind == "part" and not _fits(tag, state) and state.value not in _GENERIC:
            continue
        if found:
            between = tagged.words[tag.end : found[-1].start]
            if any(word in scope.FINITE for word in between) or "with" in between:
                break
        found.append(tag)
        if tag.kind == "term":
            break
    return found


def _combine(tagged: Tagged, state: Tag, parts: list[Tag], clause: tuple[int, int]) -> list[Mention]:
    """Look up what the state says of each part, with the polarity its clause gives it."""
    said = scope.polarity(tagged, state, clause)
    value = state.value
    if value == "abnormal":
        if said is not Polarity.NEGATIVE or _names_something(tagged, state):
            return []
        cue = scope.negation_before(tagged, state, clause)
        if cue is not None and _OTHER.intersection(tagged.words[cue[1] : state.start]):
            return []
        value, said = "normal", Polarity.POSITIVE
        parts = parts or [Tag("part", "chest", state.start, state.end)]
    elif not parts:
        parts = [Tag("part", "", state.start, state.end)]
    excepted = clause[1] < len(tagged.words) and tagged.words[clause[1]] in _EXCEPTIONS
    found: list[Mention] = []
    for part in parts:
        for name in part.value.split("|"):
            for label, base in RULES.get((name, value), ()):
                if label == "No Finding" and excepted and tagged.words[clause[1] : clause[1] + 2] != ["with", "no"]:
                    continue
                polarity = _join(base, said)
                if polarity is not None:
                    start, end = min(part.start, state.start), max(part.end, state.end)
                    found.append(Mention(label, polarity, start, end, clause))
    return found


def _names_something(tagged: Tagged, state: Tag) -> bool:
    """Whether "findings" only leads to what was found: "findings of edema", "process such as"."""
    after = tagged.words[state.end : state.end + 1]
    return bool(after) and after[0] in {"of", "to", "suggesting", "suggestive", "consistent", "such"}


def _join(base: Polarity, said: Polarity) -> Polarity | None:
    """Polarity of a rule's outcome under the clause's cues; None where nothing follows ("not normal")."""
    if base is Polarity.NEGATIVE:
        return Polarity.NEGATIVE if said is not Polarity.NEGATIVE else None
    if base is Polarity.POSITIVE or said is Polarity.NEGATIVE:
        return said
    return base
