"""The store's use cases: values in, values out; sessions and transactions stay inside."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

from radrag.domain import Case, Polarity, Sentence
from radrag.errors import CorpusError, UsageError
from radrag.store import audit_log, cases, queries
from radrag.store.engine import Database, connect
from radrag.store.migrations import upgrade
from radrag.store.values import AddReport, AuditEvent, CorpusInfo, CorpusSummary

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
            MissingDependency: PostgreSQL is asked for and psycopg is not installed.
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
            with self._database.writing() as session:
                cases.put_corpus(session, corpus)
                part = cases.put_cases(session, checked)
                if part.added or part.updated:
                    payload = {"corpus": corpus.name, "added": part.added, "updated": part.updated}
                    audit_log.append(session, self._event("corpus.changed", payload))
            report += part
        return report

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
            return count

    def verify_corpus(self, name: str) -> list[str]:
        """Return ids of cases whose content no longer fits the checksum it was stored with, in order of arrival.

        Raises:
            CorpusError: there is no such corpus.
        """
        with self._database.reading() as session:
            queries.require_corpus(session, name)
        damaged: list[str] = []
        for heads in self._heads(name, 500):
            with self._database.reading() as session:
                damaged += queries.damaged_cases(session, heads)
        return damaged

    def count_cases(self, corpus: str | None = None) -> int:
        """Return the number of cases, of one corpus or of all."""
        with self._database.reading() as session:
            return queries.count_cases(session, corpus)

    def corpus_fingerprint(self, corpus: str | None = None) -> str:
        """Return hex SHA-256 over ids and content of all cases (sorted by id): equal content, equal fingerprint."""
        with self._database.reading() as session:
            return queries.fingerprint(session, corpus)

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
        for heads in self._heads(corpus, batch):
            with self._database.reading() as session:
                found = queries.cases_of(session, heads)
            yield from found

    def sentences(self, case_ids: Iterable[str]) -> dict[str, tuple[Sentence, ...]]:
        """Return sentences with findings by case id, in the order asked for; ids that are not there are left out."""
        with self._database.reading() as session:
            return queries.sentences_of(session, queries.heads_by_id(session, case_ids))

    def iter_sentences(self, corpus: str | None = None, *, batch: int = 500) -> Iterator[Sentence]:
        """Yield the sentences of all cases in order of arrival; ``batch`` counts cases."""
        for heads in self._heads(corpus, batch):
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

    def _heads(self, corpus: str | None, batch: int) -> Iterator[Sequence[queries.Head]]:
        after = 0
        while True:
            with self._database.reading() as session:
                heads = queries.heads_after(session, corpus, after, batch)
            if not heads:
                return
            yield heads
            after = heads[-1].id

    def _event(self, what: str, payload: Mapping[str, Any], patient_key: str = "") -> AuditEvent:
        return AuditEvent(what, self._who, self._origin, patient_key, payload)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return "unknown"
