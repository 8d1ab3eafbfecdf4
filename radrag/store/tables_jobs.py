"""The tables of jobs: studies that wait to be drafted, are being drafted, or could not be; and who asked for them."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from radrag.store.base import Base


class JobRow(Base):
    """A study to be drafted once per (study, versions) key."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "state", "crashes", "priority", "id"),)  # in the order in which jobs are claimed

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    versions: Mapped[str]
    source: Mapped[str]
    state: Mapped[str]
    priority: Mapped[int]
    claims: Mapped[int]
    failures: Mapped[int]
    crashes: Mapped[int]
    not_before: Mapped[str]
    worker: Mapped[str]
    lease_until: Mapped[str]
    error_code: Mapped[str]
    error: Mapped[str]
    draft_id: Mapped[str]
    trace: Mapped[str]
    created_at: Mapped[str]
    finished_at: Mapped[str]


class BatchJobRow(Base):
    """A batch that asked for a job; ``dropped`` once it was cancelled there."""

    __tablename__ = "batch_jobs"

    batch: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True, index=True)
    dropped: Mapped[bool]
