"""One draft as its readers left it: what became of each sentence, by whom, how fast, and what was corrected later."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from radrag.domain import Draft, DraftSentence, Polarity, ReportState, Status
from radrag.errors import StoreError
from radrag.review.decisions import apply, begin
from radrag.review.values import Act, Decision, Item, Review
from radrag.store.values import ReviewEvent

if TYPE_CHECKING:
    from radrag.store.repository import Store

IDLE = 300.0
"""Seconds that count of a pause between two acts: whoever is away longer is at something else."""

WORDS_A_MINUTE = 238
"""Silent reading of English non-fiction (Brysbaert 2019, J. Mem. Lang. 109: 104047): the image takes longer."""

DECIDING = frozenset({Act.ACCEPT, Act.EDIT, Act.REJECT})
PAGE = 500


@dataclass(frozen=True, slots=True)
class Decided:
    """A drafted sentence with a decision.

    Attributes:
        status: of the draft's words.
        findings: of the draft's words, (label, polarity) each once.
        who: the account that decided last.
        bulk: whether it was accepted together with others.
        early: whether the time at work until then was shorter than reading all the words decided until then takes;
            None where the opening is not on record.
        corrected: whether a correction after signing changed or dropped it; None while nobody signed.
    """

    status: Status
    findings: tuple[tuple[str, Polarity], ...]
    decision: Decision
    reason: str
    who: str
    bulk: bool
    early: bool | None
    corrected: bool | None


@dataclass(frozen=True, slots=True)
class Written:
    """Words of a reader: an edit, or (``before`` None) a sentence that was added; ``after`` is its status."""

    who: str
    before: Status | None
    after: Status
    findings: tuple[tuple[str, Polarity], ...]


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A draft that a reader acted on.

    Attributes:
        pending: drafted sentences without a decision.
        written: every edit and addition, in order.
        readers: accounts that acted.
        signer: who signed; empty while nobody did.
        active: seconds from the first opening to the signature, pauses counted up to :data:`IDLE`; None where nobody
            signed, or the opening is not on record.
        clock: the same with pauses.
        pauses: that were longer.
        as_drafted: signed with every sentence accepted and none added.
        addended, corrected: what followed the signature.
    """

    decided: tuple[Decided, ...]
    pending: int
    written: tuple[Written, ...]
    readers: frozenset[str]
    signer: str = ""
    active: float | None = None
    clock: float | None = None
    pauses: int = 0
    as_drafted: bool = False
    addended: bool = False
    corrected: bool = False


def reviewed_drafts(store: Store) -> Iterator[Reviewed]:
    """Yield every draft of a store that a reader acted on, newest first.

    Raises:
        ReviewError: the acts on a draft do not follow from each other: the record was changed.
        StoreError: the database cannot be read, or acts are not as radrag writes them.
    """
    for start in range(0, store.count_drafts(), PAGE):
        for summary in store.drafts(limit=PAGE, offset=start):
            if summary.reader:
                yield _stored(store, summary.draft_id)


def _stored(store: Store, draft_id: str) -> Reviewed:
    draft, events, opened = store.draft(draft_id), store.review_events(draft_id), store.first_opened(draft_id)
    try:
        return reviewed(draft, events, opened)
    except (KeyError, TypeError, ValueError):  # an act without what radrag writes with it
        raise StoreError(
            f"The acts on draft {draft_id} are not as radrag writes them.",
            hint="See what was changed: radrag audit chain",
        ) from None


def reviewed(draft: Draft, events: Sequence[ReviewEvent], opened: str | None) -> Reviewed:
    """Return what readers did to a draft.

    Args:
        events: oldest first.
        opened: when the draft was first opened, ISO 8601; None when that is not on record.
    """
    review = begin(draft)
    last: dict[str, tuple[ReviewEvent, bool | None]] = {}
    written: list[Written] = []
    signing: ReviewEvent | None = None
    timed = bool(opened and events and opened <= events[0].at)
    moments = [str(opened)] if timed else []
    for event in events:
        before, review = review, apply(review, event)
        act = Act(event.act)
        if signing is None:
            moments.append(event.at)
        if act in (Act.EDIT, Act.ADD):
            written.append(_written(before, review, event))
        if act in DECIDING:
            keys = [str(key) for key in event.payload.get("items") or [event.payload.get("item")]]
            early = _active(moments) < _reading(review, {*last, *keys}) if timed else None
            last |= dict.fromkeys(keys, (event, early))
        if act is Act.SIGN:
            signing = event
    originals = {f"d{place}": sentence for place, sentence in enumerate(draft.sentences)}
    drafted = [(item, originals[item.key]) for item in review.items if item.drafted]
    decided = tuple(
        _decided(item, *last[item.key], review, original)
        for item, original in drafted
        if item.decision is not Decision.PENDING
    )
    states = {signature.state for signature in review.signatures}
    gaps = _gaps(moments) if timed and signing else None
    return Reviewed(
        decided,
        len(drafted) - len(decided),
        tuple(written),
        frozenset(event.who for event in events),
        signer=signing.who if signing else "",
        active=None if gaps is None else _active(moments),
        clock=None if gaps is None else math.fsum(gaps),
        pauses=sum(gap > IDLE for gap in gaps or ()),
        as_drafted=signing is not None and all(item.decision is Decision.ACCEPTED for item in review.items),
        addended=ReportState.ADDENDED in states,
        corrected=ReportState.CORRECTED in states,
    )


def _gaps(moments: Sequence[str]) -> list[float]:
    """Return the seconds between moments; none below 0, where the clock was set back."""
    times = [datetime.fromisoformat(moment) for moment in moments]
    return [max((after - before).total_seconds(), 0.0) for before, after in pairwise(times)]


def _active(moments: Sequence[str]) -> float:
    return math.fsum(min(gap, IDLE) for gap in _gaps(moments))


def _reading(review: Review, keys: Set[str]) -> float:
    """Return the seconds that reading the drafted words of sentences takes."""
    return sum(len(item.drafted.split()) for item in review.items if item.key in keys) * 60 / WORDS_A_MINUTE


def _written(before: Review, after: Review, event: ReviewEvent) -> Written:
    key = str(event.payload.get("item") or f"a{event.version}")
    was = next((item.checked.status for item in before.items if item.key == key), None)
    item = next(item for item in after.items if item.key == key)
    return Written(event.who, was, item.checked.status, _findings(item.checked))


def _findings(sentence: DraftSentence) -> tuple[tuple[str, Polarity], ...]:
    return tuple(dict.fromkeys((finding.label, finding.polarity) for finding in sentence.findings))


def _decided(item: Item, event: ReviewEvent, early: bool | None, review: Review, drafted: DraftSentence) -> Decided:
    return Decided(
        drafted.status,
        _findings(drafted),
        item.decision,
        item.reason,
        event.who,
        "items" in event.payload,
        early,
        _dropped(item, review) if review.state.signed else None,
    )


def _dropped(item: Item, review: Review) -> bool:
    """Whether a sentence that stood at the signature is not in the report any more, word for word."""
    if not item.stands or not review.corrected:
        return False
    now = " ".join(" ".join(one.text for one in review.corrected).lower().split())
    return " ".join(item.text.lower().split()) not in now
