"""Whose report it is: read from the DICOM files of the study when a report leaves, and kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from radrag.dicom.boundary import DECODER_ERRORS, silence
from radrag.dicom.deidentify import patient_key
from radrag.dicom.header import looks_like_dicom, text
from radrag.domain import Study
from radrag.errors import ExportCode, ExportError

_HINT = "Bring the files back to where they were drafted from, or export with --without-identity."

_TAGS = [
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality",
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "StudyDescription", "ReferringPhysicianName",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A DICOM image that a report refers to."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    modality: str


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """Whose report it is, and of which DICOM images. Has no ``repr``: it must not get into a log.

    Attributes:
        known: whether it was read from the images; otherwise ``patient_id`` is the patient key, and names, birth
            date, accession number and the study's date are empty.
        patient_id, issuer: Patient ID and who gave it.
        patient_name: DICOM person name, components parted by ``^``.
        birth_date, study_date, study_time: DICOM DA and TM; empty when not told.
        sex: "M", "F", "O" or empty.
        images: of the study's DICOM images, in the order of ``Study.images``; empty for PNG and JPEG.
    """

    known: bool
    patient_id: str
    study_instance_uid: str
    issuer: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    accession: str = ""
    study_id: str = ""
    study_date: str = ""
    study_time: str = ""
    study_description: str = ""
    referring_physician: str = ""
    images: tuple[ImageReference, ...] = field(default=())


def read_identity(study: Study, *, salt: str) -> Identity:
    """Read whose study it is from the files of its images.

    Args:
        study: with the images' paths.
        salt: secret of the patient keys, by which the files are known to be of the patient who was drafted.

    Raises:
        ExportError: ``no_identity``: none of the files can be read as DICOM; ``other_patient``: one of them is of
            another patient or study than the draft. The message names neither.
    """
    headers = _headers(study)
    if not headers:
        raise ExportError(
            ExportCode.NO_IDENTITY,
            "None of the study's image files can be read any more, and nothing else says whose it is.",
            hint=_HINT,
        )
    for header in headers:
        key = patient_key(salt, text(header, "PatientID"), text(header, "IssuerOfPatientID"))
        other = text(header, "StudyInstanceUID") not in ("", study.study_instance_uid)
        if key != study.patient_key or other:
            raise ExportError(
                ExportCode.OTHER_PATIENT,
                "An image file is not of the patient and study that were drafted.",
                hint="The files were changed, or the workspace's patient salt was. Draft the study anew.",
            )
    first = headers[0]
    return Identity(
        known=True,
        patient_id=text(first, "PatientID"),
        study_instance_uid=study.study_instance_uid,
        issuer=text(first, "IssuerOfPatientID"),
        patient_name=_person(first, "PatientName"),
        birth_date=_digits(text(first, "PatientBirthDate"), 8),
        sex=study.sex,
        accession=text(first, "AccessionNumber"),
        study_id=text(first, "StudyID"),
        study_date=_digits(text(first, "StudyDate"), 8),
        study_time=_time(text(first, "StudyTime")),
        study_description=text(first, "StudyDescription"),
        referring_physician=_person(first, "ReferringPhysicianName"),
        images=tuple(_reference(header) for header in headers),
    )


def without_identity(study: Study) -> Identity:
    """Return what may be said without saying whose study it is: the patient key, sex, and the images' UIDs."""
    return Identity(
        known=False,
        patient_id=study.patient_key,
        study_instance_uid=study.study_instance_uid,
        sex=study.sex,
        images=tuple(_reference(header) for header in _headers(study)),
    )


def _headers(study: Study) -> list[Dataset]:
    """Return the headers of those files that are still there and hold the image that was drafted."""
    found: list[Dataset] = []
    for image in study.images:
        path = Path(image.path)
        if not image.path or not path.is_file():
            continue
        try:
            with silence:  # pydicom's warnings quote header values
                if not looks_like_dicom(path):
                    continue
                header = dcmread(
                    path, stop_before_pixels=True, specific_tags=_TAGS, force=True
                )  # some have no preamble
        except DECODER_ERRORS:
            continue
        if text(header, "SOPInstanceUID") == image.sop_instance_uid and text(header, "SOPClassUID"):
            found.append(header)
    return found


def _reference(header: Dataset) -> ImageReference:
    return ImageReference(
        text(header, "SOPClassUID"),
        text(header, "SOPInstanceUID"),
        text(header, "SeriesInstanceUID"),
        text(header, "Modality"),
    )


def _person(header: Dataset, keyword: str) -> str:
    """Return a person name as the header writes it; a name iterates over its letters, so it is no list of values."""
    try:
        return str(header.get(keyword) or "").replace("\0", "").strip()
    except DECODER_ERRORS:  # bytes that are not of the character set
        return ""


def _digits(value: str, length: int) -> str:
    """Return a DICOM date without the dots of ACR-NEMA; empty for anything that is no date."""
    bare = value.replace(".", "").replace("-", "")
    return bare if len(bare) == length and bare.isdigit() else ""


def _time(value: str) -> str:
    """Return a DICOM time; empty for anything that is none."""
    whole, _, fraction = value.replace(":", "").partition(".")
    good = whole.isdigit() and len(whole) in (2, 4, 6) and (not fraction or fraction.isdigit())
    return value.replace(":", "") if good else ""
