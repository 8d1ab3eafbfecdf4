"""The audit log: rows that are only ever added, each holding the hash of the row before.

Changing, removing or inserting a row breaks the chain from there on. What the chain alone cannot show is that rows
were cut off at the end: compare :func:`head` with a copy kept elsewhere.
"""

from __future__ import annotations

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from radrag.store.canonical import json_value, sha256, utc_now
from radrag.store.tables import AuditRow
from radrag.store.values import AuditEntry, AuditEvent

GENESIS = "0" * 64  # "previous hash" of the first row
LONGEST_GAP = 1000  # of a longer one the first positions say enough: a forged position could be any number


def lock(session: Session) -> None:
    """Let other writers wait until this transaction ends, as SQLite's write lock does anyway; readers pass."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE audit_log IN SHARE ROW EXCLUSIVE MODE"))


def append(session: Session, event: AuditEvent) -> AuditEntry:
    """Add an event within the session's transaction; writers wait for each other until it is committed.

    Raises:
        StoreError: the payload is not JSON.
    """
    lock(session)
    position, previous = head(session)
    entry = AuditEntry(
        what=event.what,
        who=event.who,
        origin=event.origin,
        patient_key=event.patient_key,
        payload=json_value(event.payload, "payload"),
        position=position + 1,
        at=utc_now(),
        previous=previous,
    )
    digest = _digest(entry)
    session.execute(
        insert(AuditRow).values(
            position=entry.position,
            at=entry.at,
            who=entry.who,
            what=entry.what,
            origin=entry.origin,
            patient_key=entry.patient_key,
            payload=entry.payload,
            previous=previous,
            hash=digest,
        )
    )
    return AuditEntry(
        entry.what,
        entry.who,
        entry.origin,
        entry.patient_key,
        entry.payload,
        entry.position,
        entry.at,
        previous,
        digest,
    )


def head(session: Session) -> tuple[int, str]:
    """Return position and hash of the last row; ``(0, "00…")`` for an empty log."""
    last = session.execute(
        select(AuditRow.position, AuditRow.hash).order_by(AuditRow.position.desc()).limit(1)
    ).one_or_none()
    return (last.position, last.hash) if last else (0, GENESIS)


def entries(session: Session, *, after: int = 0, limit: int = 100) -> list[AuditEntry]:
    """Return up to ``limit`` rows with positions above ``after``, oldest first."""
    rows = session.execute(
        select(AuditRow.__table__).where(AuditRow.position > after).order_by(AuditRow.position).limit(limit)
    )
    return [AuditEntry(**row._mapping) for row in rows]


def verify(session: Session) -> list[int]:
    """Return the positions where the chain is broken, ascending; empty for an intact log.

    A position is broken when its row is missing, when the row's own hash does not fit its content, or when the hash
    it holds of the row before is not that row's. Of a gap, at most the first 1,000 positions are named.
    """
    broken: list[int] = []
    position, previous = 0, GENESIS
    while batch := entries(session, after=position, limit=1000):
        for entry in batch:
            gap = range(position + 1, entry.position)
            broken.extend(gap[:LONGEST_GAP])
            linked = entry.previous == previous or len(gap) > 0
            if not linked or entry.hash != _digest(entry):
                broken.append(entry.position)
            position, previous = entry.position, entry.hash
    return broken


def _digest(entry: AuditEntry) -> str:
    return sha256(
        [
            entry.previous,
            entry.position,
            entry.at,
            entry.who,
            entry.what,
            entry.origin,
            entry.patient_key,
            entry.payload,
        ]
    )
