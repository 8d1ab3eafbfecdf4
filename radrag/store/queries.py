"""Reading corpora: cases and sentences by id, by finding and as a stream, in a few statements each."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Row, Table, and_, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from radrag.domain import Case, Finding, Polarity, Sentence, StudyImage
from radrag.errors import CorpusError
from radrag.store.base import Base
from radrag.store.canonical import case_sha256
from radrag.store.engine import Database
from radrag.store.rows import chunks, finding_of, image_of
from radrag.store.tables import (
    AuditRow,
    CaseImageRow,
    CaseRow,
    CorpusRow,
    FindingRow,
    RejectionRow,
    SectionRow,
    SentenceRow,
)
from radrag.store.values import CorpusSummary, ImageRecord, Rejection

CASES, IMAGES, SECTIONS, SENTENCES, FINDINGS = (
    Base.metadata.tables[row.__tablename__] for row in (CaseRow, CaseImageRow, SectionRow, SentenceRow, FindingRow)
)
Head = Row[*tuple[Any, ...]]  # a row of CASE_COLUMNS
CASE_COLUMNS = (
    CASES.c.id,
    CASES.c.case_id,
    CASES.c.corpus,
    CASES.c.patient_key,
    CASES.c.labels,
    CASES.c.licence,
    CASES.c.restricted,
    CASES.c.content_sha256,
    CASES.c.split,
    CASES.c.sex,
    CASES.c.age,
    CASES.c.studied_at,
)


_RESTRICTED = or_(CASES.c.restricted, CorpusRow.restricted)
REMOVED = "corpus.removed"
"""Audit event of a removal; its payload says whether the corpus was restricted."""


def corpora(session: Session) -> list[CorpusSummary]:
    """Return all corpora by name, with counts."""
    counts = (
        select(
            CaseRow.corpus,
            func.count().label("cases"),
            func.count(func.nullif(CaseRow.patient_key, "").distinct()).label("patients"),
            func.sum(CaseRow.image_count).label("images"),
            func.sum(CaseRow.sentence_count).label("sentences"),
        )
        .group_by(CaseRow.corpus)
        .subquery()
    )
    lost = select(RejectionRow.corpus, func.count().label("rejected")).where(RejectionRow.kept.is_(False))
    lost_counts = lost.group_by(RejectionRow.corpus).subquery()
    rows = session.execute(
        select(CorpusRow.__table__, counts, lost_counts.c.rejected)
        .outerjoin(counts, counts.c.corpus == CorpusRow.name)
        .outerjoin(lost_counts, lost_counts.c.corpus == CorpusRow.name)
    )
    found = [
        CorpusSummary(
            row.name, row.title, row.licence, row.restricted, row.source, row.added_at, row.finished_at,
            row.rejected or 0, row.cases or 0, row.patients or 0, int(row.images or 0), int(row.sentences or 0),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda corpus: corpus.name)  # here, since each database sorts in its own way


def require_corpus(session: Session, name: str) -> None:
    """Raise CorpusError unless the corpus is there."""
    names = sorted(session.scalars(select(CorpusRow.name)))
    if name not in names:
        raise CorpusError(f"There is no corpus {name!r}.", hint=f"There are: {', '.join(names) or 'none yet'}.")


def remove_corpus(session: Session, name: str) -> int:
    """Remove a corpus with all its cases; return how many there were."""
    require_corpus(session, name)
    count = session.scalar(select(func.count()).select_from(CaseRow).where(CaseRow.corpus == name)) or 0
    session.execute(delete(CorpusRow).where(CorpusRow.name == name))
    return count


def is_restricted(session: Session, name: str) -> bool:
    """Return whether a corpus, or any case of it, is restricted."""
    marked = select(CASES.c.id).join(CorpusRow, CorpusRow.name == CASES.c.corpus).where(_RESTRICTED)
    whole = session.scalar(select(CorpusRow.restricted).where(CorpusRow.name == name))
    return bool(whole) or session.scalar(marked.where(CASES.c.corpus == name).limit(1)) is not None


def count_cases(session: Session, corpus: str | None) -> int:
    """Return the number of cases, of one corpus or of all."""
    query = select(func.count()).select_from(CaseRow)
    return session.scalar(query if corpus is None else query.where(CaseRow.corpus == corpus)) or 0


def fingerprint(session: Session, corpus: str | None, without: str | None) -> str:
    """Return SHA-256 over (case id, content checksum) pairs sorted by id: the same for the same content."""
    query = select(CaseRow.case_id, CaseRow.content_sha256)
    if corpus is not None:
        query = query.where(CaseRow.corpus == corpus)
    if without is not None:
        query = query.where(CaseRow.corpus != without)
    digest = hashlib.sha256()
    for case_id, content in sorted(tuple(pair) for pair in session.execute(query)):
        digest.update(f"{len(case_id)}:{case_id}{content}".encode())
    return digest.hexdigest()


def source_digests(session: Session, case_ids: Iterable[str]) -> dict[str, str]:
    """Return case id → checksum of its source, of those that are there."""
    found: dict[str, str] = {}
    for part in chunks(case_ids):
        query = select(CASES.c.case_id, CASES.c.source_sha256).where(CASES.c.case_id.in_(part))
        found.update((row.case_id, row.source_sha256) for row in session.execute(query))
    return found


def rejections(session: Session, corpus: str, code: str | None) -> list[Rejection]:
    """Return a corpus's rejections by item and code."""
    query = select(RejectionRow.__table__).where(RejectionRow.corpus == corpus)
    if code is not None:
        query = query.where(RejectionRow.code == code)
    rows = session.execute(query.order_by(RejectionRow.item, RejectionRow.code))
    return [Rejection(row.code, row.item, row.message, row.kept) for row in rows]


