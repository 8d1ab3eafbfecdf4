"""A DICOM file's header, read in little memory and with patience for what devices write into it."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_file_meta_info
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from radrag.dicom.boundary import DECODER_ERRORS
from radrag.errors import RefusalCode, StudyRefused

PIXEL_DATA = 0x7FE00010
_FIRST_PIXEL_TAG = 0x7FE00008  # Float Pixel Data; Double Float is 0009, Pixel Data 0010
MAX_INFLATED_BYTES = 512 * 2**20  # a deflated file that grows beyond this is refused unread
MAX_FILE_BYTES = 2**30

_KEYWORDS = (  # noqa: SIM905 - as a list literal it would fill a page
    # what it is
    "SpecificCharacterSet SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality ImageType "
    "BodyPartExamined AnatomicRegionSequence ViewPosition ViewCodeSequence PatientOrientation PatientPosition "
    "SeriesDescription StudyDescription ProtocolName AcquisitionDeviceProcessingDescription PresentationIntentType "
    "BurnedInAnnotation LossyImageCompression SeriesNumber InstanceNumber AccessionNumber "
    # whose and when
    "PatientID IssuerOfPatientID PatientSex PatientAge PatientBirthDate StudyDate StudyTime AcquisitionDateTime "
    "AcquisitionDate AcquisitionTime ContentDate ContentTime SeriesDate SeriesTime "
    # how the pixels are stored and shown
    "SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns BitsAllocated "
    "BitsStored HighBit PixelRepresentation PixelPaddingValue PixelPaddingRangeLimit PixelAspectRatio PixelSpacing "
    "ImagerPixelSpacing RescaleIntercept RescaleSlope WindowCenter WindowWidth VOILUTFunction VOILUTSequence "
    "ModalityLUTSequence PresentationLUTShape RedPaletteColorLookupTableDescriptor "
    "GreenPaletteColorLookupTableDescriptor BluePaletteColorLookupTableDescriptor RedPaletteColorLookupTableData "
    "GreenPaletteColorLookupTableData BluePaletteColorLookupTableData SegmentedRedPaletteColorLookupTableData "
    "SegmentedGreenPaletteColorLookupTableData SegmentedBluePaletteColorLookupTableData"
).split()
_TAGS: list[BaseTag | int] = [Tag(keyword) for keyword in _KEYWORDS]


@dataclass(frozen=True, slots=True)
class Header:
    """What a DICOM file says before its pixels.

    Attributes:
        dataset: the header's known elements; with the pixel data when that was asked for.
        transfer_syntax: UID of the pixel data's encoding, empty when the file does not say.
        has_pixels: whether Pixel Data follows.
        cut_off: whether the file ends inside an element.
        pixels_at: where in the file Pixel Data begins; -1 when it was read already, or lies in deflated data.
    """

    dataset: Dataset
    transfer_syntax: str
    has_pixels: bool
    cut_off: bool
    pixels_at: int = -1


def looks_like_dicom(path: Path) -> bool:
    """Whether a file starts as DICOM files do, with or without the 128-byte preamble."""
    with path.open("rb") as file:
        start = file.read(132)
    return start[128:] == b"DICM" or _bare(start)


def read_header(path: Path, *, pixels: bool = False) -> Header:
    """Read the header of one DICOM file; values radrag has no use for are skipped on disk, not read.

    Args:
        path: the file.
        pixels: also read Pixel Data, still encoded.

    Raises:
        StudyRefused: the file is not DICOM, too large, or inflates beyond all reason.
        Exception: one of ``DECODER_ERRORS`` for garbage; the caller's boundary turns it into a refusal.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        message = f"the file is larger than {MAX_FILE_BYTES >> 20} MiB."
        raise StudyRefused(RefusalCode.BAD_DIMENSIONS, str(path), message)
    tags = [*_TAGS, BaseTag(PIXEL_DATA)] if pixels else _TAGS
    with path.open("rb") as file:
        start = file.read(132)
        if start[128:] != b"DICM" and not _bare(start):
            raise StudyRefused(
                RefusalCode.NOT_DICOM, str(path), "this is neither a DICOM file nor a PNG or JPEG image."
            )
        meta = read_file_meta_info(path) if start[128:] == b"DICM" else None
        if meta is not None and meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            deflated = True
            source: BinaryIO = BytesIO(_inflate(file, path))
            dataset = read_dataset(
                source, False, True, stop_when=None if pixels else _at_pixels, specific_tags=tags, at_top_level=True
            )
            meta.TransferSyntaxUID = ExplicitVRLittleEndian
            dataset.file_meta = meta
            syntax = str(DeflatedExplicitVRLittleEndian)
        else:
            deflated = False
            file.seek(0)
            source = file
            try:
                dataset = dcmread(file, stop_before_pixels=not pixels, force=_bare(start), specific_tags=tags)
            except struct.error:  # an element's own header was cut off, or is garbage
                if file.read(1):
                    raise
                raise StudyRefused(RefusalCode.TRUNCATED, str(path), "the file ends within its header.") from None
            syntax = str(dataset.file_meta.get("TransferSyntaxUID") or "")
            if not syntax:  # files without a meta group are native; pydicom has found out which
                dataset.file_meta.TransferSyntaxUID = _native(dataset)
                syntax = str(dataset.file_meta.TransferSyntaxUID)
        if pixels:
            return Header(dataset, syntax, PIXEL_DATA in dataset, _short_value(dataset))
        here = -1 if deflated else source.tell()
        return Header(dataset, syntax, *_pixels_follow(source, dataset), pixels_at=here)


