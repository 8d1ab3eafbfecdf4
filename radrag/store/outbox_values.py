"""What the outbox takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from radrag.store.job_values import RetryPolicy

POLICY = RetryPolicy(failures=12)
"""A message that fails although its destination is there is parked after so many failures: in 1.7 hours or more."""


class Trouble(StrEnum):
    """What it means that a message was not delivered."""

    AWAY = "away"  # its destination takes nothing now: it waits for as long as that is so
    FAILED = "failed"  # another time it may be taken, but not for ever
    REFUSED = "refused"  # it would be refused another time too


class MessageState(StrEnum):
    """Where a message stands."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    PARKED = "parked"  # refused by whoever is to have it, until someone asks for a retry


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One form of one version of a report that is to go to one destination.

    Attributes:
        report_state: where the report stands, such as ``final``.
        identified: whether the patient's identity is in it.
        form: such as ``sr``.
        destination: its name in the settings.
        kind: of the destination, such as ``dicom``.
        identity: by which the receiver knows a second delivery of the same: SOP Instance UID, id of the FHIR bundle,
            MSH-10, or name of the file.
        content: the bytes that are sent, however often.
    """

    draft_id: str
    version: int
    report_state: str
    identified: bool
    form: str
    destination: str
    kind: str
    identity: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands in the store; see :class:`NewMessage`. Nothing in it identifies a patient.

    Attributes:
        sha256, size: of the bytes.
        asked_by: account of whoever asked for it.
        attempts: how often it was taken to be sent; with ``worker`` the proof that it is in someone's hands.
        failures: attempts that failed since it was queued or asked for once more.
        refusals: those of them that were not for want of the destination.
        not_before: when it may be tried again.
        error_code, error: why it was not delivered the last time.
        acknowledgement: what the receiver answered; JSON values.
        ended_at: when it was delivered or parked; empty before. Times are ISO 8601 UTC.
    """

    id: int
    draft_id: str
    version: int
    report_state: str
    identified: bool
    form: str
    destination: str
    kind: str
    identity: str
    sha256: str
    size: int
    asked_by: str
    state: MessageState
    attempts: int
    failures: int
    refusals: int
    not_before: str
    worker: str
    lease_until: str
    error_code: str
    error: str
    acknowledgement: Mapping[str, Any]
    created_at: str
    ended_at: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """How a destination's messages stand.

    Attributes:
        counts: messages by state; all states are there.
        oldest: when the oldest that is not delivered or parked was queued; empty for none.
        reasons: messages that failed and are not delivered, by error code.
    """

    destination: str
    counts: Mapping[MessageState, int]
    oldest: str
    reasons: Mapping[str, int]

    @property
    def undelivered(self) -> int:
        """How many were not delivered, parked ones included."""
        return self.open + self.counts[MessageState.PARKED]

    @property
    def open(self) -> int:
        """How many are still to be delivered."""
        return self.counts[MessageState.WAITING] + self.counts[MessageState.SENDING]