def images_of(session: Session, heads: Sequence[Head]) -> list[ImageRecord]:
    """Return the images of rows of table cases."""
    by_key = {head.id: head for head in heads}
    rows = _below(session, IMAGES, list(by_key))
    return [
        ImageRecord(head.case_id, head.corpus, head.patient_key, head.split, image_of(row))
        for row in rows
        for head in [by_key[row.case_pk]]
    ]


def restricted_cases(session: Session, case_ids: Iterable[str]) -> frozenset[str]:
    """Return the ids among ``case_ids`` whose case or corpus is restricted."""
    query = select(CASES.c.case_id, _RESTRICTED.label("restricted"))
    query = query.join(CorpusRow, CorpusRow.name == CASES.c.corpus)
    wanted = list(dict.fromkeys(case_ids))
    marks: dict[str, bool] = {}
    for part in chunks(wanted):
        marks.update((row.case_id, row.restricted) for row in session.execute(query.where(CASES.c.case_id.in_(part))))
    gone = _removed_restricted(session) if len(marks) < len(wanted) else frozenset()
    return frozenset(name for name in wanted if marks.get(name, name.partition(":")[0] in gone))


def _removed_restricted(session: Session) -> frozenset[str]:
    """Return the names of restricted corpora that were removed: drafts made before still quote them."""
    payloads = session.scalars(select(AuditRow.payload).where(AuditRow.what == REMOVED))
    return frozenset(payload["corpus"] for payload in payloads if payload.get("restricted"))


def restricted_images(session: Session, images: Sequence[StudyImage]) -> frozenset[str]:
    """Return ids of restricted cases with an image of the same SOP instance, file or pixels."""
    query = select(CASES.c.case_id).join(CorpusRow, CorpusRow.name == CASES.c.corpus)
    query = query.join(IMAGES, IMAGES.c.case_pk == CASES.c.id).where(_RESTRICTED)
    found: set[str] = set()
    for column in (IMAGES.c.sop_instance_uid, IMAGES.c.pixel_sha256, IMAGES.c.file_sha256):
        for part in chunks(value for image in images if (value := getattr(image, column.name))):
            found.update(session.scalars(query.where(column.in_(part))))
    return frozenset(found)


def heads_by_id(session: Session, case_ids: Iterable[str]) -> list[Head]:
    """Return the rows of table cases for the ids that are there, in the order of the ids."""
    wanted = list(dict.fromkeys(case_ids))
    found = {}
    for part in chunks(wanted):
        for row in session.execute(select(*CASE_COLUMNS).where(CASES.c.case_id.in_(part))):
            found[row.case_id] = row
    return [found[case_id] for case_id in wanted if case_id in found]


