"""A radiograph's header without its patient: PS3.15 annex E, Basic Application Level Confidentiality Profile."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.uid import UID, ExplicitVRLittleEndian

from radrag import __version__
from radrag.dicom.boundary import DECODER_ERRORS
from radrag.dicom.header import text, texts
from radrag.dicom.kept_attributes import (
    CODED,
    CODES,
    DATES,
    DIGITS,
    EMPTIED,
    EMPTIED_DX,
    MOST,
    NUMBERS,
    ORIENTATION,
    TABLES,
    TERMS,
    UIDS,
)

METHOD = f"radrag {__version__}: PS3.15 E.1, keep-list"
LONGEST_SHIFT = 3650  # days
_DIGITAL_X_RAY = "1.2.840.10008.5.1.4.1.1.1.1"
_PROFILE = ("113100", "Basic Application Confidentiality Profile")  # PS3.16 CID 7050
_CLEAN_PIXELS = ("113101", "Clean Pixel Data Option")
_MODIFIED_DATES = ("113107", "Retain Longitudinal Temporal Information Modified Dates Option")


class Dates(StrEnum):
    """What becomes of dates. Times go in any case."""

    REMOVE = "remove"
    SHIFT = "shift"  # earlier by 1 to 3650 days, the same for all of a patient's


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """New names for old ones: the same for the same, and not to be guessed without the secret.

    Attributes:
        secret: the workspace's salt; whoever has it can find who a known patient became.
    """

    secret: str

    def uid(self, uid: str) -> str:
        """Return a new UID, under the root for such (PS3.5 B.2)."""
        return f"2.25.{int.from_bytes(self._digest('uid', uid)[:16], 'big')}"

    def patient(self, patient_id: str, issuer: str) -> str:
        """Return a new Patient ID; it has nothing to do with the patient key."""
        return f"anonymous-{self._digest('patient', issuer, patient_id).hex()[:12]}"

    def shift(self, patient_id: str, issuer: str) -> timedelta:
        """Return by how much a patient's dates move back."""
        drawn = int.from_bytes(self._digest("dates", issuer, patient_id)[:8], "big")
        return timedelta(days=1 + drawn % LONGEST_SHIFT)

    def _digest(self, *parts: str) -> bytes:
        return hmac.digest(self.secret.encode(), "\0".join(("deidentify", *parts)).encode(), hashlib.sha256)


def without_identity(
    dataset: Dataset, pseudonyms: Pseudonyms, *, dates: Dates = Dates.REMOVE, cleaned: bool = False
) -> Dataset:
    """Return a new data set with what may be kept, without pixel data, and with file meta information of its own.

    Args:
        dataset: of an image; read only.
        cleaned: whether burned-in text was looked for and blanked.
    """
    new = _kept(dataset)
    for keyword in UIDS:
        if uid := text(dataset, keyword):
            setattr(new, keyword, pseudonyms.uid(uid))
    new.SOPClassUID = UID(text(dataset, "SOPClassUID"))
    person = (text(dataset, "PatientID") or text(dataset, "StudyInstanceUID"), text(dataset, "IssuerOfPatientID"))
    named = pseudonyms.patient(*person)
    new.PatientID, new.PatientName = named, f"Anonymous^{named.rpartition('-')[2]}"
    for keyword in CODED:
        _code(dataset, new, keyword)
    if dates is Dates.SHIFT:
        _shift_dates(dataset, new, pseudonyms.shift(*person))
    digital = new.SOPClassUID.startswith(_DIGITAL_X_RAY)
    for keyword in (*EMPTIED, *(EMPTIED_DX if digital else ())):
        if keyword in dataset and keyword not in new:
            setattr(new, keyword, [] if keyword.endswith("Sequence") else "")
    if cleaned:
        new.BurnedInAnnotation = "NO"
    elif (burned := text(dataset, "BurnedInAnnotation").upper()) in ("YES", "NO"):
        new.BurnedInAnnotation = burned  # what the device said
    _state(new, dates, cleaned=cleaned)
    new.file_meta = FileMetaDataset()
    new.file_meta.MediaStorageSOPClassUID = new.SOPClassUID
    new.file_meta.MediaStorageSOPInstanceUID = new.SOPInstanceUID
    new.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return new


