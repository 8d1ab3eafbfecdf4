"""What every DICOM document of a report has: patient, study, series, equipment, state, references (PS3.3 A.35)."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import datetime

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from radrag.domain import Signature
from radrag.export.codes import OWN_SCHEME, Coded
from radrag.export.content import coded
from radrag.export.identity import ImageReference
from radrag.export.outgoing import Outgoing
from radrag.export.plain import moment, uid_of

UNNAMED = "not named"
_LONGEST_NAME = 63  # PN, a component group (PS3.5 table 6.2-1)


def document(
    outgoing: Outgoing, *, kind: str, sop_class_uid: str, modality: str, series_number: int, description: str
) -> Dataset:
    """Return a document with everything but its content.

    Args:
        kind: by which its UIDs differ from those of the report's other documents.
        description: of the series, which holds all versions and so says nothing of their state.
    """
    who, issued = outgoing.identity, outgoing.issued_at
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID = sop_class_uid
    made.SOPInstanceUID = outgoing.uid(kind)
    made.InstanceCreationDate, made.InstanceCreationTime = _date(issued), _time(issued)
    made.PatientName, made.PatientID = who.patient_name, who.patient_id
    if who.issuer:
        made.IssuerOfPatientID = who.issuer
    made.PatientBirthDate, made.PatientSex = who.birth_date, who.sex
    made.StudyInstanceUID = who.study_instance_uid
    made.StudyDate, made.StudyTime, made.StudyID = who.study_date, who.study_time, who.study_id
    made.AccessionNumber, made.ReferringPhysicianName = who.accession, who.referring_physician
    if who.study_description:
        made.StudyDescription = who.study_description
    made.Modality = modality
    made.SeriesInstanceUID = series_uid(outgoing, kind)
    made.SeriesNumber = series_number
    made.SeriesDescription = description
    _add_equipment(made, outgoing)
    made.InstanceNumber = outgoing.version + 1
    made.ContentDate, made.ContentTime = _date(issued), _time(issued)
    made.CodingSchemeIdentificationSequence = Sequence([_own_scheme()])
    return made


def series_uid(outgoing: Outgoing, kind: str) -> str:
    """Return the UID of the series that holds all versions of one kind of document."""
    return uid_of("series", outgoing.draft.draft_id, kind, outgoing.identity.known)


def add_state(made: Dataset, outgoing: Outgoing, *, kind: str, verified: bool) -> None:
    """Add who verified the document, if anyone did, and which versions it follows (PS3.3 C.17.2).

    Args:
        verified: whether a reader answers for the document's content.
    """
    made.CompletionFlag = "COMPLETE" if verified else "PARTIAL"
    made.PreliminaryFlag = "FINAL" if verified else "PRELIMINARY"
    made.VerificationFlag = "VERIFIED" if verified else "UNVERIFIED"
    signatures = outgoing.report.signatures
    if verified:
        made.VerifyingObserverSequence = Sequence(
            [_observer(one, outgoing.sender.institution) for one in signatures if one.state.signed]
        )
    earlier = [
        _instance(made.SOPClassUID, outgoing.uid(kind, one.version))
        for one in signatures
        if one.version < outgoing.version
    ]
    if earlier:
        made.PredecessorDocumentsSequence = Sequence([_study_item(outgoing, [(series_uid(outgoing, kind), earlier)])])


def add_evidence(made: Dataset, outgoing: Outgoing) -> None:
    """List every image of the study (PS3.3 C.17.2.3)."""
    series: dict[str, list[Dataset]] = {}
    for image in outgoing.identity.images:
        item = _instance(image.sop_class_uid, image.sop_instance_uid)
        series.setdefault(image.series_instance_uid, []).append(item)
    if series:
        made.CurrentRequestedProcedureEvidenceSequence = Sequence([_study_item(outgoing, series.items())])


def add_request(made: Dataset, outgoing: Outgoing) -> None:
    """Name the order that the report answers, where its accession number is known (PS3.3 C.17.2)."""
    if not outgoing.identity.accession:
        return
    item = Dataset()
    item.StudyInstanceUID = outgoing.identity.study_instance_uid
    item.AccessionNumber = outgoing.identity.accession
    item.ReferencedStudySequence = Sequence([])
    item.RequestedProcedureCodeSequence = Sequence([])
    item.RequestedProcedureDescription = outgoing.identity.study_description
    for keyword in (
        "RequestedProcedureID",
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
    ):
        setattr(item, keyword, "")
    made.ReferencedRequestSequence = Sequence([item])


def image_of(outgoing: Outgoing, place: int) -> ImageReference | None:
    """Return the reference to the study's image at a place, or None where it is no DICOM file at hand."""
    images = outgoing.draft.study.images
    wanted = images[place].sop_instance_uid if place < len(images) else ""
    return next((one for one in outgoing.identity.images if one.sop_instance_uid == wanted), None)


