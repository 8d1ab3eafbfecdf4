"""Reports, images and identities for tests of exports, written for the purpose."""

from dataclasses import replace
from datetime import datetime

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from radrag.dicom.deidentify import patient_key
from radrag.domain import (
    Acknowledgement,
    Draft,
    DraftSentence,
    EvidenceLink,
    Finding,
    ImageFinding,
    Polarity,
    Relation,
    Report,
    ReportState,
    Severity,
    Side,
    Signature,
    Status,
    Study,
    StudyImage,
    View,
)
from radrag.export.identity import read_identity, without_identity
from radrag.export.outgoing import Outgoing, Sender

SALT = "salt for tests"
SHA = "ab" * 32
PATIENT_ID = "PAT-0815"
ISSUER = "GENERAL"
NAME = "Doe^Jane^Q"
BIRTH = "19550102"
ACCESSION = "ACC-4711"
REFERRER = "Roe^Richard"
STUDY_UID = "1.2.826.0.1.3680043.8.498.1"
IMAGE_UIDS = ("1.2.826.0.1.3680043.8.498.1.1", "1.2.826.0.1.3680043.8.498.1.2")
SERIES_UIDS = ("1.2.826.0.1.3680043.8.498.2.1", "1.2.826.0.1.3680043.8.498.2.2")
SECRETS = (PATIENT_ID, "Doe", "Jane", BIRTH, "1955-01-02", ACCESSION, "Roe", "20260301", "2026-03-01")
SENDER = Sender("General Hospital", "Radiology")
CREATED = "2026-03-02T10:00:00.000000+00:00"
SIGNED = "2026-03-02T11:30:00.000000+00:00"


def link(case="iu-xray:CXR1", start=4, quote="Small left effusion.", relation=Relation.SUPPORTS, strength=0.87):
    """An evidence sentence."""
    return EvidenceLink(case, "findings", 1, start, start + len(quote), quote, relation, strength)


EFFUSION = Finding("Pleural Effusion", side=Side.LEFT, severity=Severity.MILD)
SENTENCES = (
    DraftSentence(
        "findings",
        "There is a small left pleural effusion.",
        Status.SUPPORTED,
        (EFFUSION,),
        (link(), link("iu-xray:CXR2", 0, "No effusion.", Relation.CONTRADICTS, 0.4)),
        ("Pleural Effusion",),
    ),
    DraftSentence(
        "findings",
        "No pneumothorax.",
        Status.PARTIAL,
        (Finding("Pneumothorax", Polarity.NEGATIVE),),
        (link("iu-xray:CXR3", 9, "No pneumothorax is seen."),),
    ),
    DraftSentence("findings", "A nodule may be present.", Status.UNSUPPORTED, (Finding("Nodule", Polarity.UNCERTAIN),)),
    DraftSentence("impression", "Small left effusion.", Status.SUPPORTED, (EFFUSION,), (link(),)),
)
IMAGE_FINDINGS = (
    ImageFinding("Pleural Effusion", 0.91, 0.5, True, (10.0, 40.0, 30.0, 60.0)),
    ImageFinding("Pneumothorax", 0.02, 0.5),
)


