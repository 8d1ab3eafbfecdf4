"""Pulling: studies and the patient's earlier ones, from a DICOMweb server through the quarantine into the inbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from radrag.dicom.deidentify import patient_key
from radrag.dicom.quality import RADIOGRAPHY
from radrag.errors import RefusalCode, UsageError
from radrag.exchange.arrivals import Arrivals, ListenError, Taken
from radrag.exchange.dicomweb import DicomWeb
from radrag.exchange.listener import STORAGE
from radrag.exchange.pull_values import DicomWebError, FoundImage, FoundStudy, PullCode, Wanted
from radrag.exchange.values import Told

MOST_LOOKED_AT = 10  # earlier studies that are looked at for each prior that is wanted
_DISK = ("disk", "disk_full")
_FOR_GOOD = {  # refusals that the same object would meet again
    RefusalCode.WRONG_MODALITY.value, RefusalCode.NOT_CHEST.value, RefusalCode.NO_PIXEL_DATA.value,
    RefusalCode.MULTI_FRAME.value, RefusalCode.BAD_DIMENSIONS.value, RefusalCode.UNSUPPORTED_SYNTAX.value,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PulledStudy:
    """What became of one study; nothing in it identifies a patient.

    Attributes:
        patient_key: salted hash; empty when the server did not say whose it is.
        files: its images in the inbox.
        priors: images of each earlier study, newest first.
        stored: images that came now, with those of the priors.
        skipped: images that were here before, or were refused for good before.
        refused: images that were not taken now: most are no chest radiographs.
        failed: whether an image is missing for another reason: the same command tries it again.
    """

    patient_key: str
    files: tuple[Path, ...]
    priors: tuple[tuple[Path, ...], ...] = ()
    stored: int = 0
    skipped: int = 0
    refused: int = 0
    failed: bool = False


@dataclass(slots=True)
class _Counts:
    stored: int = 0
    skipped: int = 0
    refused: int = 0
    failed: bool = False


class Puller:
    """Pulls through one way into an inbox.

    Args:
        salt: secret for patient keys.
        tell: called with each event.
    """

    def __init__(
        self, server: DicomWeb, arrivals: Arrivals, *, salt: str, tell: Callable[[Told], None] = lambda _: None
    ) -> None:
        self._server = server
        self._arrivals = arrivals
        self._salt = salt
        self._tell = tell

    def find(self, wanted: Wanted) -> list[FoundStudy]:
        """Return the studies that match, oldest first, without those that hold no radiograph by their modalities.

        Raises:
            DicomWebError: no usable answer.
        """
        return sorted(filter(_may_be_radiograph, self._server.studies(wanted)), key=_moment)

    def pull(self, study: FoundStudy, *, priors: int = 0) -> PulledStudy:
        """Retrieve what is missing of a study's radiographs, and of the patient's earlier ones.

        Earlier studies come first, so that they are submitted first; the study is compared with the latest of them.

        Args:
            priors: how many earlier studies with a chest radiograph are wanted.

        Raises:
            DicomWebError: the server can no longer be used.
            ListenError: the disk cannot be written.
        """
        counts = _Counts()
        earlier = self._priors(study, priors, counts) if priors else []
        files = self._images(study, counts)
        if files and earlier:
            self._arrivals.ledger.compare(files[0].name, [path.name for path in earlier[0]])
        key = patient_key(self._salt, study.patient_id, study.issuer)
        return PulledStudy(key, files, tuple(earlier), counts.stored, counts.skipped, counts.refused, counts.failed)

    def _priors(self, study: FoundStudy, count: int, counts: _Counts) -> list[tuple[Path, ...]]:
        """Return images of the patient's studies before this one, newest first."""
        wanted = _earlier(study)
        if wanted is None:
            message = "No earlier studies are looked for: the server does not say whose the study is, or of when."
            self._tell(Told("no_priors", message=message))
            return []
        earlier = [
            one
            for one in self.find(wanted)
            if one.uid != study.uid and _same_patient(one, study) and _moment(one) < _moment(study)
        ]
        found: list[tuple[Path, ...]] = []
        for one in reversed(earlier[-count * MOST_LOOKED_AT :]):
            if len(found) == count:
                break
            if files := self._images(one, counts):
                found.append(files)
        return found

    def _images(self, study: FoundStudy, counts: _Counts) -> tuple[Path, ...]:
        try:
            images = [one for one in self._server.images(study) if one.sop_class in STORAGE]
        except DicomWebError as error:
            self._failed(error, counts)
            return ()
        files = [self._image(one, counts) for one in images]
        return tuple(path for path in files if path is not None)

    def _image(self, image: FoundImage, counts: _Counts) -> Path | None:
        """Return where an image lies, retrieving it if it is not here."""
        if (here := self._here(image)) is not None or self._refused_before(image):
            counts.skipped += 1
            return here
        started = time.monotonic()
        try:
            taken = self._server.fetch(
                image, lambda pieces: self._arrivals.take(pieces, announced=(image.sop_class, image.instance))
            )
        except DicomWebError as error:
            self._failed(error, counts)
            return None
        if taken.code in _DISK:
            raise ListenError(f"The inbox cannot be written: {taken.reason}", hint="Make room, and run this again.")
        self._note(image, taken, counts)
        kind = "received" if taken.kept else "refused"
        self._tell(Told(kind, self._server.host, taken.code, taken.reason, 1, taken.size, time.monotonic() - started))
        return self._here(image) if taken.kept else None

    def _note(self, image: FoundImage, taken: Taken, counts: _Counts) -> None:
        if taken.kept:
            counts.stored += 1
            return
        counts.refused += 1
        counts.failed |= taken.code not in _FOR_GOOD
        if taken.code in _FOR_GOOD:
            self._arrivals.ledger.look(self._key(image), taken.code)

    def _failed(self, error: DicomWebError, counts: _Counts) -> None:
        """Go on without one object; a server that can no longer be used ends the run.

        Raises:
            DicomWebError: such a server.
        """
        if error.code in (PullCode.UNREACHABLE, PullCode.REFUSED, PullCode.CERTIFICATE, PullCode.REDIRECTED):
            raise error
        counts.failed = True
        self._tell(Told("failed", self._server.host, error.code, str(error), 1))

    def _here(self, image: FoundImage) -> Path | None:
        known = self._arrivals.ledger.find(self._arrivals.instance_key(image.instance))
        path = self._arrivals.inbox / known.file if known else None
        return path if path and path.exists() else None

    def _refused_before(self, image: FoundImage) -> bool:
        return bool(self._arrivals.ledger.looked_at(self._key(image)))

    def _key(self, image: FoundImage) -> str:
        return self._arrivals.key_of("refused", image.instance)


def _earlier(study: FoundStudy) -> Wanted | None:
    """Return what asks for the patient's studies up to this one's day; None where that cannot be asked."""
    if not study.patient_id or not study.date:
        return None
    try:
        return Wanted(patient=study.patient_id, dates=f"-{study.date}")
    except UsageError:  # an id with wildcards in it would find others
        return None


def _may_be_radiograph(study: FoundStudy) -> bool:
    return not study.modalities or not RADIOGRAPHY.isdisjoint(study.modalities) or "OT" in study.modalities


def _same_patient(one: FoundStudy, other: FoundStudy) -> bool:
    issuers = {one.issuer, other.issuer} - {""}  # two hospitals may give the same id
    return one.patient_id == other.patient_id and len(issuers) <= 1


def _moment(study: FoundStudy) -> tuple[str, str]:
    return study.date, study.time
