"""A collection as its reader hands it over: what it is, and a stream of cases and rejected items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from radrag.domain import Case
from radrag.errors import CorpusError
from radrag.store.values import CorpusInfo, Rejection

__all__ = ["Collection", "Item", "ItemRejected", "Merge", "Rejection", "RejectionCode"]


class RejectionCode(StrEnum):
    """Why an item of a collection was not taken as it is. Values are stable: scripts match on them."""

    MISSING_IMAGE = "missing_image"
    MISSING_REPORT = "missing_report"
    UNREADABLE_IMAGE = "unreadable_image"
    UNREADABLE_REPORT = "unreadable_report"
    BROKEN_XML = "broken_xml"
    WRONG_ENCODING = "wrong_encoding"
    WRONG_HEADER = "wrong_header"
    BAD_ROW = "bad_row"
    BAD_VALUE = "bad_value"
    TRUNCATED_FILE = "truncated_file"
    EMPTY_FILE = "empty_file"
    DUPLICATE_ID = "duplicate_id"
    MISSING_ID = "missing_id"
    PATH_OUTSIDE = "path_outside"
    NOT_CHEST = "not_chest"
    AMBIGUOUS_MATCH = "ambiguous_match"
    NO_MATCH = "no_match"
    RESTRICTED_TERMS = "restricted_terms"


class ItemRejected(CorpusError):
    """Raised while reading one item; the reader yields :attr:`rejection` in its place and goes on."""

    def __init__(self, code: RejectionCode, item: str, message: str) -> None:
        super().__init__(f"{item}: {message} [{code.value}]")
        self.code = code.value
        self.rejection = Rejection(code, item, message)


class Merge(StrEnum):
    """What becomes of a case that is in the corpus already, with other content."""

    REPLACE = "replace"
    """The new one takes its place."""
    UPDATE = "update"
    """The new one wins where it says something; what it lacks stays."""
    FILL = "fill"
    """The stored one wins; the new one only adds what is missing."""


Item = Case | Rejection


@dataclass(frozen=True, slots=True)
class Collection:
    """What a reader returns at once; the items are read while they are consumed, once.

    Attributes:
        info: name, title, licence; ``info.restricted`` goes for every case.
        items: cases as the source has them. An image has ``path`` and what the source says of it; sizes, checksums
            and, where the source gives none, UID and view are filled in by ingest, which also looks whether the file
            is there. An image without ``path`` is known of, but not held.
        total: about how many cases will come, for the progress bar; None when nobody can know without reading all.
        merge: how cases meet stored ones of the same id.
        root: folder that items of rejections are relative to; None where there are no files.
    """

    info: CorpusInfo
    items: Iterable[Item]
    total: int | None = None
    merge: Merge = Merge.REPLACE
    root: Path | None = None