def with_pixels(path: Path, header: Header) -> Header:
    """Return the header with Pixel Data, still encoded, reading no more of the file than that.

    Raises:
        StudyRefused, Exception: as for :func:`read_header`.
    """
    if header.pixels_at < 0 or not header.has_pixels:
        return read_header(path, pixels=True)
    implicit, little = header.dataset.original_encoding
    with path.open("rb") as file:
        file.seek(header.pixels_at)
        found = read_dataset(
            file, bool(implicit), little is not False, stop_when=_after_pixels, specific_tags=[BaseTag(PIXEL_DATA)]
        )
    has_pixels = PIXEL_DATA in found
    if has_pixels:
        header.dataset[PIXEL_DATA] = found[PIXEL_DATA]
    return Header(header.dataset, header.transfer_syntax, has_pixels, _short_value(found))


def text(dataset: Dataset | None, keyword: str) -> str:
    """Return an element as stripped text: the first of several values, empty when missing or unreadable."""
    return (texts(dataset, keyword) or [""])[0]


def texts(dataset: Dataset | None, keyword: str) -> list[str]:
    """Return an element's values as stripped text; empty when missing or unreadable."""
    try:
        value = None if dataset is None else dataset.get(keyword)
        if value is None:
            return []
        several = not isinstance(value, str | bytes) and hasattr(value, "__iter__")
        return [str(one).replace("\0", "").strip() for one in (value if several else [value])]
    except DECODER_ERRORS:  # one unreadable element does not make the image unreadable
        return []


def numbers(dataset: Dataset | None, keyword: str) -> list[float]:
    """Return an element's finite numbers; empty when missing or when any of them is not one."""
    try:
        found = [float(one) for one in texts(dataset, keyword)]
    except ValueError:
        return []
    return found if all(math.isfinite(one) for one in found) else []


def number(dataset: Dataset | None, keyword: str, default: float | None = None) -> float | None:
    """Return an element's first number, or ``default``."""
    found = numbers(dataset, keyword)
    return found[0] if found else default


def first_item(dataset: Dataset, keyword: str) -> Dataset | None:
    """Return a sequence's first item, or None."""
    try:
        items = dataset.get(keyword)
        return items[0] if items and isinstance(items[0], Dataset) else None
    except DECODER_ERRORS:
        return None


def _bare(start: bytes) -> bool:
    """Whether a file without preamble starts with an element of group 0002 or 0008, as old exports do."""
    return start[:2] in {b"\x02\x00", b"\x08\x00", b"\x00\x08"} and b"\x00" in start[2:4]


def _at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) >= _FIRST_PIXEL_TAG


def _after_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) > PIXEL_DATA


def _native(dataset: Dataset) -> UID:
    implicit, little = dataset.original_encoding
    if little is False:
        return UID("1.2.840.10008.1.2.2")
    return UID("1.2.840.10008.1.2") if implicit else ExplicitVRLittleEndian


def _inflate(file: BinaryIO, path: Path) -> bytes:
    """Return the inflated data set (PS3.5 A.5), never more than the limit."""
    file.seek(132)
    group_length = file.read(12)  # (0002,0000) UL, always first
    if group_length[:8] != b"\x02\x00\x00\x00UL\x04\x00":
        raise StudyRefused(RefusalCode.BAD_HEADER, str(path), "the file meta information has no group length.")
    file.seek(144 + int.from_bytes(group_length[8:], "little"))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(file.read(), MAX_INFLATED_BYTES)
    if inflater.unconsumed_tail:
        message = f"the deflated data set is larger than {MAX_INFLATED_BYTES >> 20} MiB."
        raise StudyRefused(RefusalCode.BAD_DIMENSIONS, str(path), message)
    if not inflater.eof:
        raise StudyRefused(RefusalCode.TRUNCATED, str(path), "the deflated data set ends too early.")
    return inflated


def _pixels_follow(source: BinaryIO, dataset: Dataset) -> tuple[bool, bool]:
    """Look at where reading stopped: (Pixel Data comes next, the file was cut off)."""
    here, end = source.tell(), source.seek(0, 2)
    source.seek(here)
    order = "big" if dataset.original_encoding[1] is False else "little"
    head = source.read(12)
    tag = int.from_bytes(head[:2], order) << 16 | int.from_bytes(head[2:4], order)  # type: ignore[arg-type]
    if len(head) < 8 or tag != PIXEL_DATA:
        return False, here > end or 0 < len(head) < 8 or _short_value(dataset)
    explicit = head[4:6] in {b"OB", b"OW", b"UN"}
    length = int.from_bytes(head[8:12] if explicit else head[4:8], order)  # type: ignore[arg-type]
    start = here + (12 if explicit else 8)
    return True, length != 0xFFFFFFFF and start + length > end


def _short_value(dataset: Dataset) -> bool:
    """Whether the file ended within a value: pydicom hands over what there was."""
    for tag in dataset.keys():  # noqa: SIM118 - iterating a Dataset converts its values
        raw = dataset.get_item(tag)
        length, value = getattr(raw, "length", None), getattr(raw, "value", None)
        if isinstance(length, int) and length != 0xFFFFFFFF and isinstance(value, bytes) and len(value) < length:
            return True
    return False
