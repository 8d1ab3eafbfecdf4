"""Drafts: written whole in one transaction, read back equal to the last bit, listed for the worklist."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from radrag.domain import (
    Draft,
    DraftSentence,
    DraftWarning,
    EvidenceLink,
    Finding,
    Hit,
    ImageFinding,
    Omission,
    Study,
    StudyImage,
)
from radrag.errors import StoreError
from radrag.store.base import Base
from radrag.store.canonical import draft_sha256, json_value, utc
from radrag.store.rows import Rows, chunks, finding_of, finding_row, image_of, image_row, write
from radrag.store.tables import (
    DraftFindingRow,
    DraftImageRow,
    DraftRow,
    DraftSentenceRow,
    EvidenceLinkRow,
    HitRow,
    ImageFindingRow,
    OmissionRow,
    ProvenanceRow,
    TranscriptRow,
    WarningRow,
)
from radrag.store.values import PRELIMINARY


@dataclass(frozen=True, slots=True)
class Prepared:
    """A draft as it will be written: made before a transaction, since all writers of SQLite wait for one that is open.

    Attributes:
        sha256: checksum of the draft.
        head: row of the table of drafts.
        rows: table → rows of all that belongs to the draft, still without its key.
    """

    sha256: str
    head: Mapping[str, Any]
    rows: Mapping[Any, Rows]
    transcripts: Mapping[str, str]


def prepared(draft: Draft) -> Prepared:
    """Return what is to be written of a draft.

    Raises:
        StoreError: a value is not one that a database or JSON can hold.
    """
    if draft.study.age is not None and math.isnan(draft.study.age):
        raise StoreError("The study's age is NaN.", hint="Give None for an unknown age.")
    provenance = json_value(draft.provenance, "provenance")
    digest = draft_sha256(draft)
    study = draft.study
    head = {
        "draft_id": draft.draft_id,
        "status": PRELIMINARY,
        "created_at": utc(provenance.get("created_at")),
        "study_instance_uid": study.study_instance_uid,
        "accession": study.accession,
        "patient_key": study.patient_key,
        "sex": study.sex,
        "age": study.age,
        "studied_at": study.studied_at,
        "indication": study.indication,
        "content_sha256": digest,
    }
    return Prepared(digest, head, _contents(draft, provenance), draft.transcripts)


def save(session: Session, new: Prepared) -> bool:
    """Write a draft; return False when the same draft is there already.

    Raises:
        StoreError: another draft has this id.
    """
    draft_id = new.head["draft_id"]
    present = session.scalar(select(DraftRow.content_sha256).where(DraftRow.draft_id == draft_id))
    if present == new.sha256:
        return False
    if present is not None:
        raise StoreError(
            f"Draft {draft_id!r} is stored already, with other content.",
            hint="A stored draft never changes: save the new one under a new id.",
        )
    key = session.scalars(insert(DraftRow).returning(DraftRow.id), new.head).one()
    write(session, {table: [{"draft_pk": key, **row} for row in rows] for table, rows in new.rows.items()})
    _put_transcripts(session, new.transcripts)
    return True


def _put_transcripts(session: Session, transcripts: Mapping[str, str]) -> None:
    held = set(session.scalars(select(TranscriptRow.sha256).where(TranscriptRow.sha256.in_(transcripts))))
    new = [{"sha256": name, "text": text} for name, text in transcripts.items() if name not in held]
    if new:
        session.execute(insert(TranscriptRow), new)


def transcript(session: Session, sha256: str) -> str:
    """Return what a model was given or answered.

    Raises:
        StoreError: nothing of that hash is held.
    """
    text = session.scalar(select(TranscriptRow.text).where(TranscriptRow.sha256 == sha256))
    if text is None:
        raise StoreError(
            f"No transcript {sha256[:12]} is held.",
            hint="Composed drafts have none, and those that showed a removed corpus go with it.",
        )
    return text


def drop_transcripts_showing(session: Session, corpus: str) -> None:
    """Delete the transcripts of drafts for which a case of a corpus was retrieved."""
    showing = select(HitRow.draft_pk).where(HitRow.case_id.startswith(f"{corpus}:", autoescape=True))
    payloads = session.scalars(select(ProvenanceRow.payload).where(ProvenanceRow.draft_pk.in_(showing)))
    named = {sha256 for payload in payloads for pair in payload.get("transcripts", ()) for sha256 in pair.values()}
    for chunk in chunks(sorted(named)):
        session.execute(delete(TranscriptRow).where(TranscriptRow.sha256.in_(chunk)))


def _contents(draft: Draft, provenance: Any) -> dict[Any, Rows]:
    links: Rows = []
    for place, sentence in enumerate(draft.sentences):
        links += [_link_row(link) | {"draft_sentence": place, "omission": None} for link in sentence.links]
    for place, omission in enumerate(draft.omissions):
        links += [_link_row(link) | {"draft_sentence": None, "omission": place} for link in omission.links]
    return {
        DraftImageRow: [image_row(image, place) for place, image in enumerate(draft.study.images)],
        DraftSentenceRow: [
            {
                "position": place,
                "section": sentence.section,
                "text": sentence.text,
                "status": sentence.status,
                "image_findings": list(sentence.image_findings),
            }
            for place, sentence in enumerate(draft.sentences)
        ],
        DraftFindingRow: [
            finding_row(finding, place, number)
            for place, sentence in enumerate(draft.sentences)
            for number, finding in enumerate(sentence.findings)
        ],
        OmissionRow: [
            {"position": place, "label": omission.label, "why": omission.why}
            for place, omission in enumerate(draft.omissions)
        ],
        EvidenceLinkRow: [link | {"position": place} for place, link in enumerate(links)],
        HitRow: [
            {
                "position": place,
                "case_id": hit.case_id,
                "rank": int(hit.rank),
                "score": hit.score,
                "channels": json_value(hit.channels, "channels", finite=False),
                "why": hit.why,
            }
            for place, hit in enumerate(draft.hits)
        ],
        ImageFindingRow: [
            {
                "position": place,
                "label": finding.label,
                "probability": finding.probability,
                "threshold": finding.threshold,
                "trained": bool(finding.trained),
                "region": json_value(finding.region, "region", finite=False),
            }
            for place, finding in enumerate(draft.image_findings)
        ],
        WarningRow: [
            {"position": place, "code": warning.code, "message": warning.message}
            for place, warning in enumerate(draft.warnings)
        ],
        ProvenanceRow: [{"payload": provenance}],
    }


def _link_row(link: EvidenceLink) -> dict[str, Any]:
    return {
        "case_id": link.case_id,
        "section": link.section,
        "sentence": link.sentence,
        "start": link.start,
        "end": link.end,
        "quote": link.quote,
        "relation": link.relation,
        "strength": link.strength,
    }


def load(session: Session, draft_id: str) -> Draft:
    """Return a draft.

    Raises:
        StoreError: there is no such draft.
    """
    head = session.execute(select(DraftRow.__table__).where(DraftRow.draft_id == draft_id)).one_or_none()
    if head is None:
        raise StoreError(f"There is no draft {draft_id!r}.", hint="Drafts are kept with: radrag draft PATH --save")

    def below(table: type[Base]) -> Sequence[Any]:
        columns = table.__table__.c
        query = select(table.__table__).where(columns.draft_pk == head.id)
        return session.execute(query.order_by(*table.__table__.primary_key)).all()

    links: dict[tuple[int | None, int | None], list[EvidenceLink]] = defaultdict(list)
    for row in below(EvidenceLinkRow):
        links[row.draft_sentence, row.omission].append(
            EvidenceLink(
                row.case_id, row.section, row.sentence, row.start, row.end, row.quote, row.relation, row.strength
            )
        )
    findings: dict[int, list[Finding]] = defaultdict(list)
    for row in below(DraftFindingRow):
        findings[row.sentence].append(finding_of(row))
    return Draft(
        draft_id=draft_id,
        study=Study(
            study_instance_uid=head.study_instance_uid,
            images=tuple(image_of(row) for row in below(DraftImageRow)),
            accession=head.accession,
            patient_key=head.patient_key,
            sex=head.sex,
            age=head.age,
            studied_at=head.studied_at,
            indication=head.indication,
        ),
        sentences=tuple(
            DraftSentence(
                section=row.section,
                text=row.text,
                status=row.status,
                findings=tuple(findings[row.position]),
                links=tuple(links[row.position, None]),
                image_findings=tuple(row.image_findings),
            )
            for row in below(DraftSentenceRow)
        ),
        omissions=tuple(Omission(row.label, row.why, tuple(links[None, row.position])) for row in below(OmissionRow)),
        hits=tuple(
            Hit(row.case_id, row.rank, row.score, {name: tuple(pair) for name, pair in row.channels.items()}, row.why)
            for row in below(HitRow)
        ),
        image_findings=tuple(
            ImageFinding(
                row.label, row.probability, row.threshold, row.trained, tuple(row.region) if row.region else None
            )
            for row in below(ImageFindingRow)
        ),
        warnings=tuple(DraftWarning(row.code, row.message) for row in below(WarningRow)),
        provenance=next(row.payload for row in below(ProvenanceRow)),
    )


def open_one(session: Session, draft_id: str) -> Any:
    """Return row id and patient key (``id``, ``patient_key``) of a draft that somebody has open.

    Raises:
        StoreError: there is no such draft.
    """
    columns = select(DraftRow.id, DraftRow.patient_key)
    found = session.execute(columns.where(DraftRow.draft_id == draft_id)).one_or_none()
    if found is None:
        raise StoreError(f"There is no draft {draft_id!r}.", hint="It may have been deleted while it was open.")
    return found


def cited(draft: Draft) -> list[str]:
    """Return the ids of the cases that a draft's hits and links name, each once, hits first."""
    links = [link for sentence in draft.sentences for link in sentence.links]
    links += [link for omission in draft.omissions for link in omission.links]
    return list(dict.fromkeys([hit.case_id for hit in draft.hits] + [link.case_id for link in links]))


def images(session: Session, draft_id: str) -> tuple[StudyImage, ...]:
    """Return the images of a draft's study; empty for an unknown draft."""
    table = DraftImageRow.__table__
    query = select(table).join(DraftRow, DraftRow.id == table.c.draft_pk).where(DraftRow.draft_id == draft_id)
    return tuple(image_of(row) for row in session.execute(query.order_by(table.c.position)))
