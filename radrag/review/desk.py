"""A reader at work on a draft: each act is checked against the present state, kept at once, and on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from radrag.domain import Draft, DraftSentence, ReportState, Role
from radrag.reports.sentences import split_sentences
from radrag.review import signoff
from radrag.review.decisions import apply, replay
from radrag.review.effort import effort_of
from radrag.review.values import Act, Item, Review, sentence_to_plain
from radrag.store.canonical import utc_now
from radrag.store.repository import Store
from radrag.store.values import PRELIMINARY, ReviewEvent

Check = Callable[[Sequence[tuple[str, str]]], Sequence[DraftSentence]]
"""(section, text) pairs → what the draft's evidence says of them."""


class Desk:
    """One person's desk with one draft on it.

    Args:
        store: where drafts and events are.
        draft: as stored.
        check: checks what the person writes against the draft's evidence.
        who: the account's name.
        role: what the person may do.
        name: the person's name, as it is to stand under a report; the account's when empty.
    """

    def __init__(self, store: Store, draft: Draft, check: Check, *, who: str, role: Role, name: str = "") -> None:
        self._store = store
        self._draft = draft
        self._check = check
        self._who = who
        self._role = role
        self._name = name or who

    def review(self) -> Review:
        """Return the present state of the draft's review."""
        return replay(self._draft, self._store.review_events(self._draft.draft_id))

    def act(self, review: Review, act: Act, **payload: Any) -> Review:
        """Do one thing on the state that the person saw; return the state after it.

        What ``edit``, ``add`` and ``correct`` write is checked against the draft's evidence first.

        Args:
            payload: what the act needs: ``item``, ``items``, ``text``, ``section``, ``after``, ``reason``, …

        Raises:
            ReviewError: it is not allowed, or someone else changed the review since; nothing was kept then.
            StoreError: the draft is gone, or the database cannot be written.
        """
        payload |= self._beside(review, act, payload)
        event = ReviewEvent(review.version + 1, utc_now(), self._who, self._role, act, payload)
        after = apply(review, event)
        status = PRELIMINARY if after.state is ReportState.DRAFT else after.state.value
        made_by = versions(self._draft.provenance)
        self._store.add_review_event(review.draft_id, event, status=status, made_by=made_by)
        return after

    def _beside(self, review: Review, act: Act, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is kept with an act besides what the person gave."""
        item = next((one for one in review.items if one.key == payload.get("item")), None)
        beside: dict[str, Any] = {} if item is None else {"before": _before(item)}
        if act is Act.EDIT:
            section = "" if item is None else item.section
            beside["checked"] = self._checked([(section, str(payload.get("text", "")))])[0]
        elif act is Act.ADD:
            beside["checked"] = self._checked([(str(payload.get("section", "")), str(payload.get("text", "")))])[0]
        elif act is Act.CORRECT:
            beside["before"] = dict(review.signatures[-1].text) if review.signatures else {}
            beside["sentences"] = self._checked(_sentences(payload.get("report", {})))
        if act in signoff.SIGNING:
            beside["name"] = self._name
        if act is Act.SIGN:
            opened = self._store.first_opened(review.draft_id)
            beside["effort"] = effort_of(review, opened, utc_now()).to_dict()
        return beside

    def _checked(self, texts: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        return [sentence_to_plain(sentence) for sentence in self._check(texts)]


def versions(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Return by what a draft was made, as far as its provenance says: names and hashes."""
    found: dict[str, str] = {}
    for part, names in _NAMED.items():
        given = provenance.get(part) or {}
        found |= {f"{part}_{name}": str(given[name]) for name in names if given.get(name)}
    return found


_NAMED = {"encoder": ("name", "sha256"), "index": ("id", "sha256"), "generator": ("name", "sha256")}


def _before(item: Item) -> dict[str, str]:
    return {"text": item.text, "decision": item.decision.value}


def _sentences(report: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (section, str(text)[start:end]) for section, text in report.items() for start, end in split_sentences(str(text))
    ]
