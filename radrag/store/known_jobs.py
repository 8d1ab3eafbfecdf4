"""Jobs of any batch and version, with what tells whether their studies are to be drafted again."""

from __future__ import annotations

import json

from sqlalchemy import exists, select, true
from sqlalchemy.orm import Session

from radrag.store.job_values import JobState, KnownJob
from radrag.store.tables import DraftRow
from radrag.store.tables_jobs import BatchJobRow, JobRow
from radrag.store.values import PRELIMINARY


def page(session: Session, batch: str, after: int, limit: int) -> list[KnownJob]:
    """Return jobs that are no refused files, with ids above ``after``, by id.

    Args:
        batch: of which it is told whether it asked for them: a name, the beginning of one and ``*``, or empty for any.
    """
    columns = (JobRow.id, JobRow.versions, JobRow.source, JobRow.state, JobRow.created_at)
    named = (
        BatchJobRow.batch.startswith(batch[:-1], autoescape=True) if batch.endswith("*") else BatchJobRow.batch == batch
    )
    asked = exists().where(BatchJobRow.job_id == JobRow.id, named) if batch else true()
    signed = exists().where(DraftRow.draft_id == JobRow.draft_id, DraftRow.status != PRELIMINARY)
    query = select(*columns, asked.label("asked"), signed.label("signed"))
    rows = session.execute(
        query.where(JobRow.state != JobState.REFUSED, JobRow.id > after).order_by(JobRow.id).limit(limit)
    )
    return [
        KnownJob(**{**row._mapping, "source": json.loads(row.source), "state": JobState(row.state)}) for row in rows
    ]  # fmt: skip
