"""The values that flow through radrag: frozen, comparable, free of heavy imports.

Offsets are Python string indices into a section's stored text; the invariant
``quote == case.sections[section][start:end]`` holds for every link, byte for byte.
Boxes are ``(x0, y0, x1, y1)`` in pixels of the original image, x to the right, y down, end exclusive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

PRIOR = "prior:study"
"""Case id of the sentences of a patient's own earlier study; no corpus may be named ``prior``."""

Box = tuple[float, float, float, float]


class View(StrEnum):
    """Projection of a radiograph."""

    PA = "PA"
    AP = "AP"
    LATERAL = "LATERAL"
    UNKNOWN = "UNKNOWN"


class Polarity(StrEnum):
    """Whether a finding is stated as there, as not there, or as possible."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    UNCERTAIN = "uncertain"


class Side(StrEnum):
    """Laterality, from the patient's point of view."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    NONE = "none"


class Severity(StrEnum):
    """How much of a finding there is."""

    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"
    NONE = "none"


class Change(StrEnum):
    """Change of a finding against an earlier study."""

    NEW = "new"
    WORSE = "worse"
    STABLE = "stable"
    BETTER = "better"
    NONE = "none"


class Status(StrEnum):
    """What the evidence says of a drafted sentence."""

    SUPPORTED = "supported"
    PARTIAL = "partial"
    UNSUPPORTED = "unsupported"
    CONTRADICTED = "contradicted"


class Relation(StrEnum):
    """What one evidence sentence says of one drafted sentence."""

    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"


class ReportState(StrEnum):
    """Where a report stands (FHIR's DiagnosticReport.status without those that radrag has no use for)."""

    DRAFT = "draft"
    PRELIMINARY = "preliminary"
    FINAL = "final"
    ADDENDED = "appended"
    CORRECTED = "corrected"

    @property
    def signed(self) -> bool:
        """Whether a named reader answers for it."""
        return self in (ReportState.FINAL, ReportState.ADDENDED, ReportState.CORRECTED)


class Role(StrEnum):
    """What a person may do."""

    READER = "reader"
    TRAINEE = "trainee"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class StudyImage:
    """One image of a study.

    Attributes:
        sop_instance_uid: DICOM SOP Instance UID; for PNG and JPEG a UID derived from the pixels (2.25.…).
        view: projection.
        rows, columns: size of the original pixel matrix.
        path: where the file lies; empty when it is not held.
        pixel_sha256: of the decoded display image, hex.
        acquired_at: ISO 8601 date or date-time, empty when unknown.
        file_sha256: of the file's bytes, hex; empty when not read.
        perceptual_hash: hex of :func:`radrag.dicom.likeness.perceptual_hash`; empty when not computed.
    """

    sop_instance_uid: str
    view: View
    rows: int
    columns: int
    path: str = ""
    pixel_sha256: str = ""
    acquired_at: str = ""
    file_sha256: str = ""
    perceptual_hash: str = ""


