"""Use cases around corpora: adding, reading, verifying and removing cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from radrag.domain import Case, Polarity, Sentence, StudyImage
from radrag.errors import CorpusError, UsageError
from radrag.store import audit_log, cases, drafts, queries
from radrag.store.engine import Database
from radrag.store.values import (
    AddReport,
    Arrival,
    AuditEvent,
    CorpusInfo,
    CorpusSummary,
    ImageRecord,
    Rejection,
)

Parsed = tuple[Case, Sequence[Sentence]]


class Corpora:
    """The corpora of a database; the part of :class:`radrag.store.repository.Store` that knows nothing of drafts."""

    def __init__(self, database: Database, *, who: str, origin: str) -> None:
        self._database = database
        self.who = who
        self.origin = origin

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
        """Return those of the cases whose terms, or whose corpus's terms, forbid passing them on.

        Cases of a restricted corpus stay so when it is removed: drafts made before still quote them.
        """
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

        What models were shown of it goes too.

        Raises:
            CorpusError: there is no such corpus.
        """
        with self._database.writing() as session:
            restricted = queries.is_restricted(session, name)
            count = queries.remove_corpus(session, name)
            drafts.drop_transcripts_showing(session, name)
            payload = {"corpus": name, "removed": count, "restricted": restricted}
            audit_log.append(session, self._event(queries.REMOVED, payload))
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

    def _event(self, what: str, payload: Mapping[str, Any], patient_key: str = "") -> AuditEvent:
        return AuditEvent(what, self.who, self.origin, patient_key, payload)
