"""Side, place, severity and change of a mention, from the words around it."""

from __future__ import annotations

from radrag.domain import Change, Polarity, Severity, Side
from radrag.reports.mentions import Mention
from radrag.reports.scope import FINITE
from radrag.reports.tagging import Tag, Tagged

_STOPS = frozenset({"with", "without", ";"})
_BESIDE = frozenset(
    ["adjacent", "associated", "underlying", "overlying", "compressive", "represent", "representing", "reflecting"]
)
_PLACING = frozenset(["in", "at", "on", "within", "over", "overlying", "involving"])
_APART = frozenset(["with", "a", "an", "also", "now", "no", "without"])
_OPENERS = frozenset(["a", "an", "the", "no", "with", "and", ".", ":", ")", ";"])
_ADJECTIVES = 3
"""Words that may stand between "small," and what is small."""

_MORE_OR_LESS = {"increased": Change.WORSE, "decreased": Change.BETTER}
_MAY_BE_DENSE = frozenset({"Lung Opacity", "Nodule", "Increased Lung Markings"})
"""Of these "increased" may say how dense they are."""

_ARTICLES = frozenset(["a", "an", "the"])
_JOINS = frozenset({",", "and", "or", "nor", "&", "/"})


def windows(tagged: Tagged, mention: Mention, others: list[Mention]) -> tuple[range, range]:
    """Return the token ranges left and right of a mention that speak of it alone."""
    spans = sorted({(other.start, other.end) for other in others if other.clause == mention.clause})
    floor = max((end for start, end in spans if end <= mention.start), default=mention.clause[0])
    roof = min((start for start, end in spans if start >= mention.end), default=mention.clause[1])
    attributes = {n for tags in tagged.attributes.values() for tag in tags for n in range(tag.start, tag.end)}
    left = mention.start
    while left > floor:
        word = tagged.words[left - 1]
        if word in _STOPS and left - 1 not in attributes:
            break
        after = left + 1 if tagged.words[left] in _ARTICLES else left
        # "a small left and a moderate right effusion" are two sides of one, and "a small, round nodule" is small
        two_sides = left - 2 >= floor and left - 2 in attributes and after in attributes
        one_size = word == "," and mention.start - left <= _ADJECTIVES and _opens(tagged, left - 2)
        if word in _JOINS and not two_sides and not one_size:
            break
        left -= 1
    right = mention.end
    while right < roof:
        word = tagged.words[right]
        if word in _STOPS and right not in attributes:
            break
        if word in _JOINS and roof < mention.clause[1]:
            break
        right += 1
    return range(left, mention.start), range(mention.end, right)


def _opens(tagged: Tagged, n: int) -> bool:
    """Whether the word at ``n`` says how large something is that is named after it, not before."""
    sizes = any(tag.start <= n < tag.end for tag in tagged.attributes.get("severity", []))
    return sizes and (n == 0 or tagged.words[n - 1] in _OPENERS)


def _within(tags: list[Tag], *ranges: range) -> list[Tag]:
    return [tag for tag in tags if any(r.start <= tag.start and tag.end <= r.stop for r in ranges)]


def sides(tagged: Tagged, found: list[Mention]) -> list[Side]:
    """Return each mention's side: its own, else one it shares with its neighbour in a list.

    "Left basilar atelectasis and effusion" gives both the left, so does "atelectasis and effusion on the left"; a
    second finding with a modifier of its own ("emphysema and a small nodule on the left") keeps its side to itself.
    """
    tags = [
        tag
        for tag in tagged.attributes.get("side", [])
        if {"not", "none"}.isdisjoint(tagged.words[max(0, tag.start - 3) : tag.start])
    ]  # "on the right and not on the left", "… none on the left"
    own = [windows(tagged, mention, found) for mention in found]
    result = [
        _side({tag.value for tag in _within(tags, left, range(mention.start, mention.end), right)})
        for mention, (left, right) in zip(found, own, strict=True)
    ]
    first = min((mention.start for mention in found), default=0)
    for n, mention in enumerate(found):
        if result[n] is Side.NONE and n and _shares(tagged, found[n - 1], mention):
            result[n] = result[n - 1]
        opening = tagged.words[mention.clause[0] : first]
        if result[n] is Side.NONE and mention.polarity is found[0].polarity and _PLACING.intersection(opening):
            # "In the left base, there is …"
            result[n] = _side({tag.value for tag in _within(tags, range(mention.clause[0], first))})
    for n in range(len(found) - 2, -1, -1):
        between = tagged.words[found[n].end : found[n + 1].start]
        if result[n] is Side.NONE and found[n].clause == found[n + 1].clause and between and _JOINS.issuperset(between):
            result[n] = _side({tag.value for tag in _within(tags, own[n + 1][1])})
    return result


