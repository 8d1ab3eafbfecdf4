"""The tables: what is kept of corpora, cases and drafts, and the audit log.

Rows below a case or a draft carry (owner, position) as their key, so that a batch is written without asking the
database for ids, and everything of one case lies together on disk. A sentence's text is not kept: it is cut from its
section, so the invariant ``text == section[start:end]`` cannot be broken by the database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from radrag.domain import Change, Polarity, Relation, Severity, Side, Status, View
from radrag.store.base import Base, added_later, key_position, owner
from radrag.store.columns import JsonText, Real

CLUSTERED = {"sqlite_with_rowid": False}  # many small rows: SQLite keeps them in the key's own tree


class CorpusRow(Base):
    """A named set of cases; ``finished_at`` is empty from the start of an addition to its end."""

    __tablename__ = "corpora"

    name: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    licence: Mapped[str]
    restricted: Mapped[bool]
    source: Mapped[str]
    added_at: Mapped[str]
    finished_at: Mapped[str] = added_later()


class RejectionRow(Base):
    """An item that an addition could not take as it was; ``run`` is the addition that saw it last."""

    __tablename__ = "rejections"
    __table_args__ = (CLUSTERED,)

    corpus: Mapped[str] = mapped_column(ForeignKey("corpora.name", ondelete="CASCADE"), primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    message: Mapped[str]
    kept: Mapped[bool]
    run: Mapped[str]


class CaseRow(Base):
    """One image–report pair; the counts spare the corpus list a walk through all sentences."""

    __tablename__ = "cases"
    __table_args__ = (Index(None, "corpus", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[str] = mapped_column(unique=True)
    corpus: Mapped[str] = mapped_column(ForeignKey("corpora.name", ondelete="CASCADE"))
    patient_key: Mapped[str] = mapped_column(index=True)
    labels: Mapped[Any] = mapped_column(JsonText)
    licence: Mapped[str]
    restricted: Mapped[bool]
    image_count: Mapped[int]
    sentence_count: Mapped[int]
    content_sha256: Mapped[str]
    # of what it was made from: an addition skips cases whose source is the same
    source_sha256: Mapped[str] = added_later()
    split: Mapped[str] = added_later()
    sex: Mapped[str] = added_later()
    age: Mapped[float | None]
    studied_at: Mapped[str] = added_later()


class ImageColumns:
    """The fields of a StudyImage."""

    position: Mapped[int] = key_position()
    sop_instance_uid: Mapped[str]
    view: Mapped[View]
    rows: Mapped[int]
    columns: Mapped[int]
    path: Mapped[str]
    pixel_sha256: Mapped[str]
    acquired_at: Mapped[str]
    file_sha256: Mapped[str] = added_later()
    perceptual_hash: Mapped[str] = added_later()


class CaseImageRow(ImageColumns, Base):
    """An image of a case."""

    __tablename__ = "case_images"
    __table_args__ = (Index(None, "sop_instance_uid"), Index(None, "pixel_sha256"), Index(None, "file_sha256"))

    case_pk: Mapped[int] = owner("cases")


class SectionRow(Base):
    """A section of a case's report, exactly as read."""

    __tablename__ = "sections"
    __table_args__ = (UniqueConstraint("case_pk", "name"),)

    case_pk: Mapped[int] = owner("cases")
    position: Mapped[int] = key_position()
    name: Mapped[str]
    text: Mapped[str]


class SentenceRow(Base):
    """A sentence: offsets into the section's text, in characters."""

    __tablename__ = "sentences"
    __table_args__ = (
        ForeignKeyConstraint(["case_pk", "section"], ["sections.case_pk", "sections.position"], ondelete="CASCADE"),
        UniqueConstraint("case_pk", "section", "number"),
        CheckConstraint('0 <= start AND start <= "end"', name="offsets"),
        CLUSTERED,
    )

    case_pk: Mapped[int] = key_position()
    position: Mapped[int] = key_position()
    section: Mapped[int]
    number: Mapped[int]
    start: Mapped[int]
    end: Mapped[int]


class FindingColumns:
    """The fields of a Finding."""

    sentence: Mapped[int] = key_position()
    position: Mapped[int] = key_position()
    label: Mapped[str]
    polarity: Mapped[Polarity]
    side: Mapped[Side]
    location: Mapped[str]
    severity: Mapped[Severity]
    change: Mapped[Change]
    start: Mapped[int]
    end: Mapped[int]


class FindingRow(FindingColumns, Base):
    """A finding in a case's sentence; offsets are into the section's text."""

    __tablename__ = "findings"
    __table_args__ = (
        ForeignKeyConstraint(["case_pk", "sentence"], ["sentences.case_pk", "sentences.position"], ondelete="CASCADE"),
        Index(None, "label", "polarity", "case_pk", "sentence"),
        CLUSTERED,
    )

    case_pk: Mapped[int] = key_position()


