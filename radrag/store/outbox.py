"""Messages in the outbox: queued once, claimed by lease, in the order of a report's versions.

A message is claimed while no earlier version of the same report, in the same form to the same destination, is still to
be delivered, and an earlier one is never sent after a later one: a correction is not overtaken by what it corrects.
A sender that ends leaves its claim behind; it is void when its lease ends, and the message is sent again. So each is
delivered at least once, and known by its identity where it comes twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, func, insert, select, text, update
from sqlalchemy.orm import Session, aliased

from radrag.errors import StoreError
from radrag.store.drafts import open_one
from radrag.store.job_values import later
from radrag.store.outbox_values import POLICY, Backlog, Message, MessageState, NewMessage, Trouble
from radrag.store.rows import chunks
from radrag.store.tables import DraftRow
from radrag.store.tables_outbox import MessageContentRow, MessageRow

LOCK = 0x7261646F62  # "radob": any number, the same in every radrag
OPEN = (MessageState.WAITING, MessageState.SENDING)
GONE = (MessageState.SENDING, MessageState.DELIVERED)
LONGEST_WAIT = 3600.0  # seconds


def put(session: Session, new: Sequence[NewMessage], asked_by: str, now: str) -> list[Message]:
    """Queue messages; return them as they stand, those that were queued before untouched.

    Raises:
        StoreError: there is no such draft; or a later version of its report has gone, or is about to.
    """
    _take_turn(session)
    ids = [_put_one(session, one, asked_by, now) for one in new]
    found = {one.id: one for one in messages(session, MessageRow.id.in_(ids))}
    return [found[one] for one in ids]


def _put_one(session: Session, new: NewMessage, asked_by: str, now: str) -> int:
    draft_pk = open_one(session, new.draft_id).id
    known = session.scalar(
        select(MessageRow.id).where(
            MessageRow.draft_pk == draft_pk,
            MessageRow.version == new.version,
            MessageRow.form == new.form,
            MessageRow.destination == new.destination,
        )
    )
    if known is not None:
        return int(known)
    _require_latest(session, draft_pk, new)
    row = {
        "draft_pk": draft_pk,
        **{name: getattr(new, name) for name in ("version", "report_state", "identified", "form", "destination")},
        **{"kind": new.kind, "identity": new.identity, "asked_by": asked_by},
        **{"sha256": hashlib.sha256(new.content).hexdigest(), "size": len(new.content)},
        **{"state": MessageState.WAITING, "attempts": 0, "failures": 0, "refusals": 0, "not_before": ""},
        **{"worker": "", "lease_until": "", "error_code": "", "error": "", "acknowledgement": {}},
        **{"created_at": now, "ended_at": ""},
    }
    made = session.execute(insert(MessageRow).values(**row).returning(MessageRow.id)).scalar_one()
    session.execute(insert(MessageContentRow).values(message_id=made, content=new.content))
    return int(made)


def _require_latest(session: Session, draft_pk: int, new: NewMessage) -> None:
    """Refuse a version that was written while a later one went: it would come after what corrects it."""
    same = MessageRow.draft_pk == draft_pk, MessageRow.form == new.form, MessageRow.destination == new.destination
    later_one = select(MessageRow.id).where(*same, MessageRow.version > new.version, MessageRow.state.in_(GONE))
    if session.scalar(later_one.limit(1)) is not None:
        message = f"A later version of the report of draft {new.draft_id} has gone to {new.destination} meanwhile."
        raise StoreError(message, hint="Send it again.")


def is_due(session: Session, destination: str, now: str, only: Collection[int] | None) -> bool:
    """Return whether :func:`claim` would find anything, or :func:`expire` has to be called first."""
    ended = select(MessageRow.id).where(_ended(now), MessageRow.destination == destination)
    return session.scalar(_ready(destination, now, only)) is not None or session.scalar(ended.limit(1)) is not None


def claim(
    session: Session, worker: str, destination: str, now: str, until: str, *, only: Collection[int] | None = None
) -> tuple[Message, bytes] | None:
    """Take the message that has waited longest for a destination, with its bytes; None when none is due."""
    _take_turn(session)
    found = session.scalar(_ready(destination, now, only))
    if found is None:
        return None
    lease = {"state": MessageState.SENDING, "worker": worker, "lease_until": until}
    mine = update(MessageRow).where(MessageRow.id == found)
    session.execute(mine.values(**lease, attempts=MessageRow.attempts + 1))
    content = select(MessageContentRow.content).where(MessageContentRow.message_id == found)
    return messages(session, MessageRow.id == found)[0], session.scalars(content).one()


def _ready(destination: str, now: str, only: Collection[int] | None) -> Select[int]:
    earlier = aliased(MessageRow)
    due = MessageRow.state == MessageState.WAITING, MessageRow.destination == destination, MessageRow.not_before <= now
    ready = select(MessageRow.id).where(*due, ~_other(earlier, earlier.version < MessageRow.version, OPEN))
    if only is not None:
        ready = ready.where(MessageRow.id.in_(only))
    return ready.order_by(MessageRow.id).limit(1)


def _other(other: Any, which: ColumnElement[bool], states: Collection[MessageState]) -> ColumnElement[bool]:
    """Whether there is another version of the same report in the same form for the same destination."""
    same = [getattr(other, name) == getattr(MessageRow, name) for name in ("draft_pk", "form", "destination")]
    return exists(select(other.id).where(*same, which, other.state.in_(states)))


def _ended(now: str) -> ColumnElement[bool]:
    return (MessageRow.state == MessageState.SENDING) & (MessageRow.lease_until < now)


def expire(session: Session, now: str) -> int:
    """Let messages whose lease has ended be sent again after a while; return how many."""
    rows = session.execute(_counted(_ended(now)).with_for_update(of=MessageRow)).all()
    for row in rows:
        reason = "The sender ended while it sent this message."
        _put_back(session, row, Trouble.FAILED, "sender_lost", reason, now=now)
    return len(rows)


def held(session: Session, claimed: Message) -> Any:
    """Return id, counts and the draft's patient key of a claimed message, locked; None when the claim is void."""
    proof = (MessageRow.worker == claimed.worker) & (MessageRow.attempts == claimed.attempts)
    query = _counted(MessageRow.id == claimed.id, MessageRow.state == MessageState.SENDING, proof)
    return session.execute(query.with_for_update(of=MessageRow)).one_or_none()


