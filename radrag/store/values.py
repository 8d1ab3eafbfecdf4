"""What the store takes and gives besides the domain's values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from radrag.domain import Case, Sentence, StudyImage, View

PRELIMINARY = "preliminary"  # status of a draft that no reader has signed
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What no database keeps in a text: NUL, and halves of surrogate pairs (as in file names that are not Unicode)."""


@dataclass(frozen=True, slots=True)
class CorpusInfo:
    """What is said of a corpus as a whole.

    Attributes:
        name: short name; every case's ``corpus`` equals it.
        title: name for people.
        licence: SPDX-like name of the terms.
        restricted: True where the terms forbid sending texts to third parties; then every case must say so too.
        source: where it came from: a package, a folder or an address.
    """

    name: str
    title: str = ""
    licence: str = ""
    restricted: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class CorpusSummary(CorpusInfo):
    """A corpus as it stands in the store; times are ISO 8601 UTC, counts are of stored rows.

    Attributes:
        finished_at: end of the last addition; empty while one runs, or after one that was cut off.
        rejected: items that the last addition could not take; notes on items that it took are not counted.
    """

    added_at: str = ""
    finished_at: str = ""
    rejected: int = 0
    cases: int = 0
    patients: int = 0
    images: int = 0
    sentences: int = 0


@dataclass(frozen=True, slots=True)
class Rejection:
    """One line of the report on an addition.

    Attributes:
        code: stable name of the reason (:class:`radrag.corpus.collection.RejectionCode`).
        item: what it is about: a path relative to the collection's folder, with ``:LINE`` for a row of a table, or
            a case id. Never a patient's name or id.
        message: what is wrong and what to do, in one sentence.
        kept: True where the item was taken after all (mended, or without the faulty part): a note, not a loss.
    """

    code: str
    item: str
    message: str
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """A case on its way into the store.

    Attributes:
        source_sha256: of what the case was made from; empty for a case that the next addition is to look at again.
    """

    case: Case
    sentences: Sequence[Sentence]
    source_sha256: str = ""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image of a case with what tells whose it is; ``split`` as the collection gave it."""

    case_id: str
    corpus: str
    patient_key: str
    split: str
    image: StudyImage


@dataclass(frozen=True, slots=True)
class AddReport:
    """How many cases an addition wrote, found as they were, and replaced."""

    added: int = 0
    unchanged: int = 0
    updated: int = 0

    @property
    def total(self) -> int:
        """All cases that were given."""
        return self.added + self.unchanged + self.updated

    def __add__(self, other: AddReport) -> AddReport:
        return AddReport(self.added + other.added, self.unchanged + other.unchanged, self.updated + other.updated)


@dataclass(frozen=True, slots=True)
class DraftSummary:
    """A row of the worklist.

    Attributes:
        views: in the order of the study's images.
        created_at: ISO 8601 UTC with microseconds, of ``provenance["created_at"]``, else of the save.
        status: "preliminary" until a reader signs.
        sentences: number of sentences by :class:`~radrag.domain.Status` value; all four keys are there.
        omissions, warnings: how many.
        urgent: labels among those asked for that it states, as there or possible, or may have left out; sorted.
        reader: who acted on it last; empty where nobody did.
    """

    draft_id: str
    study_instance_uid: str
    patient_key: str
    views: tuple[View, ...]
    created_at: str
    status: str
    sentences: Mapping[str, int]
    omissions: int
    warnings: int
    urgent: tuple[str, ...] = ()
    reader: str = ""


@dataclass(frozen=True, slots=True)
class ReviewEvent:
    """One act of one person on one draft; never changed once kept.

    Attributes:
        version: 1 for the first of a draft; each follows the one before.
        at: ISO 8601 UTC with microseconds.
        who: the account's name.
        role: what the person might do (:class:`radrag.review.values.Role`).
        act: what was done (:class:`radrag.review.values.Act`).
        payload: JSON values; what they are depends on the act.
    """

    version: int
    at: str
    who: str
    role: str
    act: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Something to be put on record (fields after DICOM PS3.15 A.5: who, what, where from, whose record).

    Attributes:
        what: stable name such as "draft.saved".
        who: user name.
        origin: host the user worked on.
        patient_key: salted hash of the patient whose record it was; empty when none or unknown.
        payload: JSON values; no texts of patients.
    """

    what: str
    who: str
    origin: str
    patient_key: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditEntry(AuditEvent):
    """An event as it stands in the log; ``position`` counts from 1, ``at`` is ISO 8601 UTC, hashes are hex SHA-256."""

    position: int = 0
    at: str = ""
    previous: str = ""
    hash: str = ""