def _kept(dataset: Dataset) -> Dataset:
    """Return numbers, terms and tables, each value written anew, of the type that the standard has for it."""
    new = Dataset()
    for keyword in sorted(NUMBERS):
        if keyword in dataset and (number := _number(dataset, keyword)) is not None:
            setattr(new, keyword, number)
    for keyword in sorted(TERMS.keys() | {"PatientOrientation"}):
        if terms := _terms(dataset, keyword):
            setattr(new, keyword, terms)
    for keyword in TABLES:
        items = [_table(item) for item in dataset.get(keyword) or ()]
        if items and all(item is not None for item in items):
            setattr(new, keyword, items)
    return new


def _table(item: Dataset) -> Dataset | None:
    """Return a lookup table, None for one with more or less data than it says."""
    new = Dataset()
    descriptor, data = _number(item, "LUTDescriptor"), item.get("LUTData")
    if not isinstance(descriptor, list) or len(descriptor) != 3 or data is None:
        return None
    written = data if isinstance(data, bytes) else np.asarray(data).astype("<u2").tobytes()
    entries = descriptor[0] or 2**16  # PS3.3 C.11.1.1
    if len(written) not in (2 * entries, entries + entries % 2):
        return None
    new.LUTDescriptor = descriptor
    new.add_new("LUTData", "OW", written)
    if terms := _terms(item, "ModalityLUTType"):
        new.ModalityLUTType = terms
    return new


def _number(dataset: Dataset, keyword: str) -> Any:
    """Return numbers, as text where they are kept so; None where any is none, or is too long to be harmless."""
    try:
        value = dataset[keyword].value
        several = isinstance(value, MultiValue | list | tuple)
        found = [_plain(one) for one in (value if several else [value])]
    except DECODER_ERRORS:
        return None
    if not found or any(one is None for one in found):
        return None
    written = list(map(str, found)) if dictionary_VR(keyword) in ("DS", "IS") else found
    return written if several else written[0]


def _plain(value: object) -> int | float | None:
    number = float(str(value))
    if not math.isfinite(number) or abs(number) >= MOST:
        return None
    return int(number) if number == int(number) else float(f"{number:.{DIGITS}g}")


def _terms(dataset: Dataset, keyword: str) -> Sequence[str] | None:
    values = [one.upper() for one in texts(dataset, keyword)] if keyword in dataset else []
    if keyword == "PatientOrientation":
        return values if values and all(map(ORIENTATION.fullmatch, values)) else None
    if keyword == "ImageType":  # PS3.3 C.7.6.1.1.2: two values at least; further ones are free
        values = values[:2]
    return values if values and TERMS[keyword].issuperset(values) else None


def _code(dataset: Dataset, new: Dataset, keyword: str) -> None:
    """Copy a code that is known, in the standard's words."""
    items = dataset.get(keyword)
    value = text(items[0], "CodeValue") if items else ""
    if value in CODES:
        setattr(new, keyword, [_item(value, *CODES[value])])


def _item(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _shift_dates(dataset: Dataset, new: Dataset, shift: timedelta) -> None:
    for keyword in DATES:
        try:
            day = date.fromisoformat(text(dataset, keyword))
            setattr(new, keyword, f"{day - shift:%Y%m%d}")
        except (ValueError, OverflowError):  # no date: it goes
            continue


def _state(new: Dataset, dates: Dates, *, cleaned: bool) -> None:
    """Say what was done (PS3.15 E.1.1, PS3.3 C.7.1.1 and C.12.1)."""
    shifted = dates is Dates.SHIFT
    new.PatientIdentityRemoved = "YES"
    new.DeidentificationMethod = METHOD
    done = [_PROFILE, *([_CLEAN_PIXELS] if cleaned else []), *([_MODIFIED_DATES] if shifted else [])]
    new.DeidentificationMethodCodeSequence = [_item(value, "DCM", meaning) for value, meaning in done]
    new.LongitudinalTemporalInformationModified = "MODIFIED" if shifted else "REMOVED"
