"""The store's use cases: values in, values out; sessions and transactions stay inside."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

from sqlalchemy import func, select

from radrag.domain import Case, Draft, Polarity, Sentence, StudyImage
from radrag.errors import CorpusError, UsageError
from radrag.store import audit_log, cases, drafts, queries
from radrag.store.engine import Database, connect
from radrag.store.migrations import upgrade
from radrag.store.tables import DraftRow
from radrag.store.values import (
    AddReport,
    Arrival,
    AuditEntry,
    AuditEvent,
    CorpusInfo,
    CorpusSummary,
    DraftSummary,
    ImageRecord,
    Rejection,
)

Parsed = tuple[Case, Sequence[Sentence]]


class Store:
    """Corpora, drafts and the audit log in one database. Safe to share between threads; processes open their own.

    Every method raises StoreError when the database cannot be reached, is damaged, locked or full.
    """

    def __init__(self, database: Database, *, who: str = "", origin: str = "") -> None:
        self._database = database
        self._who = who or _user()
        self._origin = origin or socket.gethostname()

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

    # Corpora

    def add_cases(self, cases_: Iterable[Parsed], *, corpus: CorpusInfo, batch: int = 500) -> AddReport:
        """Add cases with their sentences; what is there already with the same content stays untouched.

        Each batch is written whole or not at all; batches before a failing one stay.

        Args:
            cases_: (case, its sentences) pairs, read as a stream.
            corpus: made when new; its metadata is replaced when it is there.
            batch: cases in one transaction.

        Raises:
            CorpusError: a case is of another corpus, given twice with different content, or unrestricted in a
                restricted corpus.
            ReportError: a sentence is not ``sections[section][start:end]`` of its case, or a finding lies outside.
            UsageError: ``batch`` is below 1.
        """
        if batch < 1:
            raise UsageError(f"batch is {batch}; it must be 1 or more.")
        with self._database.writing() as session:
            cases.put_corpus(session, corpus)
        report = AddReport()
        for checked in cases.checked_batches(cases_, corpus, batch):
            report += self._write(corpus, checked, (), "")
        with self._database.writing() as session:
            cases.finish_corpus(session, corpus.name, "")
        return report

    def begin_addition(self, corpus: CorpusInfo) -> None:
        """Make the corpus when new, replace its metadata when it is there, and mark it as unfinished."""
        with self._database.writing() as session:
            cases.put_corpus(session, corpus)

    def write_batch(
        self, corpus: CorpusInfo, arrivals: Sequence[Arrival], rejections: Sequence[Rejection], *, run: str
    ) -> AddReport:
        """Write one batch of an addition, cases and rejections together: whole or not at all.

        Args:
            run: names the addition; :meth:`finish_addition` forgets rejections of others.

        Raises:
            CorpusError: a case is of another corpus, or unrestricted in a restricted corpus.
            ReportError: see :meth:`add_cases`.
        """
        return self._write(corpus, [cases.checked(arrival, corpus) for arrival in arrivals], rejections, run)

    def finish_addition(self, name: str, *, run: str) -> None:
        """Mark a corpus as complete and forget what additions before this one could not take."""
        with self._database.writing() as session:
            cases.finish_corpus(session, name, run)

    def _write(
        self, corpus: CorpusInfo, checked: Sequence[cases.Checked], rejections: Sequence[Rejection], run: str
    ) -> AddReport:
        with self._database.writing() as session:
            cases.put_corpus(session, corpus)
            part = cases.put_cases(session, checked)
            cases.put_rejections(session, corpus.name, rejections, run)
            if part.added or part.updated:
                payload = {"corpus": corpus.name, "added": part.added, "updated": part.updated}
                audit_log.append(session, self._event("corpus.changed", payload))
        return part

    def source_digests(self, case_ids: Iterable[str]) -> dict[str, str]:
        """Return what :class:`Arrival.source_sha256` the stored cases came with, by id; others are left out."""
        with self._database.reading() as session:
            return queries.source_digests(session, case_ids)

    def rejections(self, name: str, *, code: str | None = None) -> list[Rejection]:
        """Return what the last addition to a corpus could not take as it was, by item.

        Raises:
            CorpusError: there is no such corpus.
        """
        with self._database.reading() as session:
            queries.require_corpus(session, name)
            return queries.rejections(session, name, code)

    def iter_patients(self, corpus: str | None = None) -> Iterator[tuple[str, str, str]]:
        """Yield (case id, patient key, split as given) of all cases in order of arrival."""
        for heads in queries.pages(self._database, corpus, 5000):
            for head in heads:
                yield head.case_id, head.patient_key, head.split

    def iter_images(self, corpus: str | None = None, *, batch: int = 2000) -> Iterator[ImageRecord]:
        """Yield the images of all cases in order of arrival; ``batch`` counts cases."""
        for heads in queries.pages(self._database, corpus, batch):
            with self._database.reading() as session:
                found = queries.images_of(session, heads)
            yield from found

    def restricted_cases(self, case_ids: Iterable[str]) -> frozenset[str]:
        """Return those of the cases whose terms, or whose corpus's terms, forbid passing them on."""
        with self._database.reading() as session:
            return queries.restricted_cases(session, case_ids)

    def restricted_images(self, images: Iterable[StudyImage]) -> frozenset[str]:
        """Return ids of restricted cases that hold one of the images: the same SOP instance, file or pixels."""
        with self._database.reading() as session:
            return queries.restricted_images(session, list(images))

    def corpora(self) -> list[CorpusSummary]:
        """Return all corpora, by name."""
        with self._database.reading() as session:
            return queries.corpora(session)

    def remove_corpus(self, name: str) -> int:
        """Remove a corpus and return how many cases went; drafts keep the sentences they quote.

        Raises:
            CorpusError: there is no such corpus.
        """
        with self._database.writing() as session:
            count = queries.remove_corpus(session, name)
            audit_log.append(session, self._event("corpus.removed", {"corpus": name, "removed": count}))
        self._database.checkpoint()
        return count

    def verify_corpus(self, name: str) -> list[str]:
        """Return ids of cases whose content no longer fits the checksum it was stored with, in order of arrival.

        Raises:
            CorpusError: there is no such corpus.
        """
        with self._database.reading() as session:
            queries.require_corpus(session, name)
        damaged: list[str] = []
        for heads in queries.pages(self._database, name, 500):
            with self._database.reading() as session:
                damaged += queries.damaged_cases(session, heads)
        return damaged

    def count_cases(self, corpus: str | None = None) -> int:
        """Return the number of cases, of one corpus or of all."""
        with self._database.reading() as session:
            return queries.count_cases(session, corpus)

    def corpus_fingerprint(self, corpus: str | None = None, *, without: str | None = None) -> str:
        """Return hex SHA-256 over ids and content of all cases (sorted by id): equal content, equal fingerprint.

        Args:
            corpus: only this one's cases.
            without: all but this one's cases.
        """
        with self._database.reading() as session:
            return queries.fingerprint(session, corpus, without)

    def case(self, case_id: str) -> Case:
        """Return one case.

        Raises:
            CorpusError: there is no such case.
        """
        found = self.cases([case_id])
        if case_id not in found:
            raise CorpusError(f"There is no case {case_id!r}.", hint="List the corpora with: radrag corpus list")
        return found[case_id]

    def cases(self, case_ids: Iterable[str]) -> dict[str, Case]:
        """Return the cases by id, in the order asked for; ids that are not there are left out."""
        with self._database.reading() as session:
            heads = queries.heads_by_id(session, case_ids)
            return {case.case_id: case for case in queries.cases_of(session, heads)}

    def iter_cases(self, corpus: str | None = None, *, batch: int = 500) -> Iterator[Case]:
        """Yield cases in order of arrival; no transaction is held between batches."""
        for heads in queries.pages(self._database, corpus, batch):
            with self._database.reading() as session:
                found = queries.cases_of(session, heads)
            yield from found

    def sentences(self, case_ids: Iterable[str]) -> dict[str, tuple[Sentence, ...]]:
        """Return sentences with findings by case id, in the order asked for; ids that are not there are left out."""
        with self._database.reading() as session:
            return queries.sentences_of(session, queries.heads_by_id(session, case_ids))

    def iter_sentences(self, corpus: str | None = None, *, batch: int = 500) -> Iterator[Sentence]:
        """Yield the sentences of all cases in order of arrival; ``batch`` counts cases."""
        for heads in queries.pages(self._database, corpus, batch):
            with self._database.reading() as session:
                found = queries.sentences_of(session, heads)
            for parts in found.values():
                yield from parts

    def sentences_with(
        self,
        label: str,
        polarity: Polarity | None = None,
        *,
        corpus: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Sentence]:
        """Return sentences that mention a finding (with this polarity, or any), in order of arrival."""
        with self._database.reading() as session:
            return queries.sentences_with(session, label, polarity, corpus, limit=limit, offset=offset)

    # Drafts

    def save_draft(self, draft: Draft) -> bool:
        """Keep a draft and put it on record; return False when the same draft was there already.

        Raises:
            StoreError: another draft has this id, provenance is not JSON, or the age is NaN.
        """
        with self._database.writing() as session:
            audit_log.lock(session)  # before the look for the id: two savers of one id take turns
            digest = drafts.save(session, draft)
            if digest is None:
                return False
            payload = {"draft_id": draft.draft_id, "content_sha256": digest}
            audit_log.append(session, self._event("draft.saved", payload, draft.study.patient_key))
        return True

    def draft(self, draft_id: str) -> Draft:
        """Return a draft, equal to the one saved (NaN where NaN was; tuples within provenance are lists).

        Raises:
            StoreError: there is no such draft.
        """
        with self._database.reading() as session:
            return drafts.load(session, draft_id)

    def drafts(
        self,
        limit: int = 100,
        offset: int = 0,
        *,
        status: str | None = None,
        patient_key: str | None = None,
        study_instance_uid: str | None = None,
    ) -> list[DraftSummary]:
        """Return rows of the worklist, newest first; None means any."""
        heads = drafts.matching(
            select(DraftRow.__table__), status=status, patient_key=patient_key, study=study_instance_uid
        )
        newest_first = heads.order_by(DraftRow.created_at.desc(), DraftRow.id.desc())
        with self._database.reading() as session:
            return drafts.summaries(session, newest_first.limit(limit).offset(offset))

    def count_drafts(
        self, *, status: str | None = None, patient_key: str | None = None, study_instance_uid: str | None = None
    ) -> int:
        """Return how many drafts there are of what :meth:`drafts` would list."""
        count = select(func.count()).select_from(DraftRow)
        query = drafts.matching(count, status=status, patient_key=patient_key, study=study_instance_uid)
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

    def _event(self, what: str, payload: Mapping[str, Any], patient_key: str = "") -> AuditEvent:
        return AuditEvent(what, self._who, self._origin, patient_key, payload)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return "unknown"
