"""The tables of the outbox: reports that are to be sent, were sent, or could not be; and their very bytes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from radrag.store.base import Base
from radrag.store.columns import JsonText


class MessageRow(Base):
    """One form of one version of a report to one destination."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("draft_pk", "form", "destination", "version"),
        Index(None, "state", "destination", "not_before"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    draft_pk: Mapped[int] = mapped_column(ForeignKey("drafts.id"))
    version: Mapped[int]
    report_state: Mapped[str]
    identified: Mapped[bool]
    form: Mapped[str]
    destination: Mapped[str]
    kind: Mapped[str]
    identity: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int]
    asked_by: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int]
    failures: Mapped[int]
    refusals: Mapped[int]
    not_before: Mapped[str]
    worker: Mapped[str]
    lease_until: Mapped[str]
    error_code: Mapped[str]
    error: Mapped[str]
    acknowledgement: Mapped[Any] = mapped_column(JsonText())
    created_at: Mapped[str]
    ended_at: Mapped[str]


class MessageContentRow(Base):
    """The bytes of a message that is not delivered yet, apart so that lists stay short; they name the patient."""

    __tablename__ = "outbox_contents"

    message_id: Mapped[int] = mapped_column(
        ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    content: Mapped[bytes] = mapped_column(LargeBinary())
