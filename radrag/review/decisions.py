"""Decisions on single sentences: events in, the next review out. Nothing is decided by default.

The draft never changes. Every act is an event, checked against the review before it, and a review is what all events
together come to: whoever replays them sees what the reader saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from radrag.domain import Draft, Role, Status
from radrag.errors import ReviewCode, ReviewError
from radrag.review import signoff
from radrag.review.values import Act, Decision, Item, Reason, Review, sentence_from_plain
from radrag.store.values import ReviewEvent

LONGEST = 1000
"""Characters of a sentence that a reader writes."""

SECTIONS = ("findings", "impression")


def begin(draft: Draft) -> Review:
    """Return the review of a draft that nobody has touched: every sentence is pending."""
    items = tuple(
        Item(f"d{place}", sentence.section, sentence.text, sentence, drafted=sentence.text)
        for place, sentence in enumerate(draft.sentences)
    )
    return Review(draft.draft_id, 0, items)


def replay(draft: Draft, events: Iterable[ReviewEvent]) -> Review:
    """Return what the events of a draft come to.

    Raises:
        ReviewError: one of them was not allowed where it stands.
    """
    review = begin(draft)
    for event in events:
        review = apply(review, event)
    return review


def apply(review: Review, event: ReviewEvent) -> Review:
    """Return the review after one more event.

    Raises:
        ReviewError: the event does not follow the review's version, or is not allowed.
    """
    if event.version != review.version + 1:
        raise ReviewError(
            ReviewCode.CHANGED,
            "The review was changed by someone else in the meantime.",
            hint="Look at the present state, then decide again.",
        )
    act = Act(event.act)
    signoff.require_role(Role(event.role), act)
    if act in _ON_SENTENCES:
        signoff.require_unsigned(review)
        changed = _ON_SENTENCES[act](review, event)
    else:
        changed = signoff.apply(review, event)
    return replace(changed, version=event.version)


def bulk_acceptable(review: Review) -> tuple[Item, ...]:
    """Return the pending sentences that may be accepted all at once: those that evidence supports in full."""
    return tuple(item for item in review.pending if item.checked.status is Status.SUPPORTED)


def _accept(review: Review, event: ReviewEvent) -> Review:
    """Accept one sentence, or (``items``) several that are supported in full."""
    keys = event.payload.get("items")
    if keys is not None:
        allowed = {item.key for item in bulk_acceptable(review)}
        if not set(keys) <= allowed:
            raise ReviewError(
                ReviewCode.NOT_IN_BULK,
                "Only pending sentences that evidence supports in full can be accepted together.",
                hint="Decide on each of the others by itself.",
            )
        return _with(review, *(replace(_item(review, key), decision=Decision.ACCEPTED) for key in keys))
    item = _named(review, event)
    kept = Decision.ADDED if not item.drafted else Decision.ACCEPTED
    if item.text != item.drafted and item.drafted:
        kept = Decision.EDITED
    return _with(review, replace(item, decision=kept, reason="", note=""))


def _edit(review: Review, event: ReviewEvent) -> Review:
    item, text = _named(review, event), _text(event)
    checked = sentence_from_plain(event.payload["checked"])
    if checked.text != text or checked.section != item.section:
        raise ReviewError(ReviewCode.NO_TEXT, "The sentence that was checked is not the one that was written.")
    decision = Decision.EDITED if item.drafted else Decision.ADDED
    if text == item.drafted:
        decision = Decision.ACCEPTED
    return _with(review, replace(item, text=text, checked=checked, decision=decision, reason="", note=""))


def _reject(review: Review, event: ReviewEvent) -> Review:
    reason = str(event.payload.get("reason", ""))
    if reason not in set(Reason):
        raise ReviewError(ReviewCode.NO_REASON, "A rejection needs a reason.", hint=f"Reasons: {', '.join(Reason)}.")
    note = str(event.payload.get("note", ""))[:LONGEST]
    return _with(review, replace(_named(review, event), decision=Decision.REJECTED, reason=reason, note=note))


def _reopen(review: Review, event: ReviewEvent) -> Review:
    return _with(review, replace(_named(review, event), decision=Decision.PENDING, reason="", note=""))


def _add(review: Review, event: ReviewEvent) -> Review:
    """Add a sentence behind another (``after``), or at the end of its section."""
    text = _text(event)
    checked = sentence_from_plain(event.payload["checked"])
    section = str(event.payload.get("section", ""))
    if section not in SECTIONS or checked.text != text or checked.section != section:
        raise ReviewError(ReviewCode.NO_TEXT, "The sentence that was checked is not the one that was written.")
    source = str(event.payload.get("source", "reader"))
    item = Item(f"a{event.version}", section, text, checked, Decision.ADDED, source=source)
    after = str(event.payload.get("after", ""))
    place = _behind(review.items, after, section) if after else _end_of(review.items, section)
    return replace(review, items=(*review.items[:place], item, *review.items[place:]))


def _move(review: Review, event: ReviewEvent) -> Review:
    """Move a sentence behind another of its section; ``after`` empty for the section's beginning."""
    item = _named(review, event)
    others = tuple(one for one in review.items if one.key != item.key)
    after = str(event.payload.get("after", ""))
    if after:
        place = _behind(others, after, item.section)
    else:
        place = next((place for place, one in enumerate(others) if one.section == item.section), len(others))
    return replace(review, items=(*others[:place], item, *others[place:]))


_ON_SENTENCES: Mapping[Act, Callable[[Review, ReviewEvent], Review]] = {
    Act.ACCEPT: _accept,
    Act.EDIT: _edit,
    Act.REJECT: _reject,
    Act.REOPEN: _reopen,
    Act.ADD: _add,
    Act.MOVE: _move,
}


def _named(review: Review, event: ReviewEvent) -> Item:
    return _item(review, str(event.payload.get("item", "")))


def _item(review: Review, key: str) -> Item:
    return review.items[_place(review, key)]


def _place(review: Review, key: str) -> int:
    for place, item in enumerate(review.items):
        if item.key == key:
            return place
    raise ReviewError(ReviewCode.NO_SUCH_SENTENCE, f"The review has no sentence {key!r}.")


def _behind(items: Sequence[Item], key: str, section: str) -> int:
    """Return the place behind a sentence of a section."""
    for place, item in enumerate(items):
        if item.key == key and item.section == section:
            return place + 1
    raise ReviewError(ReviewCode.NO_SUCH_SENTENCE, f"There is no other sentence {key!r} in the {section}.")


def _end_of(items: Sequence[Item], section: str) -> int:
    """Return where a sentence at the end of a section goes; sections keep their order."""
    before = SECTIONS[: SECTIONS.index(section) + 1]
    return max((place + 1 for place, item in enumerate(items) if item.section in before), default=0)


def _text(event: ReviewEvent) -> str:
    text: Any = event.payload.get("text", "")
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise ReviewError(
            ReviewCode.NO_TEXT, f"A sentence needs words, {LONGEST} characters at most.", hint="To drop it, reject it."
        )
    return text


def _with(review: Review, *changed: Item) -> Review:
    by_key = {item.key: item for item in changed}
    return replace(review, items=tuple(by_key.get(item.key, item) for item in review.items))
