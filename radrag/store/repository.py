"""The store's use cases: values in, values out; sessions and transactions stay inside."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Self

from sqlalchemy import func, select

from radrag.domain import Case, Draft, StudyImage
from radrag.store import audit_log, drafts, reviews, worklist
from radrag.store.corpora import Corpora
from radrag.store.engine import Database, connect
from radrag.store.job_queue import Jobs
from radrag.store.migrations import upgrade
from radrag.store.outbox_queue import Outbox
from radrag.store.people import People
from radrag.store.tables import DraftRow
from radrag.store.values import AuditEntry, AuditEvent, DraftSummary, ReviewEvent


class Store(Corpora, Jobs, Outbox, People):
    """Corpora, drafts and the audit log in one database. Safe to share between threads; processes open their own.

    Every method raises StoreError when the database cannot be reached, is damaged, locked or full.
    """

    def __init__(self, database: Database, *, who: str = "", origin: str = "") -> None:
        super().__init__(database, who=who or _user(), origin=origin or socket.gethostname())

    @classmethod
    def open(cls, url: str, *, who: str = "", origin: str = "") -> Self:
        """Open the database of a SQLAlchemy URL, making folder and tables where they are missing.

        Args:
            url: ``sqlite:////path/radrag.sqlite``, ``sqlite://`` (in memory) or ``postgresql://…``.
            who: user name for the audit log; the operating system's when empty.
            origin: host for the audit log; this machine's name when empty.

        Raises:
            StoreError: the URL is malformed, or the database cannot be reached, is damaged or of a newer radrag.
            MissingDependency: psycopg is not installed, and PostgreSQL is asked for.
        """
        database = connect(url)
        try:
            upgrade(database)
        except BaseException:
            database.close()
            raise
        return cls(database, who=who, origin=origin)

    def close(self) -> None:
        """Close all connections; a store in memory is gone."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Drafts

    def save_draft(self, draft: Draft) -> bool:
        """Keep a draft and put it on record; return False when the same draft was there already.

        Raises:
            StoreError: another draft has this id, provenance is not JSON, or the age is NaN.
        """
        new = drafts.prepared(draft)
        with self._database.writing() as session:
            audit_log.lock(session)  # before the look for the id: two savers of one id take turns
            if not drafts.save(session, new):
                return False
            payload = {"draft_id": draft.draft_id, "content_sha256": new.sha256}
            audit_log.append(session, self._event("draft.saved", payload, draft.study.patient_key))
        return True

    def draft(self, draft_id: str) -> Draft:
        """Return a draft, equal to the one saved (NaN where NaN was; tuples within provenance are lists).

        Raises:
            StoreError: there is no such draft.
        """
        with self._database.reading() as session:
            return drafts.load(session, draft_id)

    def transcript(self, sha256: str) -> str:
        """Return what a model was given or answered for a draft whose provenance names this hash.

        Raises:
            StoreError: nothing of that hash is held.
        """
        with self._database.reading() as session:
            return drafts.transcript(session, sha256)

    def drafts(
        self,
        limit: int = 100,
        offset: int = 0,
        *,
        status: str | None = None,
        patient_key: str | None = None,
        study_instance_uid: str | None = None,
        urgent: Collection[str] = (),
    ) -> list[DraftSummary]:
        """Return rows of the worklist, newest first; None means any.

        Args:
            urgent: labels of which each row tells whether the draft speaks of them.
        """
        heads = worklist.matching(
            select(DraftRow.__table__), status=status, patient_key=patient_key, study=study_instance_uid
        )
        newest_first = heads.order_by(DraftRow.created_at.desc(), DraftRow.id.desc())
        with self._database.reading() as session:
            return worklist.summaries(session, newest_first.limit(limit).offset(offset), urgent)

    def count_drafts(
        self, *, status: str | None = None, patient_key: str | None = None, study_instance_uid: str | None = None
    ) -> int:
        """Return how many drafts there are of what :meth:`drafts` would list."""
        count = select(func.count()).select_from(DraftRow)
        query = worklist.matching(count, status=status, patient_key=patient_key, study=study_instance_uid)
        with self._database.reading() as session:
            return int(session.scalar(query) or 0)

    def study_images(self, draft_id: str) -> tuple[StudyImage, ...]:
        """Return the images of a draft's study, in order; empty for an unknown draft."""
        with self._database.reading() as session:
            return drafts.images(session, draft_id)

    def read_evidence(self, draft_id: str) -> dict[str, Case]:
        """Return the cases that a draft's hits and links name, for a reader, and put the reading on record.

        Cases of removed corpora are left out; the draft still has the quotes.

        Raises:
            StoreError: there is no such draft.
        """
        draft = self.draft(draft_id)
        found = self.cases(drafts.cited(draft))
        payload = {"draft_id": draft_id, "cases": list(found)}
        self.record(self._event("evidence.read", payload, draft.study.patient_key))
        return found

    # Reviews

    def review_events(self, draft_id: str) -> list[ReviewEvent]:
        """Return what was done to a draft, oldest first; nothing for an unknown one."""
        with self._database.reading() as session:
            return reviews.events(session, draft_id)

    def add_review_event(
        self, draft_id: str, event: ReviewEvent, *, status: str, made_by: Mapping[str, str] | None = None
    ) -> None:
        """Keep one act on a draft and put it on record, both or neither.

        Args:
            status: what the draft's status becomes.
            made_by: versions of what made the draft, for the record.

        Raises:
            StoreError: there is no such draft, or the payload is not JSON.
            ReviewError: ``changed``: another event was faster.
        """
        with self._database.writing() as session:
            audit_log.lock(session)  # before the look at the version: two readers of one draft take turns
            patient_key = reviews.add(session, draft_id, event, status)
            payload = {
                "draft_id": draft_id,
                "version": event.version,
                "role": event.role,
                "event_sha256": reviews.event_sha256(draft_id, event),
                **(made_by or {}),
            }
            made = self._event(reviews.PREFIX + event.act, payload, patient_key)
            audit_log.append(session, replace(made, who=event.who))

    def misleading_sentences(self) -> dict[str, int]:
        """Return case id → how many of its sentences readers call misleading."""
        with self._database.reading() as session:
            return reviews.misleading_sentences(session)

    def record_opening(self, draft_id: str, who: str) -> None:
        """Put on record that a person opened a draft.

        Raises:
            StoreError: there is no such draft.
        """
        with self._database.writing() as session:
            made = self._event(reviews.OPENED, {"draft_id": draft_id}, drafts.open_one(session, draft_id).patient_key)
            audit_log.append(session, replace(made, who=who))

    def first_opened(self, draft_id: str) -> str | None:
        """Return when a draft was first opened for review, ISO 8601 UTC; None when that is not on record."""
        with self._database.reading() as session:
            return reviews.first_opened(session, draft_id)

    def altered_review_events(self, draft_id: str | None = None) -> list[tuple[str, int]]:
        """Return (draft id, version) of acts that are not as the audit log recorded them, or are missing.

        Args:
            draft_id: look at this draft alone; None for all.

        Raises:
            StoreError: there is no such draft.
        """
        with self._database.reading() as session:
            return reviews.altered(session, draft_id)

    # Audit log

    def record(self, event: AuditEvent) -> AuditEntry:
        """Add an event to the audit log.

        Raises:
            StoreError: the payload is not JSON.
        """
        with self._database.writing() as session:
            return audit_log.append(session, event)

    def audit_entries(self, *, after: int = 0, limit: int = 100) -> list[AuditEntry]:
        """Return entries of the audit log with positions above ``after``, oldest first."""
        with self._database.reading() as session:
            return audit_log.entries(session, after=after, limit=limit)

    def verify_audit_log(self) -> list[int]:
        """Return the positions at which the audit log's hash chain is broken; empty for an intact log."""
        with self._database.reading() as session:
            return audit_log.verify(session)

    def audit_head(self) -> tuple[int, str]:
        """Return position and hash of the last entry: kept elsewhere, they show that none was cut off the end."""
        with self._database.reading() as session:
            return audit_log.head(session)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return "unknown"
