"""The gates before and after decoding: what is refused, with which code, and what only earns a warning."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless

from radrag.dicom.greys import Greys
from radrag.dicom.header import Header, first_item, number, text
from radrag.domain import DraftWarning, View
from radrag.errors import RefusalCode, StudyRefused

# Limits. The largest flat-panel detectors give about 4300 × 5400 pixels; 64 million leave room for stitched films.
MIN_SIDE = 64
MAX_SIDE = 20_000
MAX_PIXELS = 64_000_000
MAX_ASPECT = 4.0  # long side over short side; detectors and cut-out PNGs stay below 2
LOW_RESOLUTION_SIDE = 512  # pixels of the longer side; below, small nodules and thin pleural lines are lost
LOW_CONTRAST_SPREAD = 0.15  # of the display range, between the 5th and 95th percentile
COLOUR_SPREAD = 24  # of 255: more between the channels of a pixel is colour; JPEG noise on grey stays below
COLOUR_SHARE = 0.05  # of all pixels; below, it is a coloured mark on a grey film

# Encodings with a decoder here. Others (MPEG, JPIP, JPEG XL) are refused by name.
SYNTAXES = {
    "1.2.840.10008.1.2": "Implicit VR Little Endian",
    "1.2.840.10008.1.2.1": "Explicit VR Little Endian",
    "1.2.840.10008.1.2.1.99": "Deflated Explicit VR Little Endian",
    "1.2.840.10008.1.2.2": "Explicit VR Big Endian",
    "1.2.840.10008.1.2.5": "RLE Lossless",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless SV1",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS Near-lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.201": "HTJ2K Lossless",
    "1.2.840.10008.1.2.4.202": "HTJ2K Lossless RPCL",
    "1.2.840.10008.1.2.4.203": "HTJ2K",
}
_LOSSY = {JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless}

# PS3.3 C.7.3.1.1.1. DR is no defined term but written by some devices; OT and none are secondary captures.
RADIOGRAPHY = {"CR", "DX", "RG", "DR"}
_UNSPECIFIC = {"", "OT", "SC"}
# SOP classes that are no radiograph whatever the modality says (CT, MR, US, NM, PET, MG, IO, XA, RF).
_OTHER_SOP_CLASS = re.compile(
    r"^1\.2\.840\.10008\.5\.1\.4\.1\.1\.(?:2|4|6|20|128|1\.2|1\.3|12\.1|12\.2|3\.1|77\.1\.\d)(?:\.|$)"
)
_CHEST = re.compile(
    # not the thoracic spine ("thoracolumbar", "Brustwirbelsäule")
    r"(?<![a-z])(?:chest|cxr|thora(?!co\W?lumb)\w*\b(?!\W*(?:and|&)?\W*(?:lumbar\W*)?(?:spin|vert))|torax|lung|heart|"
    r"cardiac|ribs?|rib ?cage|brust(?!wirbel)|pulmo)",
    re.I,
)
_RIBS = re.compile(r"(?<![a-z])rib", re.I)
# Body parts of PS3.16 annex L and the words that descriptions use for them. No wildcards: refusals quote the match,
# and free text may hold names.
_ELSEWHERE = re.compile(
    r"(?<![a-z])(?:abd|abdomen|abdominal|kub|pelvis|hips?|femur|thigh|knees?|patella|legs?|lower ?leg|tib\s?fib|tibia|"
    r"fibula|ankles?|foot|feet|toes?|heel|calcaneus|extremity|shoulders?|clavicle|scapula|humerus|upper ?arm|elbows?|"
    r"forearm|ulna|radius|wrists?|hands?|fingers?|thumb|skull|head|face|facial|orbits?|sinus(?:es)?|jaw|mandible|teeth|"
    r"dental|neck|\w?\W?spine|thoraco\W?lumbar|vertebrae?|(?:hals|brust|lenden)?wirbel(?:säule)?|cervical|lumbar|sacrum|coccyx|"
    r"breast|mammo(?:graphy|gram)?|whole ?body)(?![a-z])",
    re.I,
)
_DESCRIPTIONS = ("SeriesDescription", "ProtocolName", "StudyDescription", "AcquisitionDeviceProcessingDescription")


def check_header(header: Header, path: str) -> tuple[DraftWarning, ...]:
    """Let a DICOM header through, with warnings, or refuse its file; nothing is decoded.

    Raises:
        StudyRefused: wrong modality, not a chest, several frames, no or cut-off pixel data, unsupported encoding,
            impossible dimensions or bit depth.
    """
    _check_modality(header, path)
    warnings = _check_body_part(header, path)
    dataset = header.dataset
    if (number(dataset, "NumberOfFrames") or 1) > 1:
        raise StudyRefused(RefusalCode.MULTI_FRAME, path, "the file holds several frames; radrag reads single images.")
    if not header.has_pixels:
        if header.cut_off:
            raise StudyRefused(RefusalCode.TRUNCATED, path, "the file ends within its header.", hint="Copy it again.")
        raise StudyRefused(RefusalCode.NO_PIXEL_DATA, path, "the file has no pixel data.")
    if header.transfer_syntax not in SYNTAXES:
        message = f"transfer syntax {_uid(header.transfer_syntax)} has no decoder here."
        raise StudyRefused(
            RefusalCode.UNSUPPORTED_SYNTAX, path, message, hint="Convert it to Explicit VR Little Endian."
        )
    _check_bits(header, path)
    check_dimensions(number(dataset, "Rows") or 0, number(dataset, "Columns") or 0, path)
    if header.cut_off:
        raise StudyRefused(RefusalCode.TRUNCATED, path, "the pixel data ends too early.", hint="Copy the file again.")
    return warnings + _remarks(header)


def check_dimensions(rows: float, columns: float, path: str) -> None:
    """Refuse sizes that no chest radiograph has, before any memory is taken for them.

    Raises:
        StudyRefused: with BAD_DIMENSIONS.
    """
    short, long = sorted((rows, columns))
    if short < MIN_SIDE or long > MAX_SIDE or rows * columns > MAX_PIXELS:
        message = f"{rows:.0f} × {columns:.0f} pixels; sides from {MIN_SIDE} to {MAX_SIDE} and up to "
        raise StudyRefused(RefusalCode.BAD_DIMENSIONS, path, f"{message}{MAX_PIXELS // 10**6} million pixels are read.")
    if long > MAX_ASPECT * short:
        message = f"{rows:.0f} × {columns:.0f} pixels is too narrow for a chest radiograph."
        raise StudyRefused(RefusalCode.BAD_DIMENSIONS, path, message)


def check_varied(low: float, high: float, path: str) -> None:
    """Refuse an image whose pixels, padding aside, all have one value.

    Raises:
        StudyRefused: with CONSTANT_IMAGE.
    """
    if not high > low:
        raise StudyRefused(RefusalCode.CONSTANT_IMAGE, path, "all pixels have the same value.")


def to_grey(rgb: npt.NDArray[Any], path: str) -> tuple[npt.NDArray[Any], tuple[DraftWarning, ...]]:
    """Return the one channel of an image that is grey in three.

    Args:
        rgb: uint8 or uint16 [rows, columns, 3].
        path: for the refusal.

    Returns:
        [rows, columns] of the same type, and a warning where marks are coloured.

    Raises:
        StudyRefused: with COLOUR_PHOTOGRAPH, more than 5 % of the pixels have a colour.
    """
    limit = COLOUR_SPREAD if rgb.dtype == np.uint8 else COLOUR_SPREAD * 257
    red, green, blue = (rgb[..., channel] for channel in range(3))
    high = np.maximum(np.maximum(red, green), blue)
    low = np.minimum(np.minimum(red, green), blue)
    share = float(np.mean((high - low) > limit))
    if share > COLOUR_SHARE:
        message = "this is a colour picture, not a radiograph."
        raise StudyRefused(RefusalCode.COLOUR_PHOTOGRAPH, path, message)
    marks = (DraftWarning("colour_marks", "The image has coloured marks; they are shown grey."),) if share else ()
    return np.ascontiguousarray(green), marks


def image_warnings(shown: Greys, view: View, rows: int, columns: int) -> tuple[DraftWarning, ...]:
    """Return what the decoded image calls for: low resolution, low contrast, projection not known.

    Args:
        shown: display image.
        view: its projection.
        rows, columns: size of the original matrix.
    """
    warnings = []
    if max(rows, columns) < LOW_RESOLUTION_SIDE:
        message = f"The image has only {rows} × {columns} pixels; small findings cannot be seen."
        warnings.append(DraftWarning("low_resolution", message))
    low, high = shown[::4, ::4].percentiles((5, 95))
    if high - low < LOW_CONTRAST_SPREAD:
        warnings.append(DraftWarning("low_contrast", "The image has very little contrast."))
    if view is View.UNKNOWN:
        warnings.append(DraftWarning("view_unknown", "Neither header nor file name tells the projection."))
    return tuple(warnings)


def _check_modality(header: Header, path: str) -> None:
    modality = text(header.dataset, "Modality").upper()
    if modality not in RADIOGRAPHY | _UNSPECIFIC:
        known = modality if re.fullmatch(r"[A-Z]{2,16}", modality) else "not a known one"
        message = f"modality is {known}; radrag reads radiographs (CR, DX, RG)."
        raise StudyRefused(RefusalCode.WRONG_MODALITY, path, message)
    if modality in _UNSPECIFIC and _OTHER_SOP_CLASS.match(text(header.dataset, "SOPClassUID")):
        message = "the SOP class is not one of radiographs (CR, DX, secondary capture)."
        raise StudyRefused(RefusalCode.WRONG_MODALITY, path, message)


def _check_body_part(header: Header, path: str) -> tuple[DraftWarning, ...]:
    """Believe the body part; where there is none, the region and the descriptions; where nothing speaks, warn."""
    dataset = header.dataset
    body_part = _words(text(dataset, "BodyPartExamined"))
    region = _words(text(first_item(dataset, "AnatomicRegionSequence"), "CodeMeaning"))
    description = _words(" | ".join(text(dataset, keyword) for keyword in _DESCRIPTIONS))
    for source in (body_part, region, description):
        if _RIBS.search(source):
            message = "The header says ribs: a rib exposure shows lungs and heart otherwise than a chest film."
            return (DraftWarning("rib_technique", message),)
        if _CHEST.search(source):
            if _ELSEWHERE.search(description) and not _CHEST.search(description):
                message = "Body part says chest, but the description names another region."
                return (DraftWarning("body_part_conflict", message),)
            return ()
        if elsewhere := _ELSEWHERE.search(source):
            message = f"the header names another body part than the chest ({elsewhere[0].lower()})."
            raise StudyRefused(RefusalCode.NOT_CHEST, path, message)
    return (DraftWarning("body_part_unknown", "The header does not say that this is a chest radiograph."),)


def _words(value: str) -> str:
    """Set underscores to blanks: "T_SPINE" and "T SPINE" are the same to the patterns."""
    return value.replace("_", " ")


def _check_bits(header: Header, path: str) -> None:
    allocated = number(header.dataset, "BitsAllocated") or 0
    stored = number(header.dataset, "BitsStored", allocated) or 0
    high = number(header.dataset, "HighBit", stored - 1)
    samples = number(header.dataset, "SamplesPerPixel", 1)
    signed = number(header.dataset, "PixelRepresentation", 0)
    depth_ok = allocated in {8, 16, 32} and 1 <= stored <= min(16, allocated)
    if (
        not depth_ok
        or high is None
        or not stored - 1 <= high < allocated
        or samples not in {1, 3}
        or signed not in {0, 1}
    ):
        message = "bits allocated, bits stored, high bit or samples per pixel do not fit together."
        raise StudyRefused(RefusalCode.BAD_HEADER, path, message)


def _remarks(header: Header) -> tuple[DraftWarning, ...]:
    dataset, warnings = header.dataset, []
    if text(dataset, "LossyImageCompression") == "01" or header.transfer_syntax in _LOSSY:
        warnings.append(DraftWarning("lossy_compression", "The image was compressed with loss."))
    if text(dataset, "BurnedInAnnotation").upper() == "YES":
        message = "The header says that text is burned into the pixels; it may name the patient."
        warnings.append(DraftWarning("burned_in_annotation", message))
    if text(dataset, "PresentationIntentType").upper() == "FOR PROCESSING":
        message = "This is raw detector data (FOR PROCESSING); ask for the image meant for presentation."
        warnings.append(DraftWarning("for_processing", message))
    return tuple(warnings)


def _uid(value: str) -> str:
    return value if re.fullmatch(r"[0-9.]{1,64}", value) else "(unreadable)"
