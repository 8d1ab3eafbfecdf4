"""Use cases around the outbox: what is to be sent, who sends it, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from radrag.store import audit_log, outbox
from radrag.store.engine import Database
from radrag.store.job_values import later
from radrag.store.outbox_values import Backlog, Message, MessageState, NewMessage, Trouble
from radrag.store.tables import DraftRow
from radrag.store.tables_outbox import MessageRow
from radrag.store.values import AuditEvent

SENT = "draft.sent"


class Outbox:
    """The outbox; the part of :class:`radrag.store.repository.Store` that senders use.

    ``now`` is ISO 8601 UTC with microseconds, of :meth:`radrag.store.job_queue.Jobs.now`.
    """

    _database: Database
    who: str
    origin: str

    def queue_messages(self, new: Sequence[NewMessage], *, now: str, who: str = "") -> list[Message]:
        """Queue messages, all or none; return them as they stand. What was queued before stays as it is.

        Args:
            who: account of whoever asks; the operating system's user when empty.

        Raises:
            StoreError: there is no such draft; or a later version of its report has gone, or is about to.
        """
        with self._database.writing() as session:
            return outbox.put(session, new, who or self.who, now)

    def claim_message(
        self, worker: str, destination: str, *, now: str, lease: float, only: Collection[int] | None = None
    ) -> tuple[Message, bytes] | None:
        """Take the message that has waited longest for a destination, with the bytes to send; None when none is due.

        Args:
            worker: unique to a sender and its start.
            lease: seconds until the message is sent by others, if nothing becomes of it.
            only: ids of messages to choose from; None for all.
        """
        with self._database.reading() as session:
            if not outbox.is_due(session, destination, now, only):
                return None
        with self._database.writing() as session:
            outbox.expire(session, now)
            return outbox.claim(session, worker, destination, now, later(now, lease), only=only)

    def message_delivered(self, claimed: Message, acknowledgement: Mapping[str, Any], *, now: str) -> bool:
        """Keep what the receiver answered, put the delivery on record and forget the bytes; all or nothing.

        Args:
            acknowledgement: JSON values; nothing in it identifies a patient.

        Returns:
            False when the claim is void: the message has gone, or will go, a second time.
        """
        with self._database.writing() as session:
            audit_log.lock(session)
            row = outbox.held(session, claimed)
            if row is None:
                return False
            outbox.deliver(session, claimed, dict(acknowledgement), now)
            payload = {
                "draft_id": claimed.draft_id,
                "version": claimed.version,
                "state": claimed.report_state,
                "identified": claimed.identified,
                "files": {claimed.form: claimed.sha256},
                "destination": claimed.destination,
                "kind": claimed.kind,
                "identity": claimed.identity,
                "attempts": claimed.attempts,
                "acknowledgement": dict(acknowledgement),
            }
            audit_log.append(session, AuditEvent(SENT, claimed.asked_by, self.origin, row.patient_key, payload))
        return True

    def message_failed(
        self, claimed: Message, trouble: Trouble, code: str, reason: str, *, now: str
    ) -> MessageState | None:
        """Let a message be tried later, or park it; return which, or None when the claim is void.

        Args:
            code: stable name of what happened.
            reason: for people; nothing in it identifies a patient.
        """
        with self._database.writing() as session:
            return outbox.fail(session, claimed, trouble, code, reason, now=now)

    def retry_messages(self, ids: Collection[int] | None = None) -> list[int]:
        """Let parked messages, and those that wait after a failure, be tried at once; return their ids.

        A message whose report has gone in a later version stays as it is.

        Args:
            ids: of messages; None for all.
        """
        with self._database.writing() as session:
            return outbox.retry(session, ids)

    def messages(
        self,
        draft_id: str | None = None,
        *,
        ids: Collection[int] | None = None,
        states: Collection[MessageState] = tuple(MessageState),
        limit: int | None = None,
    ) -> list[Message]:
        """Return messages in some states, oldest first; with a limit the newest of them.

        Args:
            draft_id: only of this draft's reports; none where there is no such draft.
            ids: only these.
        """
        with self._database.reading() as session:
            where = [MessageRow.state.in_(states)]
            if draft_id is not None:
                where.append(MessageRow.draft_pk.in_(select(DraftRow.id).where(DraftRow.draft_id == draft_id)))
            if ids is not None:
                where.append(MessageRow.id.in_(ids))
            return outbox.messages(session, *where, limit=limit)

    def backlogs(self) -> list[Backlog]:
        """Return how the messages of each destination stand, by the destination's name."""
        with self._database.reading() as session:
            return outbox.backlogs(session)