class DraftRow(Base):
    """A draft and its study; ``status`` is "preliminary" until a reader signs."""

    __tablename__ = "drafts"
    __table_args__ = (Index(None, "created_at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    draft_id: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    created_at: Mapped[str]
    study_instance_uid: Mapped[str] = mapped_column(index=True)
    accession: Mapped[str]
    patient_key: Mapped[str] = mapped_column(index=True)
    sex: Mapped[str]
    age: Mapped[float | None]
    studied_at: Mapped[str]
    indication: Mapped[str]
    content_sha256: Mapped[str]


class DraftImageRow(ImageColumns, Base):
    """An image of a drafted study."""

    __tablename__ = "draft_images"

    draft_pk: Mapped[int] = owner("drafts")


class DraftSentenceRow(Base):
    """A drafted sentence; here the text itself is kept."""

    __tablename__ = "draft_sentences"

    draft_pk: Mapped[int] = owner("drafts")
    position: Mapped[int] = key_position()
    section: Mapped[str]
    text: Mapped[str]
    status: Mapped[Status]
    image_findings: Mapped[Any] = mapped_column(JsonText)


class DraftFindingRow(FindingColumns, Base):
    """A finding in a drafted sentence; offsets are into that sentence's text."""

    __tablename__ = "draft_findings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["draft_pk", "sentence"], ["draft_sentences.draft_pk", "draft_sentences.position"], ondelete="CASCADE"
        ),
        Index(None, "label", "polarity", "draft_pk"),
    )

    draft_pk: Mapped[int] = key_position()


class OmissionRow(Base):
    """A finding the draft does not mention."""

    __tablename__ = "omissions"

    draft_pk: Mapped[int] = owner("drafts")
    position: Mapped[int] = key_position()
    label: Mapped[str]
    why: Mapped[str]


class EvidenceLinkRow(Base):
    """A link of a drafted sentence or of an omission.

    No foreign key to the case: a draft keeps its quotes when the corpus is removed.
    """

    __tablename__ = "evidence_links"
    __table_args__ = (
        ForeignKeyConstraint(
            ["draft_pk", "draft_sentence"], ["draft_sentences.draft_pk", "draft_sentences.position"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["draft_pk", "omission"], ["omissions.draft_pk", "omissions.position"], ondelete="CASCADE"
        ),
        CheckConstraint("(draft_sentence IS NULL) <> (omission IS NULL)", name="one_owner"),
    )

    draft_pk: Mapped[int] = owner("drafts")
    position: Mapped[int] = key_position()
    draft_sentence: Mapped[int | None]
    omission: Mapped[int | None]
    case_id: Mapped[str] = mapped_column(index=True)
    section: Mapped[str]
    sentence: Mapped[int]
    start: Mapped[int]
    end: Mapped[int]
    quote: Mapped[str]
    relation: Mapped[Relation]
    strength: Mapped[float] = mapped_column(Real, nullable=True)


class HitRow(Base):
    """A retrieved case."""

    __tablename__ = "hits"

    draft_pk: Mapped[int] = owner("drafts")
    position: Mapped[int] = key_position()
    case_id: Mapped[str] = mapped_column(index=True)
    rank: Mapped[int]
    score: Mapped[float] = mapped_column(Real, nullable=True)
    channels: Mapped[Any] = mapped_column(JsonText)
    why: Mapped[str]


class ImageFindingRow(Base):
    """What the image encoder said; ``region`` is a JSON list of four numbers, or null."""

    __tablename__ = "image_findings"

    draft_pk: Mapped[int] = owner("drafts")
    position: Mapped[int] = key_position()
    label: Mapped[str]
    probability: Mapped[float] = mapped_column(Real, nullable=True)
    threshold: Mapped[float] = mapped_column(Real, nullable=True)
    trained: Mapped[bool]
    region: Mapped[Any] = mapped_column(JsonText)


class WarningRow(Base):
    """A warning to the reader."""

    __tablename__ = "warnings"

    draft_pk: Mapped[int] = owner("drafts")
    position: Mapped[int] = key_position()
    code: Mapped[str]
    message: Mapped[str]


class ProvenanceRow(Base):
    """How a draft was made, as one JSON object."""

    __tablename__ = "provenance"

    draft_pk: Mapped[int] = owner("drafts")
    payload: Mapped[Any] = mapped_column(JsonText)


class TranscriptRow(Base):
    """What a model was given or answered for a draft, by its content's hash, which the draft's provenance names.

    No foreign key: several drafts may have asked the same.
    """

    __tablename__ = "transcripts"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[str]


class ReviewEventRow(Base):
    """One act of a reader on a draft; ``position`` is its version. Rows are only ever added."""

    __tablename__ = "review_events"

    draft_pk: Mapped[int] = owner("drafts")
    position: Mapped[int] = key_position()
    at: Mapped[str]
    who: Mapped[str]
    role: Mapped[str]
    act: Mapped[str]
    payload: Mapped[Any] = mapped_column(JsonText)


class AuditRow(Base):
    """One event of the audit log; ``hash`` covers the row and ``previous``, the hash of the row before."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "patient_key"), Index(None, "what", "position"))

    position: Mapped[int] = key_position()
    at: Mapped[str]
    who: Mapped[str]
    what: Mapped[str]
    origin: Mapped[str]
    patient_key: Mapped[str]
    payload: Mapped[Any] = mapped_column(JsonText)
    previous: Mapped[str]
    hash: Mapped[str]
