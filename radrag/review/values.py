"""The values of a review: what may be done by whom, and the state that all acts together come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from radrag.domain import (
    Acknowledgement,
    Change,
    DraftSentence,
    EvidenceLink,
    Finding,
    Polarity,
    Relation,
    ReportState,
    Severity,
    Side,
    Signature,
    Status,
    text_of,
)


class Act(StrEnum):
    """What a reader does."""

    ACCEPT = "accept"
    EDIT = "edit"
    REJECT = "reject"
    REOPEN = "reopen"
    ADD = "add"
    MOVE = "move"
    ACKNOWLEDGE = "acknowledge"
    MARK_PRELIMINARY = "mark_preliminary"
    SIGN = "sign"
    ADDENDUM = "addendum"
    CORRECT = "correct"
    DISTRUST = "distrust"
    TRUST = "trust"


class Decision(StrEnum):
    """What became of one sentence."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"
    ADDED = "added"


class Reason(StrEnum):
    """Why a sentence is rejected."""

    NOT_SEEN = "not_seen"
    WRONG_SIDE = "wrong_side"
    WRONG_PLACE = "wrong_place"
    WRONG_DEGREE = "wrong_degree"
    COMPARES = "compares"
    REPEATS = "repeats"
    IRRELEVANT = "irrelevant"
    OTHER = "other"


Quoted = tuple[str, str, int]
"""A sentence of a case that serves as evidence: (case id, section, number)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One sentence under review.

    Attributes:
        key: names it for good: ``d3`` is the draft's fourth sentence, ``a7`` was added by event 7.
        text: as it would stand in the report.
        drafted: the draft's words; empty where a reader added it.
        checked: what the evidence says of ``text``.
        decision: what became of it.
        source: ``draft``, ``reader``, or ``omission:LABEL``.
        reason: why it was rejected; a :class:`Reason`, or empty.
        note: the reader's own words on it.
    """

    key: str
    section: str
    text: str
    checked: DraftSentence
    decision: Decision = Decision.PENDING
    drafted: str = ""
    source: str = "draft"
    reason: str = ""
    note: str = ""

    @property
    def stands(self) -> bool:
        """Whether it belongs to the report as decided so far."""
        return self.decision not in (Decision.PENDING, Decision.REJECTED)


@dataclass(frozen=True, slots=True)
class Review:
    """A draft and everything that was decided on it.

    Attributes:
        version: of the last event; 0 before the first.
        items: in reading order.
        signatures: oldest first; the last one holds the report that counts.
        corrected: the sentences of the last correction, checked; empty where there was none.
        distrusted: evidence that a reader called misleading.
    """

    draft_id: str
    version: int
    items: tuple[Item, ...]
    state: ReportState = ReportState.DRAFT
    acknowledged: tuple[Acknowledgement, ...] = ()
    signatures: tuple[Signature, ...] = ()
    corrected: tuple[DraftSentence, ...] = ()
    distrusted: frozenset[Quoted] = frozenset()

    @property
    def pending(self) -> tuple[Item, ...]:
        """Sentences that wait for a decision."""
        return tuple(item for item in self.items if item.decision is Decision.PENDING)

    def text(self) -> dict[str, str]:
        """Return section name → text of what stands, in reading order."""
        return text_of(item.checked for item in self.items if item.stands)


def sentence_to_plain(sentence: DraftSentence) -> dict[str, Any]:
    """Return a checked sentence as JSON values, to be kept with the event that made it."""
    return asdict(sentence)


def sentence_from_plain(values: Mapping[str, Any]) -> DraftSentence:
    """Return the sentence that :func:`sentence_to_plain` put into plain values."""
    return DraftSentence(
        section=values["section"],
        text=values["text"],
        status=Status(values["status"]),
        findings=tuple(
            Finding(
                **{
                    **one,
                    "polarity": Polarity(one["polarity"]),
                    "side": Side(one["side"]),
                    "severity": Severity(one["severity"]),
                    "change": Change(one["change"]),
                }
            )
            for one in values["findings"]
        ),
        links=tuple(EvidenceLink(**{**one, "relation": Relation(one["relation"])}) for one in values["links"]),
        image_findings=tuple(values["image_findings"]),
    )