def _counted(*where: ColumnElement[bool]) -> Select[int, int, int, str]:
    counts = select(MessageRow.id, MessageRow.failures, MessageRow.refusals, DraftRow.patient_key)
    return counts.join(DraftRow, DraftRow.id == MessageRow.draft_pk).where(*where)


def deliver(session: Session, claimed: Message, acknowledgement: dict[str, Any], now: str) -> None:
    """Let a held message be delivered; its bytes, which name the patient, go."""
    left = {"state": MessageState.DELIVERED, "worker": "", "lease_until": "", "error_code": "", "error": ""}
    mine = update(MessageRow).where(MessageRow.id == claimed.id)
    session.execute(mine.values(**left, acknowledgement=acknowledgement, ended_at=now))
    session.execute(delete(MessageContentRow).where(MessageContentRow.message_id == claimed.id))


def fail(
    session: Session, claimed: Message, trouble: Trouble, code: str, reason: str, *, now: str
) -> MessageState | None:
    """Let a message wait after a failure, or park it; return which, or None when the claim is void."""
    row = held(session, claimed)
    return None if row is None else _put_back(session, row, trouble, code, reason, now=now)


def _put_back(session: Session, row: Any, trouble: Trouble, code: str, reason: str, *, now: str) -> MessageState:
    failures, refusals = row.failures + 1, row.refusals + (trouble is not Trouble.AWAY)
    parked = trouble is Trouble.REFUSED or refusals >= POLICY.failures
    state = MessageState.PARKED if parked else MessageState.WAITING
    seconds = min(LONGEST_WAIT, POLICY.wait(f"message {row.id}", failures))
    values = {
        **{"state": state, "worker": "", "lease_until": "", "failures": failures, "refusals": refusals},
        **{"error_code": code, "error": reason, "not_before": "" if parked else later(now, seconds)},
        "ended_at": now if parked else "",
    }
    session.execute(update(MessageRow).where(MessageRow.id == row.id).values(**values))
    return state


def retry(session: Session, ids: Collection[int] | None) -> list[int]:
    """Let parked messages, and those that wait after a failure, be tried at once; return their ids.

    What a later version has gone before, or is about to, stays as it is.

    Args:
        ids: of messages; None for all.
    """
    _take_turn(session)
    newer = aliased(MessageRow)
    went = _other(newer, newer.version > MessageRow.version, GONE)
    failed = select(MessageRow.id).where(
        (MessageRow.state == MessageState.PARKED)
        | (MessageRow.state == MessageState.WAITING) & (MessageRow.failures > 0),
        ~went,
    )
    found = session.scalars(failed if ids is None else failed.where(MessageRow.id.in_(ids))).all()
    again = {"state": MessageState.WAITING, "failures": 0, "refusals": 0}
    for part in chunks(found):
        rows = update(MessageRow).where(MessageRow.id.in_(part))
        session.execute(rows.values(**again, not_before="", error_code="", error="", ended_at=""))
    return sorted(found)


def messages(session: Session, *where: ColumnElement[bool], limit: int | None = None) -> list[Message]:
    """Return messages, oldest first; with a limit the newest of them."""
    columns = [column for column in MessageRow.__table__.columns if column.key != "draft_pk"]
    query = select(DraftRow.draft_id, *columns).join(DraftRow, DraftRow.id == MessageRow.draft_pk).where(*where)
    rows = session.execute(query.order_by(MessageRow.id.desc()).limit(limit)).all()
    return [Message(**{**row._mapping, "state": MessageState(row.state)}) for row in reversed(rows)]


def backlogs(session: Session) -> list[Backlog]:
    """Return how the messages of each destination stand, by name."""
    keys = MessageRow.destination, MessageRow.state, MessageRow.error_code
    counted = select(*keys, func.count(), func.min(MessageRow.created_at)).group_by(*keys)
    rows = session.execute(counted.order_by(MessageRow.destination, MessageRow.error_code)).all()
    found = []
    for name in dict.fromkeys(row[0] for row in rows):
        counts, reasons, oldest = dict.fromkeys(MessageState, 0), dict[str, int](), ""
        for _, state, code, count, first in (row for row in rows if row[0] == name):
            counts[MessageState(state)] += count
            if code:
                reasons[code] = reasons.get(code, 0) + count
            if state in OPEN:
                oldest = min(oldest or first, first)
        found.append(Backlog(name, counts, oldest, reasons))
    return found


def _take_turn(session: Session) -> None:
    """Let others that queue, claim or retry wait until this transaction ends, as SQLite's write lock does anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
