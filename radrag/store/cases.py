"""Writing corpora: batches of cases, each written whole or not at all, the same case never twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import delete, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from radrag.domain import Case, Sentence
from radrag.errors import CorpusError, ReportError
from radrag.store.canonical import case_sha256, utc_now
from radrag.store.rows import Rows, chunks, finding_row, image_row, write
from radrag.store.tables import CaseImageRow, CaseRow, CorpusRow, FindingRow, RejectionRow, SectionRow, SentenceRow
from radrag.store.values import UNSTORABLE, AddReport, Arrival, CorpusInfo, Rejection

Checked = tuple[Arrival, str]
"""An arrival with the checksum of its content."""


def check_case(case: Case, sentences: Sequence[Sentence], corpus: CorpusInfo) -> None:
    """Refuse a case whose parts do not fit together.

    Raises:
        CorpusError: it belongs to another corpus or is not named after its own, or a restricted corpus holds a case
            not marked so.
        ReportError: a sentence is of another case, of no section, a second of its number, or not
            ``sections[section][start:end]``; or a finding lies outside its section.
    """
    if case.corpus != corpus.name:
        raise CorpusError(f"Case {case.case_id!r} says corpus {case.corpus!r}, but is added to {corpus.name!r}.")
    if not case.case_id.startswith(f"{corpus.name}:"):
        raise CorpusError(f"Case {case.case_id!r} is not named after its corpus: {corpus.name}:…")
    if corpus.restricted and not case.restricted:
        raise CorpusError(
            f"Case {case.case_id!r} is not marked restricted, but its corpus {corpus.name!r} is.",
            hint="Set restricted=True on every case of a restricted corpus.",
        )
    numbers = set()
    for sentence in sentences:
        where = f"Sentence {sentence.number} of section {sentence.section!r} of case {case.case_id!r}"
        if sentence.case_id != case.case_id:
            raise ReportError(f"{where} names another case.")
        section = case.sections.get(sentence.section)
        if section is None:
            raise ReportError(f"{where}: the case has no such section.")
        if not 0 <= sentence.start <= sentence.end <= len(section):
            raise ReportError(f"{where}: {sentence.start}:{sentence.end} lies outside 0:{len(section)}.")
        if section[sentence.start : sentence.end] != sentence.text:
            raise ReportError(f"{where}: the text is not section[{sentence.start}:{sentence.end}].")
        if (sentence.section, sentence.number) in numbers:
            raise ReportError(f"{where}: the number is given twice.")
        numbers.add((sentence.section, sentence.number))
        for finding in sentence.findings:
            if not 0 <= finding.start <= finding.end <= len(section):
                raise ReportError(f"{where}: finding {finding.label!r} lies outside the section.")


def put_corpus(session: Session, corpus: CorpusInfo) -> None:
    """Make or update the corpus, open to additions, and lock it: on PostgreSQL, writers of one corpus take turns.

    A restricted corpus stays so until it is removed: no later addition can open it.
    """
    values = {
        "title": corpus.title,
        "licence": corpus.licence,
        "source": corpus.source,
        "finished_at": "",
    }
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as insert_or_update  # a tenth of the store's start-up time
    else:
        from sqlalchemy.dialects.sqlite import insert as insert_or_update  # type: ignore[assignment]
    row = insert_or_update(CorpusRow).values(
        name=corpus.name, added_at=utc_now(), restricted=corpus.restricted, **values
    )
    restricted = or_(CorpusRow.restricted, row.excluded.restricted)
    session.execute(row.on_conflict_do_update(index_elements=["name"], set_=values | {"restricted": restricted}))


def finish_corpus(session: Session, name: str, run: str) -> None:
    """Close an addition: what earlier ones could not take, and this one did not meet again, is forgotten."""
    if run:
        session.execute(delete(RejectionRow).where(RejectionRow.corpus == name, RejectionRow.run != run))
    session.execute(update(CorpusRow).where(CorpusRow.name == name).values(finished_at=utc_now()))


def put_rejections(session: Session, corpus: str, rejections: Iterable[Rejection], run: str) -> None:
    """Keep what an addition could not take, once an item and code."""
    storable = (
        replace(one, item=UNSTORABLE.sub("\ufffd", one.item), message=UNSTORABLE.sub("\ufffd", one.message))
        for one in rejections
    )
    unique = {(rejection.item, rejection.code): rejection for rejection in storable}
    if not unique:
        return
    for part in chunks(list(unique)):
        session.execute(
            delete(RejectionRow).where(
                RejectionRow.corpus == corpus, tuple_(RejectionRow.item, RejectionRow.code).in_(part)
            )
        )
    rows = [
        {"corpus": corpus, "item": r.item, "code": str(r.code), "message": r.message, "kept": r.kept, "run": run}
        for r in unique.values()
    ]
    session.execute(insert(RejectionRow), rows)


def put_cases(session: Session, batch: Sequence[Checked]) -> AddReport:
    """Write checked cases, each with its checksum; equal repeats count as unchanged.

    A case that is there as restricted stays so, whatever the new one says.
    """
    unique = {item[0].case.case_id: item for item in batch}
    known: dict[str, Any] = {}
    for part in chunks(unique):
        found = select(CaseRow.case_id, CaseRow.id, CaseRow.content_sha256, CaseRow.source_sha256, CaseRow.restricted)
        for row in session.execute(found.where(CaseRow.case_id.in_(part))):
            arrival, _ = unique[row.case_id]
            if row.restricted and not arrival.case.restricted:
                case = replace(arrival.case, restricted=True)
                unique[row.case_id] = replace(arrival, case=case), case_sha256(case, arrival.sentences)
            known[row.case_id] = row
    fresh = [item for name, item in unique.items() if name not in known]
    changed = [item for name, item in unique.items() if name in known and known[name].content_sha256 != item[1]]
    for name, (arrival, digest) in unique.items():
        if (
            name in known
            and known[name].content_sha256 == digest
            and known[name].source_sha256 != arrival.source_sha256
        ):
            new_source = update(CaseRow).where(CaseRow.id == known[name].id)
            session.execute(new_source.values(source_sha256=arrival.source_sha256))
    keys: list[int] = []
    for arrival, digest in changed:
        key = known[arrival.case.case_id].id
        session.execute(delete(SectionRow).where(SectionRow.case_pk == key))  # sentences and findings go with it
        session.execute(delete(CaseImageRow).where(CaseImageRow.case_pk == key))
        session.execute(update(CaseRow).where(CaseRow.id == key).values(_case_row(arrival, digest)))
        keys.append(key)
    if fresh:
        rows = [_case_row(arrival, digest) for arrival, digest in fresh]
        keys += session.scalars(insert(CaseRow).returning(CaseRow.id, sort_by_parameter_order=True), rows)
    _put_contents(session, [(key, item[0]) for key, item in zip(keys, changed + fresh, strict=True)])
    return AddReport(len(fresh), len(batch) - len(fresh) - len(changed), len(changed))


def _case_row(arrival: Arrival, digest: str) -> dict[str, Any]:
    case = arrival.case
    return {
        "case_id": case.case_id,
        "corpus": case.corpus,
        "patient_key": case.patient_key,
        "labels": list(case.labels),
        "licence": case.licence,
        "restricted": case.restricted,
        "image_count": len(case.images),
        "sentence_count": len(arrival.sentences),
        "content_sha256": digest,
        "source_sha256": arrival.source_sha256,
        "split": case.split,
        "sex": case.sex,
        "age": case.age,
        "studied_at": case.studied_at,
    }


def _put_contents(session: Session, arrivals: Sequence[tuple[int, Arrival]]) -> None:
    images: Rows = []
    sections: Rows = []
    sentences: Rows = []
    findings: Rows = []
    for key, arrival in arrivals:
        owner, case = {"case_pk": key}, arrival.case
        places = {name: place for place, name in enumerate(case.sections)}
        images += [owner | image_row(image, place) for place, image in enumerate(case.images)]
        sections += [
            owner | {"position": places[name], "name": name, "text": text} for name, text in case.sections.items()
        ]
        for place, sentence in enumerate(arrival.sentences):
            sentences.append(
                owner
                | {
                    "position": place,
                    "section": places[sentence.section],
                    "number": sentence.number,
                    "start": sentence.start,
                    "end": sentence.end,
                }
            )
            findings += [owner | finding_row(f, place, number) for number, f in enumerate(sentence.findings)]
    write(session, {CaseImageRow: images, SectionRow: sections, SentenceRow: sentences, FindingRow: findings})


def checked(arrival: Arrival, corpus: CorpusInfo) -> Checked:
    """Return an arrival with its checksum.

    Raises:
        CorpusError: it does not fit the corpus.
        ReportError: see :func:`check_case`.
    """
    check_case(arrival.case, arrival.sentences, corpus)
    return arrival, case_sha256(arrival.case, arrival.sentences)


def checked_batches(
    cases: Iterable[tuple[Case, Sequence[Sentence]]], corpus: CorpusInfo, size: int
) -> Iterator[list[Checked]]:
    """Yield checked cases with their checksums in lists of at most ``size``; equal repeats are left in.

    Raises:
        CorpusError: a case is given twice with different content, or does not fit the corpus.
        ReportError: see :func:`check_case`.
    """
    seen: dict[str, str] = {}
    batch: list[Checked] = []
    for case, sentences in cases:
        item = checked(Arrival(case, sentences), corpus)
        if seen.setdefault(case.case_id, item[1]) != item[1]:
            raise CorpusError(
                f"Case {case.case_id!r} is given twice, with different content.",
                hint="Give each case of the corpus an accession of its own.",
            )
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