def write_image(path, number=0, **changes):
    """Write a small chest radiograph as DICOM; return its path."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": ComputedRadiographyImageStorage,
        "SOPInstanceUID": IMAGE_UIDS[number],
        "StudyInstanceUID": STUDY_UID,
        "SeriesInstanceUID": SERIES_UIDS[number],
        "SeriesNumber": number + 1,
        "InstanceNumber": 1,
        "Modality": "CR",
        "BodyPartExamined": "CHEST",
        "ViewPosition": ("PA", "LL")[number],
        "PatientName": NAME,
        "PatientID": PATIENT_ID,
        "IssuerOfPatientID": ISSUER,
        "PatientBirthDate": BIRTH,
        "PatientSex": "F",
        "PatientAge": "071Y",
        "StudyDate": "20260301",
        "StudyTime": "093000",
        "StudyID": "S1",
        "AccessionNumber": ACCESSION,
        "ReferringPhysicianName": REFERRER,
        "PhotometricInterpretation": "MONOCHROME2",
        "SamplesPerPixel": 1,
        "Rows": 128,
        "Columns": 96,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelSpacing": [0.5, 0.5],
        **changes,
    }
    for name, value in values.items():
        setattr(dataset, name, value)
    rows, columns = np.indices((128, 96))
    dataset.PixelData = (((rows * 41 + columns * 23 + number * 7) % 97) * 40).astype("<u2").tobytes()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path


def study(folder=None, images=2, **values):
    """A study; with a folder, its images lie there as DICOM files."""
    given = {
        "accession": ACCESSION,
        "patient_key": patient_key(SALT, PATIENT_ID, ISSUER),
        "sex": "F",
        "age": 71.0,
        "studied_at": "2026-03-01T09:30:00",
        "indication": "Cough.",
        **values,
    }
    held = []
    for number in range(images):
        path = str(write_image(folder / f"image{number}.dcm", number)) if folder else ""
        held.append(
            StudyImage(IMAGE_UIDS[number], (View.PA, View.LATERAL)[number], 128, 96, path=path, pixel_sha256=SHA)
        )
    return Study(STUDY_UID, tuple(held), **given)


def draft(of=None, sentences=SENTENCES, **values):
    """A draft."""
    return Draft(
        draft_id="5d3c0f6e9a1b4c2d8e7f001122334455",
        study=of or study(),
        sentences=tuple(sentences),
        omissions=(),
        hits=(),
        image_findings=IMAGE_FINDINGS,
        warnings=(),
        provenance={
            "radrag": "0.1.0",
            "encoder": {"name": "starter", "version": "1", "sha256": SHA},
            "index": {"id": "0123456789abcdef", "sha256": SHA, "size": 3955},
            "generator": {"name": "compose", "version": "1", "sha256": SHA, "parameters": {}},
            "created_at": CREATED,
        },
        **values,
    )


def signature(state, version=6, added="", text=None, *, sentences=SENTENCES, at=SIGNED):
    """A signature under the sentences."""
    sections = {}
    for one in sentences:
        sections.setdefault(one.section, []).append(one.text)
    said = text or {name: " ".join(texts) for name, texts in sections.items()}
    return Signature(version, at, "adams", "Dr. Ada Adams", state, said, added)


def report(state=ReportState.DRAFT, of=None, sentences=SENTENCES):
    """A report in a state, with the signatures that lead there."""
    final = signature(ReportState.FINAL, sentences=sentences)
    later = datetime.fromisoformat(SIGNED).replace(hour=15).isoformat()
    chains = {
        ReportState.DRAFT: (),
        ReportState.PRELIMINARY: (signature(ReportState.PRELIMINARY, sentences=sentences),),
        ReportState.FINAL: (final,),
        ReportState.ADDENDED: (final, signature(state, 7, "Discussed by telephone.", sentences=sentences, at=later)),
        ReportState.CORRECTED: (final, signature(state, 7, "Side was wrong.", sentences=sentences, at=later)),
    }
    signatures = chains[state]
    told = Acknowledgement("Pleural Effusion", "Dr. Berg", "telephone", "adams", SIGNED)
    version = signatures[-1].version if signatures else 0
    made = draft(of, sentences)
    return Report(made, state, version, tuple(sentences), signatures, (told,) if state.signed else ())


def outgoing(state=ReportState.DRAFT, folder=None, sentences=SENTENCES, restricted=(), **values):
    """A report on its way out: with a folder, of the patient in the images there; else without identity."""
    of = study(folder, **values)
    identity = read_identity(of, salt=SALT) if folder else without_identity(of)
    return Outgoing.of(report(state, of, sentences), identity, SENDER, restricted=restricted)


def with_sentences(one, *texts):
    """The outgoing report with other sentences, without evidence."""
    written = tuple(DraftSentence("findings", text, Status.UNSUPPORTED) for text in texts)
    signed = tuple(replace(each, text={"findings": " ".join(texts)}) for each in one.report.signatures)
    return Outgoing.of(replace(one.report, sentences=written, signatures=signed), one.identity, one.sender)
