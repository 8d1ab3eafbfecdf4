"""A reader at work on a draft: each act is checked against the present state, kept at once, and on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from radrag.domain import DraftSentence, ReportState, Role
from radrag.review import signoff
from radrag.review.decisions import apply, replay
from radrag.review.values import Act, Review, sentence_to_plain
from radrag.store.canonical import utc_now
from radrag.store.repository import Store
from radrag.store.values import PRELIMINARY, ReviewEvent

Check = Callable[[str, Sequence[tuple[str, str]]], Sequence[DraftSentence]]
"""(draft id, (section, text) pairs) → what the draft's evidence says of them."""


class Desk:
    """One person's desk.

    Args:
        store: where drafts and events are.
        check: checks what the person writes against the draft's evidence.
        who: the account's name.
        role: what the person may do.
        name: the person's name, as it is to stand under a report; the account's when empty.
    """

    def __init__(self, store: Store, check: Check, *, who: str, role: Role, name: str = "") -> None:
        self._store = store
        self._check = check
        self._who = who
        self._role = role
        self._name = name or who

    def review(self, draft_id: str) -> Review:
        """Return the present state of a draft's review.

        Raises:
            StoreError: there is no such draft.
        """
        return replay(self._store.draft(draft_id), self._store.review_events(draft_id))

    def act(self, review: Review, act: Act, **payload: Any) -> Review:
        """Do one thing on the state that the person saw; return the state after it.

        What ``edit`` and ``add`` write is checked against the draft's evidence first.

        Args:
            payload: what the act needs: ``item``, ``items``, ``text``, ``section``, ``after``, ``reason``, …

        Raises:
            ReviewError: it is not allowed, or someone else changed the review since; nothing was kept then.
            StoreError: the draft is gone, or the database cannot be written.
        """
        if act in (Act.EDIT, Act.ADD):
            payload["checked"] = sentence_to_plain(self._checked(review, act, payload))
        if act in signoff.SIGNING:
            payload["name"] = self._name
        event = ReviewEvent(review.version + 1, utc_now(), self._who, self._role, act, payload)
        after = apply(review, event)
        status = PRELIMINARY if after.state is ReportState.DRAFT else after.state.value
        self._store.add_review_event(review.draft_id, event, status=status)
        return after

    def _checked(self, review: Review, act: Act, payload: dict[str, Any]) -> DraftSentence:
        section = str(payload.get("section", ""))
        if act is Act.EDIT:
            section = next((item.section for item in review.items if item.key == payload.get("item")), section)
        return self._check(review.draft_id, [(section, str(payload.get("text", "")))])[0]