def _shares(tagged: Tagged, one: Mention, other: Mention) -> bool:
    """Whether a finding lies where the one named just before it does."""
    between = set(tagged.words[one.end : other.start])
    if one.clause != other.clause or (one.polarity is Polarity.NEGATIVE) != (other.polarity is Polarity.NEGATIVE):
        return False
    return bool(between & _BESIDE) or not between & _APART


def _side(values: set[str]) -> Side:
    if not values:
        return Side.NONE
    return Side(values.pop()) if len(values) == 1 else Side.BILATERAL


def location_of(tagged: Tagged, own: tuple[range, range], inside: range) -> str:
    """Return the place named around a mention, without its side; nearest before it, else after it."""
    tags = tagged.attributes.get("location", [])
    for chosen in (_within(tags, own[0], inside)[::-1], _within(tags, own[1])):
        if chosen:
            return chosen[0].value
    return ""


def severity_of(tagged: Tagged, own: tuple[range, range], inside: range) -> Severity:
    """Return how much of it there is: by a word before or in the mention, else by a predicate after it."""
    # "slightly larger" says how much it changed, not how large it is; "mild stable cardiomegaly" is a mild one
    changed = {
        n for tag in tagged.attributes.get("change", []) for n in range(tag.start - (tag.value != "stable"), tag.end)
    }
    tags = [tag for tag in tagged.attributes.get("severity", []) if tag.end - 1 not in changed]
    before = _within(tags, own[0]) or _within(tags, inside)
    if before:
        return Severity(before[-1].value)
    after = _within(tags, own[1])
    if after and any(word in FINITE or word == "," for word in tagged.words[own[1].start : after[0].start]):
        return Severity(after[0].value)
    return Severity.NONE


def change_of(tagged: Tagged, own: tuple[range, range], mention: Mention) -> Change:
    """Return the change against an earlier study that is named around a mention.

    The state that makes the finding is no change of it: markings that "are increased" are prominent ones.
    """
    inside = range(mention.start, mention.end)
    tags = [
        tag
        for tag in tagged.attributes.get("change", [])
        if mention.core == (mention.start, mention.end)
        or tag.end <= mention.core[0]
        or tag.start >= mention.core[1]
        or tagged.words[tag.start] in {"has", "have", "interval", "more", "now"}
    ]
    found = _within(tags, own[0], inside)[::-1] + _within(tags, own[1])
    strong = [tag for tag in found if tag.value != "stable"]
    if found:
        return Change((strong or found)[0].value)
    if mention.core == (mention.start, mention.end) and mention.label not in _MAY_BE_DENSE:
        said = [_MORE_OR_LESS[word] for word in tagged.words[own[0].start : mention.start] if word in _MORE_OR_LESS]
        if said:
            return said[-1]
    return _trailing_change(tagged, mention)


def _trailing_change(tagged: Tagged, mention: Mention) -> Change:
    """Change in a predicate over the whole list ("Edema and effusions have improved")."""
    tags = _within(tagged.attributes.get("change", []), range(mention.end, mention.clause[1]))
    for tag in tags:
        between = tagged.words[mention.end : tag.start]
        verbs = sum(word in FINITE for word in between) + (tagged.words[tag.start] in FINITE)
        if verbs == 1:
            return Change(tag.value)
    return Change.NONE
