"""The table of jobs: studies that wait to be drafted, are being drafted, or could not be."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from radrag.store.base import Base


class JobRow(Base):
    """A study to be drafted once per (study, versions) key."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "state", "priority", "not_before", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    batch: Mapped[str] = mapped_column(index=True)
    source: Mapped[str]
    state: Mapped[str]
    priority: Mapped[int]
    attempts: Mapped[int]
    not_before: Mapped[str]
    worker: Mapped[str]
    lease_until: Mapped[str]
    error_code: Mapped[str]
    error: Mapped[str]
    draft_id: Mapped[str]
    trace: Mapped[str]
    created_at: Mapped[str]
    finished_at: Mapped[str]
