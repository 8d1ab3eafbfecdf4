"""One case made ready for the store: its images looked at, its sentences labelled. Runs in worker processes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from radrag.corpus.collection import Merge, Rejection, RejectionCode
from radrag.corpus.merging import merge
from radrag.dicom.read import load_image
from radrag.domain import Case, StudyImage, View
from radrag.errors import RefusalCode, StudyRefused
from radrag.reports.findings import VERSION, default_labeler
from radrag.store.canonical import case_sha256
from radrag.store.values import UNSTORABLE, Arrival

_CODES = {
    RefusalCode.NOT_FOUND: RejectionCode.MISSING_IMAGE,
    RefusalCode.NOT_CHEST: RejectionCode.NOT_CHEST,
    RefusalCode.WRONG_MODALITY: RejectionCode.NOT_CHEST,
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case as its reader gave it, the checksum of what it is made from, and the stored case it is to meet."""

    case: Case
    source_sha256: str
    stored: Case | None = None


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares cases; small, so that it travels to worker processes.

    Attributes:
        root: folder that rejected items are named relative to.
        merge: how cases meet stored ones.
        read_images: whether image files are read; without, an image keeps what the source says of it.
    """

    root: Path | None = None
    merge: Merge = Merge.REPLACE
    read_images: bool = True

    def source_sha256(self, case: Case) -> str:
        """Return the checksum of everything a prepared case depends on, without reading image files."""
        digest = hashlib.sha256(case_sha256(case, ()).encode())
        digest.update(f"labeler {VERSION} images {self.read_images} {self.merge}".encode())
        for image in case.images if self.read_images else ():
            try:
                state = os.stat(image.path) if image.path else None
            except (OSError, ValueError):
                state = None
            digest.update(f"{state.st_size} {state.st_mtime_ns}\n".encode() if state else b"none\n")
        return digest.hexdigest()

    def __call__(self, task: Sequence[Waiting]) -> tuple[list[Arrival], list[Rejection]]:
        """Prepare some cases; one with text that cannot be stored is rejected.

        An image that cannot be read is left out of its case, with a rejection.

        Such a case gets no source checksum: the next addition looks at it again, since the file may be there by then.
        """
        arrivals: list[Arrival] = []
        rejections: list[Rejection] = []
        for waiting in task:
            if not _can_be_stored(waiting.case):
                message = "a text of the case holds a NUL or half a surrogate pair, which no database keeps."
                rejections.append(Rejection(RejectionCode.BAD_VALUE, waiting.case.case_id, message))
                continue
            case, rejected = self._with_images(waiting.case) if self.read_images else (waiting.case, [])
            if waiting.stored is not None:
                case = merge(waiting.stored, case, self.merge)
            sentences = default_labeler().label_sections(case.case_id, case.sections)
            arrivals.append(Arrival(case, sentences, "" if rejected else waiting.source_sha256))
            rejections += rejected
        return arrivals, rejections

    def _with_images(self, case: Case) -> tuple[Case, list[Rejection]]:
        images: list[StudyImage] = []
        rejections: list[Rejection] = []
        for image in case.images:
            try:
                images.append(_completed(image) if image.path and not image.file_sha256 else image)
            except StudyRefused as refusal:
                code = _CODES.get(RefusalCode(refusal.code), RejectionCode.UNREADABLE_IMAGE)
                message = f"{refusal.reason} [{refusal.code}] The rest of {case.case_id} was added."
                rejections.append(Rejection(code, self._item(image.path), message))
            except OSError as error:  # before the file is opened: too long a name, a folder that is closed to us
                message = f"the file cannot be reached ({error.strerror}). The rest of {case.case_id} was added."
                rejections.append(Rejection(RejectionCode.UNREADABLE_IMAGE, self._item(image.path), message))
        return replace(case, images=tuple(images)), rejections

    def _item(self, path: str) -> str:
        return os.path.relpath(path, self.root) if self.root else Path(path).name


def _can_be_stored(case: Case) -> bool:
    texts = [case.case_id, case.patient_key, case.licence, case.split, case.sex, case.studied_at, *case.labels]
    texts += [*case.sections, *case.sections.values()]
    for image in case.images:
        texts += [image.sop_instance_uid, image.path, image.acquired_at]
    return not any(map(UNSTORABLE.search, texts))


def _completed(image: StudyImage) -> StudyImage:
    """Return an image with all that its file says; what the source said of UID, view and date stays."""
    found = load_image(Path(image.path)).image
    return replace(
        found,
        sop_instance_uid=image.sop_instance_uid or found.sop_instance_uid,
        view=found.view if image.view is View.UNKNOWN else image.view,
        acquired_at=image.acquired_at or found.acquired_at,
    )
