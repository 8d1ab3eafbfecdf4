"""The audit log: rows that are only ever added, each holding the hash of the row before.

Changing, removing or inserting a row breaks the chain from there on. What the chain alone cannot show is that rows
were cut off at the end: compare :func:`head` with a copy kept elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Text, cast, func, insert, select, text, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Session

from radrag.store.canonical import json_value, sha256, utc_now
from radrag.store.tables import AuditRow
from radrag.store.values import AuditEntry, AuditEvent

GENESIS = "0" * 64  # "previous hash" of the first row
TEXTS = ("at", "who", "what", "origin", "patient_key", "payload", "previous", "hash")
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

    A position is broken when its row is missing, when the row's own hash does not fit its content, when the hash it
    holds of the row before is not that row's, or when a byte of it is not as radrag writes it (another JSON text of
    the same value; no UTF-8). Of a gap, at most the first 1,000 positions are named.
    """
    broken: list[int] = []
    position, previous = 0, GENESIS
    while batch := _stored(session, after=position, limit=1000):
        for row in batch:
            gap = range(position + 1, row.position)
            broken.extend(gap[:LONGEST_GAP])
            entry = _as_written(row)
            linked = entry is not None and (entry.previous == previous or len(gap) > 0)
            if entry is None or not linked or entry.hash != _digest(entry):
                broken.append(row.position)
            position, previous = row.position, bytes(row.hash or b"").decode(errors="replace")
    return broken


def _stored(session: Session, *, after: int, limit: int) -> Sequence[Any]:
    """Return rows with the bytes of their texts: what is no UTF-8 any more could not be fetched as text."""
    sqlite = session.get_bind().dialect.name == "sqlite"

    def octets(column: InstrumentedAttribute[Any]) -> ColumnElement[bytes]:
        written = type_coerce(column, Text)
        found = cast(written, LargeBinary) if sqlite else func.convert_to(written, "UTF8", type_=LargeBinary)
        return found.label(column.key)

    texts = (octets(getattr(AuditRow, name)) for name in TEXTS)
    query = select(AuditRow.position, *texts).where(AuditRow.position > after)
    return session.execute(query.order_by(AuditRow.position).limit(limit)).all()


def _as_written(row: Any) -> AuditEntry | None:
    """Return a row's entry; None where some of it is not as radrag writes it."""
    try:
        texts = {name: bytes(getattr(row, name)).decode() for name in TEXTS}
        payload = json.loads(texts["payload"])
        if json.dumps(payload, separators=(",", ":")) != texts["payload"]:
            return None
    except (TypeError, ValueError):  # NULL; neither UTF-8 nor JSON
        return None
    return AuditEntry(**{**texts, "payload": payload}, position=row.position)


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
