"""What a de-identified radiograph may keep: numbers and terms without free text, listed by name; all else goes.

PS3.15 table E.1-1 lists what must go. New attributes, private ones and wrong uses are not on such a list, so this one
says what stays. Of the table's attributes only those stay that are replaced, or emptied where an image must have them.
"""

from __future__ import annotations

import re

from radrag.dicom.quality import RADIOGRAPHY

NUMBERS = frozenset(
    "SamplesPerPixel PlanarConfiguration Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation "  # noqa: SIM905
    "PixelPaddingValue PixelPaddingRangeLimit PixelAspectRatio PixelSpacing ImagerPixelSpacing "
    "NominalScannedPixelSpacing RescaleIntercept RescaleSlope WindowCenter WindowWidth PixelIntensityRelationshipSign "
    "SeriesNumber InstanceNumber LossyImageCompressionRatio "
    "KVP ExposureTime Exposure XRayTubeCurrent DistanceSourceToDetector DistanceSourceToPatient".split()
)
MOST = 10.0**6  # above, it may be a telephone or record number
DIGITS = 6  # significant ones of what is not whole

TERMS = {
    "Modality": RADIOGRAPHY | {"OT"},
    "PhotometricInterpretation": {"MONOCHROME1", "MONOCHROME2"},
    "ViewPosition": {"PA", "AP", "LL", "RL", "RLD", "LLD", "RLO", "LLO", "LATERAL", "LAT", "LLAT", "RLAT"},
    "ImageType": {"ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", ""},
    "Laterality": {"L", "R"},
    "DetectorType": {"DIRECT", "SCINTILLATOR", "STORAGE", "FILM"},
    "ImageLaterality": {"L", "R", "U", "B"},
    "PresentationIntentType": {"FOR PRESENTATION", "FOR PROCESSING"},
    "PresentationLUTShape": {"IDENTITY", "INVERSE"},
    "PixelIntensityRelationship": {"LIN", "LOG", "DISP"},
    "VOILUTFunction": {"LINEAR", "LINEAR_EXACT", "SIGMOID"},
    "RescaleType": {"US", "OD", "HU"},
    "ModalityLUTType": {"US", "OD", "HU"},
    "LossyImageCompression": {"00", "01"},
    "LossyImageCompressionMethod": {"ISO_10918_1", "ISO_14495_1", "ISO_15444_1"},
    "ConversionType": {"DV", "DI", "DF", "WSD", "SD", "SI", "DRW", "SYN"},
    "BodyPartExamined": {"CHEST", "THORAX", "RIB", "RIBS", "LUNG", "HEART"},
    "PatientPosition": {"ERECT", "SUPINE", "PRONE", "HFS", "HFP", "FFS", "FFP"},
}
"""Keyword → the defined terms that stay; an attribute with any other value goes."""

ORIENTATION = re.compile(r"[APRLHF]{0,3}")  # PS3.3 C.7.6.1.1.1

UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
"""Replaced by new ones, the same for the same."""

DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")

TABLES = ("ModalityLUTSequence", "VOILUTSequence")
"""Sequences of lookup tables, of which descriptor and data stay."""

CODES = {
    "272479007": ("SCT", "postero-anterior"),
    "R-10214": ("SRT", "postero-anterior"),
    "399348003": ("SCT", "antero-posterior"),
    "R-10206": ("SRT", "antero-posterior"),
    "399067008": ("SCT", "lateral"),
    "R-10236": ("SRT", "left lateral"),
    "399173006": ("SCT", "left lateral"),
    "R-10232": ("SRT", "right lateral"),
    "399198007": ("SCT", "right lateral"),
    "51185008": ("SCT", "Chest"),
    "T-D3000": ("SRT", "Chest"),
}
"""Code value → coding scheme and meaning, which are written anew (PS3.16 CID 4010, CID 4009)."""

CODED = ("ViewCodeSequence", "AnatomicRegionSequence")

EMPTIED = (
    "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "StudyID",
    "Manufacturer", "SeriesNumber", "InstanceNumber", "Laterality", "PatientOrientation", "ViewPosition",
    "BodyPartExamined", "ContentDate", "ContentTime",
)  # fmt: skip
"""Type 2 somewhere (PS3.3): left without a value where the image has them and they are not kept."""

EMPTIED_DX = ("AcquisitionContextSequence", "AnatomicRegionSequence", "DetectorType", "PositionerType")
"""Likewise, but in digital X-ray images alone (PS3.3 C.8.11); elsewhere such sequences have an item."""