def person_name(name: str) -> str:
    """Return a name as the first component of a DICOM person name: which part is the family's is not known."""
    bare = "".join(" " if letter in "\\^=" else letter for letter in name)[:_LONGEST_NAME].strip()
    return f"{bare}^"  # without the mark it would have the form of ACR-NEMA, which is retired


def dicom_time(at: datetime) -> str:
    """Return a time in UTC as DICOM DT."""
    return f"{at:%Y%m%d%H%M%S}+0000"


def to_bytes(made: Dataset) -> bytes:
    """Return a document as the bytes of a DICOM file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = made.SOPClassUID
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta = meta
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _add_equipment(made: Dataset, outgoing: Outgoing) -> None:
    algorithm, sender = outgoing.algorithm, outgoing.sender
    made.Manufacturer = made.ManufacturerModelName = algorithm.name
    made.SoftwareVersions = algorithm.version
    made.DeviceSerialNumber = uid_of("algorithm", algorithm.name, algorithm.version)
    if sender.institution:
        made.InstitutionName = _one_value(sender.institution)
    if sender.department:
        made.InstitutionalDepartmentName = _one_value(sender.department)
    equipment = Dataset()
    equipment.Manufacturer = equipment.ManufacturerModelName = algorithm.name
    equipment.SoftwareVersions = algorithm.version
    equipment.ContributionDateTime = dicom_time(outgoing.drafted_at)
    equipment.ContributionDescription = "Drafted the report"
    purpose = Coded("109102", "DCM", "Processing Equipment")  # CID 7005
    equipment.PurposeOfReferenceCodeSequence = Sequence([coded(purpose)])
    made.ContributingEquipmentSequence = Sequence([equipment])


def _observer(signature: Signature, institution: str) -> Dataset:
    item = Dataset()
    item.VerifyingObserverName = person_name(signature.name)
    item.VerifyingOrganization = _one_value(institution) or UNNAMED
    item.VerificationDateTime = dicom_time(moment(signature.at))
    item.VerifyingObserverIdentificationCodeSequence = Sequence([])
    return item


def _instance(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def _study_item(outgoing: Outgoing, series: Iterable[tuple[str, list[Dataset]]]) -> Dataset:
    study = Dataset()
    study.StudyInstanceUID = outgoing.identity.study_instance_uid
    study.ReferencedSeriesSequence = Sequence([])
    for uid, instances in series:
        item = Dataset()
        item.SeriesInstanceUID = uid
        item.ReferencedSOPSequence = Sequence(instances)
        study.ReferencedSeriesSequence.append(item)
    return study


def _own_scheme() -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator = OWN_SCHEME
    item.CodingSchemeName = "radrag findings and evidence"
    item.CodingSchemeResponsibleOrganization = "radrag"
    return item


def _one_value(text: str) -> str:
    """Return text as one LO value: 64 letters, and no backslash, which parts values (PS3.5 table 6.2-1)."""
    return text.replace("\\", "/")[:64]


def _date(at: datetime) -> str:
    return f"{at:%Y%m%d}"


def _time(at: datetime) -> str:
    return f"{at:%H%M%S}"
