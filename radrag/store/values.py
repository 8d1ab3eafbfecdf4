"""What the store takes and gives besides the domain's values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from radrag.domain import View

PRELIMINARY = "preliminary"  # status of a draft that no reader has signed


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
    """A corpus as it stands in the store; ``added_at`` is ISO 8601 UTC, counts are of stored rows."""

    added_at: str = ""
    cases: int = 0
    patients: int = 0
    images: int = 0
    sentences: int = 0


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
