"""Who has which draft open, within a transaction: one at a time, for as long as there are signs of life."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from radrag.store.drafts import open_one
from radrag.store.people_values import LEASE_SECONDS, Lease, after
from radrag.store.tables import DraftRow
from radrag.store.tables_people import LeaseRow


def standing(session: Session, now: str) -> dict[str, Lease]:
    """Return the leases that count, by draft id."""
    rows = session.execute(
        select(DraftRow.draft_id, LeaseRow.who, LeaseRow.taken_at, LeaseRow.until).join(
            LeaseRow, LeaseRow.draft_pk == DraftRow.id
        )
    )
    found = {row.draft_id: Lease(row.who, row.taken_at, row.until) for row in rows}
    return {draft_id: lease for draft_id, lease in found.items() if lease.holds(now)}


def of(session: Session, draft_id: str, now: str) -> Lease | None:
    """Return a draft's lease if it counts."""
    row = session.get(LeaseRow, open_one(session, draft_id).id)
    lease = Lease(row.who, row.taken_at, row.until) if row else None
    return lease if lease and lease.holds(now) else None


def put(session: Session, draft_id: str, who: str, now: str, *, since: str) -> Lease:
    """Give a draft's lease to ``who``, whoever had it."""
    lease = Lease(who, since, after(now, LEASE_SECONDS))
    key = open_one(session, draft_id).id
    values = {"who": lease.who, "taken_at": lease.taken_at, "until": lease.until}
    changed = session.execute(update(LeaseRow).where(LeaseRow.draft_pk == key).values(**values).returning(LeaseRow.who))
    if changed.first() is None:
        session.execute(insert(LeaseRow).values(draft_pk=key, **values))
    return lease


def drop(session: Session, draft_id: str, who: str) -> None:
    """End a draft's lease if it is that of ``who``."""
    key = select(DraftRow.id).where(DraftRow.draft_id == draft_id).scalar_subquery()
    session.execute(delete(LeaseRow).where(LeaseRow.draft_pk == key, LeaseRow.who == who))


def drop_all(session: Session, who: str) -> None:
    """End all leases of ``who``."""
    session.execute(delete(LeaseRow).where(LeaseRow.who == who))
