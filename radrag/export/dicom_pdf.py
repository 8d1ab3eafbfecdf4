"""The printed report as DICOM Encapsulated PDF (PS3.3 A.45.1), for viewers that show no structured reports."""

from __future__ import annotations

from pydicom.sequence import Sequence
from pydicom.uid import EncapsulatedPDFStorage

from radrag.export.codes import Coded
from radrag.export.content import coded
from radrag.export.dicom_document import document, to_bytes
from radrag.export.outgoing import Outgoing
from radrag.export.wording import TITLE, UNSIGNED_MARK

KIND = "pdf"


def report_to_dicom_pdf(outgoing: Outgoing) -> bytes:
    """Return the report as a DICOM file that holds a PDF.

    Raises:
        MissingDependency: reportlab or pymupdf-fonts is not installed.
    """
    made = document(
        outgoing,
        kind=KIND,
        sop_class_uid=EncapsulatedPDFStorage,
        modality="DOC",
        series_number=9903,
        description="Report as PDF",
    )
    made.ConversionType = "WSD"  # workstation
    made.AcquisitionDateTime = ""
    made.BurnedInAnnotation = "YES" if outgoing.identity.known else "NO"
    made.VerificationFlag = "VERIFIED" if outgoing.signed else "UNVERIFIED"
    made.DocumentTitle = TITLE if outgoing.signed else f"{TITLE} ({UNSIGNED_MARK}, unverified)"
    made.ConceptNameCodeSequence = Sequence([coded(Coded("18748-4", "LN", "Diagnostic Imaging Report"))])
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    pdf = outgoing.pdf
    made.EncapsulatedDocumentLength = len(pdf)
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return to_bytes(made)
