"""Encoded pixel data to stored values, after checking that the encoding agrees with the header."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000Lossless,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from radrag.dicom import jpeg2000
from radrag.dicom.header import PIXEL_DATA, Header, number, read_header, text, with_pixels
from radrag.dicom.quality import to_grey
from radrag.domain import DraftWarning
from radrag.errors import RefusalCode, StudyRefused

# JPEG frame headers: SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC); SOF55 of JPEG-LS.
_FRAME_MARKERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_STANDALONE = {0x01, *range(0xD0, 0xD9)}


@dataclass(frozen=True, slots=True)
class Stored:
    """Stored values of one single-frame image.

    Attributes:
        values: unsigned [rows, columns]; the low ``bits`` bits hold the value, two's complement when ``signed``.
        bits: Bits Stored, 1 to 16.
        signed: whether Pixel Representation is 1.
        grey: whether the values are ready to show: one channel of a grey RGB or palette image.
        warnings: coloured marks.
    """

    values: npt.NDArray[Any]
    bits: int
    signed: bool
    grey: bool = False
    warnings: tuple[DraftWarning, ...] = ()


def read_stored(path: Path, header: Header | None = None, *, side: int | None = None) -> tuple[Header, Stored]:
    """Read and decode a file whose header has passed ``check_header``.

    Args:
        path: the file.
        header: what ``read_header`` returned for it, so that it is not read again; it gets the pixel data.
        side: how many pixels of the shorter side are enough, for bulk work: then JPEG 2000 is not decoded in full, and
            grey JPEG by libjpeg-turbo, whose values differ by at most 1 from those of the usual decoder.

    Returns:
        The header, and the stored values free of overlay bits and padding bits.

    Raises:
        StudyRefused: pixel data cut off, or of another size than the header says; a colour picture.
        Exception: one of ``DECODER_ERRORS``; the caller's boundary turns it into a refusal.
    """
    header = read_header(path, pixels=True) if header is None else with_pixels(path, header)
    dataset = header.dataset
    if not header.has_pixels:  # the header pass saw Pixel Data begin, but it has no end
        raise StudyRefused(RefusalCode.TRUNCATED, str(path), "the pixel data ends too early.", hint="Copy it again.")
    bits, shift = _complete(dataset)
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    data: bytes = dataset[PIXEL_DATA].value
    if syntax.is_encapsulated:
        frame = _checked_frame(data, syntax, dataset, path)
        values = _decode_sooner(frame, syntax, dataset, side) if side else None
        if values is not None:
            return header, Stored(values, bits, signed=False)
    elif len(data) < _native_length(dataset):
        raise StudyRefused(RefusalCode.TRUNCATED, str(path), "the pixel data ends too early.", hint="Copy it again.")
    # One plugin for each syntax, so that a draft does not depend on which decoders happen to be installed. For RLE it
    # is pydicom's own: pylibjpeg-rle 2.2 panics on damaged segments, past any except clause and with a trace on stderr.
    compressed = "pydicom" if syntax == RLELossless else "pylibjpeg"
    array, _ = get_decoder(syntax).as_array(
        dataset,
        index=0,
        raw=False,
        decoding_plugin=compressed if syntax.is_encapsulated else "",
        **as_pixel_options(dataset, view_only=True, correct_unused_bits=False),
    )
    if text(dataset, "PhotometricInterpretation") == "PALETTE COLOR":
        array = apply_color_lut(array, dataset)[..., :3]
        bits, shift = array.dtype.itemsize * 8, 0
    if array.ndim == 3:
        grey, warnings = to_grey(array, str(path))
        return header, Stored(grey, bits, signed=False, grey=True, warnings=warnings)
    values = array.view(f"u{array.dtype.itemsize}")
    if array.dtype.byteorder == ">":
        values = array.astype(array.dtype.newbyteorder("=")).view(f"u{array.dtype.itemsize}")
    if shift:
        values = values >> shift
    if bits < values.dtype.itemsize * 8:  # overlays and junk live above Bits Stored (PS3.5 8.1.1)
        values = values & ((1 << bits) - 1)
    if values.dtype.itemsize > 2:
        values = values.astype(np.uint16)
    return header, Stored(values, bits, signed=number(dataset, "PixelRepresentation") == 1)


def _complete(dataset: Dataset) -> tuple[int, int]:
    """Fill in what decoders insist on and devices leave out; return (bits stored, bits to shift right)."""
    allocated = int(number(dataset, "BitsAllocated") or 0)
    stored = int(number(dataset, "BitsStored", allocated) or 0)
    high = int(number(dataset, "HighBit", stored - 1) or stored - 1)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, stored, high
    dataset.SamplesPerPixel = samples = int(number(dataset, "SamplesPerPixel", 1) or 1)
    dataset.PixelRepresentation = int(number(dataset, "PixelRepresentation", 0) or 0)
    dataset.NumberOfFrames = 1
    if samples > 1 and number(dataset, "PlanarConfiguration") not in {0, 1}:
        dataset.PlanarConfiguration = 0
    if not text(dataset, "PhotometricInterpretation"):
        dataset.PhotometricInterpretation = "RGB" if samples > 1 else "MONOCHROME2"
    # Codestreams hold the value alone; native and run-length data hold the whole word, wherever the value sits in it.
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    whole_words = samples == 1 and (not syntax.is_encapsulated or syntax == RLELossless)
    return stored, high + 1 - stored if whole_words else 0


def _native_length(dataset: Dataset) -> int:
    values = int(dataset.Rows) * int(dataset.Columns) * int(dataset.SamplesPerPixel)
    length = values * int(dataset.BitsAllocated) // 8
    return length * 2 // 3 if text(dataset, "PhotometricInterpretation") == "YBR_FULL_422" else length


def _decode_sooner(frame: bytes, syntax: UID, dataset: Dataset, side: int) -> npt.NDArray[Any] | None:
    """Decode a grey, unsigned image in less time, or return None where there is no such way."""
    photometric, bits = text(dataset, "PhotometricInterpretation"), int(dataset.BitsStored)
    if photometric not in {"MONOCHROME1", "MONOCHROME2"} or int(dataset.PixelRepresentation):
        return None
    if syntax in {JPEG2000Lossless, JPEG2000}:
        return jpeg2000.decode_less(frame, bits, side)
    if syntax != JPEGBaseline8Bit or bits != 8:
        return None
    with Image.open(BytesIO(frame), formats=("JPEG",)) as image:
        return np.asarray(image) if image.mode == "L" else None


def _checked_frame(data: bytes, syntax: UID, dataset: Dataset, path: Path) -> bytes:
    """Return the codestream; refuse one of another size than the header's, since it takes memory, or a cut one."""
    frame = get_frame(data, 0, number_of_frames=1).rstrip(b"\0\xff")  # both are used to fill up to an even length
    if syntax == RLELossless:
        if len(frame) > 2 * _native_length(dataset) + 1024:  # PS3.5 G.3: a run costs at most one byte in 128 more
            message = "the compressed image is larger than the header's size allows."
            raise StudyRefused(RefusalCode.BAD_DIMENSIONS, str(path), message)
        return frame
    if syntax in JPEG2000TransferSyntaxes:  # HTJ2K included
        size = jpeg2000.size(frame)
    elif syntax in JPEGTransferSyntaxes or syntax in JPEGLSTransferSyntaxes:
        size = _jpeg_size(frame)
    else:
        raise StudyRefused(RefusalCode.UNSUPPORTED_SYNTAX, str(path), f"transfer syntax {syntax} has no decoder here.")
    if size != (int(dataset.Rows), int(dataset.Columns), int(dataset.SamplesPerPixel)):
        message = "the compressed image has another size than the header says."
        raise StudyRefused(RefusalCode.BAD_DIMENSIONS, str(path), message)
    if not frame.endswith(b"\xff\xd9"):  # EOI of JPEG and JPEG-LS, EOC of JPEG 2000
        message = "the compressed image ends too early."
        raise StudyRefused(RefusalCode.TRUNCATED, str(path), message, hint="Copy the file again.")
    return frame


def _jpeg_size(frame: bytes) -> tuple[int, int, int]:
    """Return (rows, columns, components) of a JPEG or JPEG-LS codestream.

    Raises:
        ValueError: there is no frame header.
    """
    position = 2
    while position + 10 <= len(frame) and frame[:2] == b"\xff\xd8":
        if frame[position] != 0xFF:
            break
        marker = frame[position + 1]
        if marker in _FRAME_MARKERS:
            rows, columns = (int.from_bytes(frame[position + at : position + at + 2], "big") for at in (5, 7))
            return rows, columns, frame[position + 9]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _STANDALONE:
            position += 2
        else:
            position += 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
    raise ValueError("no JPEG frame header")
