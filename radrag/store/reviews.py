"""What readers did to drafts: events that are only ever added, each with a row in the audit log that holds its hash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from radrag.errors import ReviewCode, ReviewError
from radrag.store.canonical import json_value, sha256
from radrag.store.drafts import open_one
from radrag.store.tables import AuditRow, DraftRow, ReviewEventRow
from radrag.store.values import ReviewEvent

PREFIX = "review."
"""What acts on reports are called in the audit log begins so."""

OPENED = "draft.opened"


def first_opened(session: Session, draft_id: str) -> str | None:
    """Return when a draft was first opened; None when that is not on record."""
    rows = session.execute(
        select(AuditRow.at, AuditRow.payload)
        .join(DraftRow, DraftRow.patient_key == AuditRow.patient_key)
        .where(DraftRow.draft_id == draft_id, AuditRow.what == OPENED)
        .order_by(AuditRow.position)
    )
    return next((row.at for row in rows if row.payload.get("draft_id") == draft_id), None)


def misleading_sentences(session: Session) -> dict[str, int]:
    """Return case id → how many of its sentences readers call misleading, each sentence once over all drafts."""
    acts = select(ReviewEventRow.draft_pk, ReviewEventRow.act, ReviewEventRow.payload)
    rows = session.execute(
        acts.where(ReviewEventRow.act.in_(("distrust", "trust"))).order_by(
            ReviewEventRow.draft_pk, ReviewEventRow.position
        )
    )
    standing: set[tuple[int, str, str, int]] = set()
    for row in rows:
        quoted = (row.draft_pk, *(row.payload[name] for name in ("case_id", "section", "sentence")))
        (standing.add if row.act == "distrust" else standing.discard)(quoted)
    sentences = {quoted[1:] for quoted in standing}
    return dict(Counter(case_id for case_id, *_ in sentences))


def events(session: Session, draft_id: str) -> list[ReviewEvent]:
    """Return the events of a draft, oldest first; none for an unknown one."""
    rows = session.execute(
        select(ReviewEventRow.__table__)
        .join(DraftRow, DraftRow.id == ReviewEventRow.draft_pk)
        .where(DraftRow.draft_id == draft_id)
        .order_by(ReviewEventRow.position)
    )
    return [ReviewEvent(row.position, row.at, row.who, row.role, row.act, row.payload) for row in rows]


def add(session: Session, draft_id: str, event: ReviewEvent, status: str) -> str:
    """Add the next event of a draft, whose status becomes ``status``; return the draft's patient key.

    Raises:
        StoreError: there is no such draft, or the payload is not JSON.
        ReviewError: ``changed``: another event was faster.
    """
    head = open_one(session, draft_id)
    last = session.scalar(select(func.max(ReviewEventRow.position)).where(ReviewEventRow.draft_pk == head.id)) or 0
    if event.version != last + 1:
        raise ReviewError(
            ReviewCode.CHANGED,
            "The review was changed by someone else in the meantime.",
            hint="Look at the present state, then decide again.",
        )
    row = {"at": event.at, "who": event.who, "role": event.role, "act": event.act}
    payload = json_value(event.payload, "payload")
    session.execute(insert(ReviewEventRow).values(draft_pk=head.id, position=event.version, payload=payload, **row))
    session.execute(update(DraftRow).where(DraftRow.id == head.id).values(status=status))
    return str(head.patient_key)


def event_sha256(draft_id: str, event: ReviewEvent) -> str:
    """Return the hash of an event, which the audit log holds."""
    payload = json_value(event.payload, "payload")
    return sha256([draft_id, event.version, event.at, event.who, event.role, event.act, payload])


def altered(session: Session, draft_id: str | None = None) -> list[tuple[str, int]]:
    """Return (draft id, version) of events that the audit log does not know as they stand, and of those it misses.

    Args:
        draft_id: look at this draft alone; None for all.
    """
    log = select(AuditRow.payload).where(AuditRow.what.startswith(PREFIX))
    if draft_id is not None:
        log = log.where(AuditRow.patient_key == open_one(session, draft_id).patient_key)
    logged = {
        (str(entry.payload["draft_id"]), int(entry.payload["version"])): entry.payload["event_sha256"]
        for entry in session.execute(log)
        if draft_id in (None, entry.payload["draft_id"])
    }
    found = {(of, event.version): event_sha256(of, event) for of, event in _all_events(session, draft_id)}
    return sorted(key for key in logged.keys() | found.keys() if logged.get(key) != found.get(key))


def _all_events(session: Session, draft_id: str | None) -> Iterator[tuple[str, ReviewEvent]]:
    query = select(DraftRow.draft_id, ReviewEventRow.__table__).join(
        ReviewEventRow, DraftRow.id == ReviewEventRow.draft_pk
    )
    for row in session.execute(query if draft_id is None else query.where(DraftRow.draft_id == draft_id)):
        yield row.draft_id, ReviewEvent(row.position, row.at, row.who, row.role, row.act, row.payload)
