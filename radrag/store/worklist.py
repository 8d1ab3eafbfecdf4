"""The worklist: of each draft, what its readers must look at, by a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.orm import Session

from radrag.domain import Polarity, Status, View
from radrag.store.rows import chunks
from radrag.store.tables import (
    DraftFindingRow,
    DraftImageRow,
    DraftRow,
    DraftSentenceRow,
    OmissionRow,
    ReviewEventRow,
    WarningRow,
)
from radrag.store.values import DraftSummary


def matching(query: Select[Any], *, status: str | None, patient_key: str | None, study: str | None) -> Select[Any]:
    """Narrow a query on drafts."""
    wanted = {DraftRow.status: status, DraftRow.patient_key: patient_key, DraftRow.study_instance_uid: study}
    return query.where(*(column == value for column, value in wanted.items() if value is not None))


def summaries(session: Session, heads: Select[Any], urgent: Collection[str] = ()) -> list[DraftSummary]:
    """Return worklist rows for a query of table drafts.

    Args:
        urgent: labels of which it is told whether a draft speaks of them.
    """
    rows = session.execute(heads).all()
    keys = [row.id for row in rows]
    views: dict[int, list[View]] = defaultdict(list)
    images = select(DraftImageRow.draft_pk, DraftImageRow.view)
    for key, view in _of(session, images, DraftImageRow.draft_pk, keys, DraftImageRow.position):
        views[key].append(view)
    statuses: dict[int, dict[str, int]] = {key: dict.fromkeys((status.value for status in Status), 0) for key in keys}
    counts = select(DraftSentenceRow.draft_pk, DraftSentenceRow.status, func.count()).group_by(
        DraftSentenceRow.draft_pk, DraftSentenceRow.status
    )
    for key, status, count in _of(session, counts, DraftSentenceRow.draft_pk, keys):
        statuses[key][status.value] = count
    omissions, warnings = (_counts(session, table, keys) for table in (OmissionRow, WarningRow))
    named = _urgent(session, keys, urgent) if urgent else {}
    readers = _readers(session, keys)
    return [
        DraftSummary(
            draft_id=row.draft_id,
            study_instance_uid=row.study_instance_uid,
            patient_key=row.patient_key,
            views=tuple(views[row.id]),
            created_at=row.created_at,
            status=row.status,
            sentences=statuses[row.id],
            omissions=omissions.get(row.id, 0),
            warnings=warnings.get(row.id, 0),
            urgent=tuple(sorted(named.get(row.id, ()))),
            reader=readers.get(row.id, ""),
        )
        for row in rows
    ]


def _of(session: Session, query: Any, owner: Any, keys: Sequence[int], *order: Any) -> Iterator[Any]:
    """Yield a query's rows of some drafts."""
    for part in chunks(keys):
        yield from session.execute(query.where(owner.in_(part)).order_by(*([owner, *order] if order else [])))


def _counts(session: Session, table: type[OmissionRow] | type[WarningRow], keys: Sequence[int]) -> dict[int, int]:
    query = select(table.draft_pk, func.count()).group_by(table.draft_pk)
    return {key: count for key, count in _of(session, query, table.draft_pk, keys)}


def _urgent(session: Session, keys: Sequence[int], labels: Collection[str]) -> dict[int, set[str]]:
    """Return draft → labels that it states or may have left out."""
    found: dict[int, set[str]] = defaultdict(set)
    for part in chunks(keys):
        stated = select(DraftFindingRow.draft_pk, DraftFindingRow.label).where(
            DraftFindingRow.draft_pk.in_(part),
            DraftFindingRow.label.in_(labels),
            DraftFindingRow.polarity != Polarity.NEGATIVE,
        )
        left_out = select(OmissionRow.draft_pk, OmissionRow.label).where(
            OmissionRow.draft_pk.in_(part), OmissionRow.label.in_(labels)
        )
        for key, label in session.execute(union_all(stated, left_out)):
            found[key].add(label)
    return found


def _readers(session: Session, keys: Sequence[int]) -> dict[int, str]:
    """Return draft → who acted on it last."""
    last = select(ReviewEventRow.draft_pk, func.max(ReviewEventRow.position).label("last")).group_by(
        ReviewEventRow.draft_pk
    )
    newest = last.subquery()
    query = select(ReviewEventRow.draft_pk, ReviewEventRow.who).join(
        newest, (newest.c.draft_pk == ReviewEventRow.draft_pk) & (newest.c.last == ReviewEventRow.position)
    )
    return {key: who for key, who in _of(session, query, ReviewEventRow.draft_pk, keys)}