def heads_after(session: Session, corpus: str | None, after: int, limit: int) -> Sequence[Head]:
    """Return the next rows of table cases in the order of their arrival."""
    query = select(*CASE_COLUMNS).where(CASES.c.id > after).order_by(CASES.c.id).limit(limit)
    return session.execute(query if corpus is None else query.where(CASES.c.corpus == corpus)).all()


def pages(database: Database, corpus: str | None, size: int) -> Iterator[Sequence[Head]]:
    """Yield all rows of table cases in pages; no transaction is held between them."""
    after = 0
    while True:
        with database.reading() as session:
            heads = heads_after(session, corpus, after, size)
        if not heads:
            return
        yield heads
        after = heads[-1].id


def cases_of(session: Session, heads: Sequence[Head]) -> list[Case]:
    """Return the cases of rows of table cases."""
    keys = [head.id for head in heads]
    images: dict[int, list[StudyImage]] = defaultdict(list)
    sections: dict[int, dict[str, str]] = defaultdict(dict)
    for row in _below(session, IMAGES, keys):
        images[row.case_pk].append(image_of(row))
    for row in _below(session, SECTIONS, keys):
        sections[row.case_pk][row.name] = row.text
    return [
        Case(
            head.case_id, head.corpus, head.patient_key, tuple(images[head.id]), sections[head.id],
            tuple(head.labels), head.licence, head.restricted, head.split, head.sex, head.age, head.studied_at,
        )
        for head in heads
    ]  # fmt: skip


def sentences_of(session: Session, heads: Sequence[Head]) -> dict[str, tuple[Sentence, ...]]:
    """Return the sentences of rows of table cases, in the order they were added."""
    keys = [head.id for head in heads]
    names = {head.id: head.case_id for head in heads}
    sections = {(row.case_pk, row.position): (row.name, row.text) for row in _below(session, SECTIONS, keys)}
    findings: dict[tuple[int, int], list[Finding]] = defaultdict(list)
    for row in _below(session, FINDINGS, keys):
        findings[row.case_pk, row.sentence].append(finding_of(row))
    sentences: dict[str, list[Sentence]] = {head.case_id: [] for head in heads}
    for row in _below(session, SENTENCES, keys):
        name, text = sections[row.case_pk, row.section]
        found = tuple(findings.get((row.case_pk, row.position), ()))
        case_id = names[row.case_pk]
        sentences[case_id].append(
            Sentence(case_id, name, row.number, row.start, row.end, text[row.start : row.end], found)
        )
    return {case_id: tuple(parts) for case_id, parts in sentences.items()}


def _below(session: Session, table: Table, keys: Sequence[int]) -> list[Head]:
    """Return a table's rows that belong to the cases, ordered by key."""
    rows: list[Head] = []
    for part in chunks(keys):
        rows += session.execute(select(table).where(table.c.case_pk.in_(part)).order_by(*table.primary_key))
    return rows


def sentences_with(
    session: Session, label: str, polarity: Polarity | None, corpus: str | None, *, limit: int, offset: int
) -> list[Sentence]:
    """Return sentences that mention the label, in the order of arrival of their cases."""
    mention = and_(
        FINDINGS.c.case_pk == SENTENCES.c.case_pk,
        FINDINGS.c.sentence == SENTENCES.c.position,
        FINDINGS.c.label == label,
    )
    if polarity is not None:
        mention = and_(mention, FINDINGS.c.polarity == polarity)
    query = select(CASES.c.case_id, SENTENCES.c.position).join(SENTENCES, SENTENCES.c.case_pk == CASES.c.id)
    query = query.where(exists().where(mention))
    if corpus is not None:
        query = query.where(CASES.c.corpus == corpus)
    query = query.order_by(SENTENCES.c.case_pk, SENTENCES.c.position).limit(limit).offset(offset)
    places = session.execute(query).all()
    found = sentences_of(session, heads_by_id(session, (place.case_id for place in places)))
    return [found[place.case_id][place.position] for place in places]


def damaged_cases(session: Session, heads: Sequence[Head]) -> list[str]:
    """Return ids of cases whose content no longer has the checksum it was stored with."""
    sentences = sentences_of(session, heads)
    return [
        case.case_id
        for head, case in zip(heads, cases_of(session, heads), strict=True)
        if case_sha256(case, sentences[case.case_id]) != head.content_sha256
    ]