@dataclass(frozen=True, slots=True)
class Study:
    """One imaging study: what is drafted.

    Attributes:
        patient_key: salted hash of the patient id, never the id; empty when unknown.
        accession: accession number; stays in the store, never in a prompt.
        sex: "M", "F", "O" or empty.
        age: years, None when unknown.
        studied_at: ISO 8601, empty when unknown.
        indication: free text given by the requester; empty when none.
    """

    study_instance_uid: str
    images: tuple[StudyImage, ...]
    accession: str = ""
    patient_key: str = ""
    sex: str = ""
    age: float | None = None
    studied_at: str = ""
    indication: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding mentioned in a sentence; ``start``/``end`` are offsets into the section's text."""

    label: str
    polarity: Polarity = Polarity.POSITIVE
    side: Side = Side.NONE
    location: str = ""
    severity: Severity = Severity.NONE
    change: Change = Change.NONE
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a case's section; ``text == case.sections[section][start:end]``."""

    case_id: str
    section: str
    number: int
    start: int
    end: int
    text: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One image–report pair of a corpus; images may be missing (text-only cases).

    Attributes:
        case_id: ``corpus:accession``.
        sections: lower-case section name → text exactly as stored.
        labels: manual or derived labels of the whole report, as the source has them; of label tables ``Edema`` is
            stated, ``-Edema`` denied and ``?Edema`` uncertain.
        licence: SPDX-like name of the terms the case came under.
        restricted: True where the terms forbid sending the text to third parties.
        split: "train", "val" or "test"; empty when none was given.
        sex: "M", "F", "O" or empty.
        age: years, None when unknown.
        studied_at: ISO 8601 date or date-time, empty when unknown (or shifted so far that it means nothing).
    """

    case_id: str
    corpus: str
    patient_key: str
    images: tuple[StudyImage, ...]
    sections: Mapping[str, str]
    labels: tuple[str, ...] = ()
    licence: str = ""
    restricted: bool = False
    split: str = ""
    sex: str = ""
    age: float | None = None
    studied_at: str = ""


@dataclass(frozen=True, slots=True)
class ImageFinding:
    """What the image encoder says of one finding.

    Attributes:
        probability: calibrated, in [0, 1]; NaN where ``trained`` is False.
        threshold: probability from which the finding counts as present.
        trained: whether the encoder was trained for this label at all.
        region: box in original pixels, or None.
    """

    label: str
    probability: float
    threshold: float
    trained: bool = True
    region: Box | None = None

    @property
    def positive(self) -> bool:
        """Whether the finding counts as present."""
        return self.trained and self.probability >= self.threshold


@dataclass(frozen=True, slots=True)
class Hit:
    """One retrieved case; ``channels`` maps a channel's name to (rank from 1, score)."""

    case_id: str
    rank: int
    score: float
    channels: Mapping[str, tuple[int, float]]
    why: str = ""


@dataclass(frozen=True, slots=True)
class EvidenceLink:
    """One evidence sentence's relation to one drafted sentence; ``strength`` in [0, 1]."""

    case_id: str
    section: str
    sentence: int
    start: int
    end: int
    quote: str
    relation: Relation
    strength: float


@dataclass(frozen=True, slots=True)
class DraftSentence:
    """One drafted sentence with what grounds it. Finding offsets are into ``text``."""

    section: str
    text: str
    status: Status
    findings: tuple[Finding, ...] = ()
    links: tuple[EvidenceLink, ...] = ()
    image_findings: tuple[str, ...] = ()


def text_of(sentences: Iterable[DraftSentence]) -> dict[str, str]:
    """Return section name → text, in reading order."""
    sections: dict[str, list[str]] = {}
    for sentence in sentences:
        sections.setdefault(sentence.section, []).append(sentence.text)
    return {name: " ".join(texts) for name, texts in sections.items()}


@dataclass(frozen=True, slots=True)
class Omission:
    """A finding that the draft does not mention although evidence or image speak for it."""

    label: str
    why: str
    links: tuple[EvidenceLink, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftWarning:
    """Something the reader should know about the draft; ``code`` is stable."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted report: PRELIMINARY until a named reader signs.

    Attributes:
        transcripts: hex SHA-256 → text of what a model was given and answered, by the hashes that the provenance
            names; for the store, which keeps it. Not part of a draft's identity, and empty when read back.
    """

    draft_id: str
    study: Study
    sentences: tuple[DraftSentence, ...]
    omissions: tuple[Omission, ...]
    hits: tuple[Hit, ...]
    image_findings: tuple[ImageFinding, ...]
    warnings: tuple[DraftWarning, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    transcripts: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A critical result that was passed on: of what, to whom, how, by whom and when."""

    label: str
    to: str
    how: str
    who: str
    at: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A version of the report that a person answers for.

    Attributes:
        who: the account's name.
        name: the person's name, as it stands under the report.
        state: what the report became.
        text: section name → text of the report, as signed.
        added: the text of an addendum; for a correction, why.
    """

    version: int
    at: str
    who: str
    name: str
    state: ReportState
    text: Mapping[str, str]
    added: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A draft as its review left it: what leaves radrag.

    Attributes:
        version: of the last act of a reader; 0 for a draft that nobody has touched.
        sentences: what stands, in reading order, each with its evidence: for a draft that nobody signed, also
            sentences that wait for a decision.
        signatures: oldest first; empty until someone answers for the report.
        acknowledged: critical results that were passed on.
    """

    draft: Draft
    state: ReportState
    version: int
    sentences: tuple[DraftSentence, ...]
    signatures: tuple[Signature, ...] = ()
    acknowledged: tuple[Acknowledgement, ...] = ()

    def text(self) -> dict[str, str]:
        """Return section name → text, in reading order."""
        return text_of(self.sentences)
