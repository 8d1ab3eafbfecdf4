"""Radiographs and a report for a teaching file: nothing of the patient in the header, the text, or the files' names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless

from radrag.dicom.basic_profile import Dates, Pseudonyms, without_identity
from radrag.dicom.boundary import DECODER_ERRORS, refusing, silence
from radrag.dicom.burned_in import Box, Detector, blanked, border, find_text
from radrag.dicom.decode import Stored, read_stored
from radrag.dicom.deidentify import safe_name
from radrag.dicom.header import PIXEL_DATA, read_header, text
from radrag.dicom.kept_attributes import TABLES
from radrag.dicom.quality import check_header
from radrag.disk import replacing
from radrag.errors import ExportCode, ExportError, RadragError, RefusalCode, StudyRefused
from radrag.reports.identifiers import without_identifiers
from radrag.reports.sections import parse_sections
from radrag.reports.sentences import split_sentences

if TYPE_CHECKING:
    import numpy.typing as npt

IMAGES = {  # PS3.4 B.5
    "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
    "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
    "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray, for processing
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
}
_PDF, _REPORTS = "1.2.840.10008.5.1.4.1.1.104.", "1.2.840.10008.5.1.4.1.1.88."
_LOSSY = {JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless}
_NAMING = {"PN", "LO", "SH", "ST", "LT", "UT", "UC"}
_WORD = re.compile(r"[^\W_]{2,}")
_NAMES = re.compile(r"(?:Name|Physician\w*|ID|IDs|Number|Address|Institution\w*|Operators\w*|Station\w*)$")


class NotCleanable(RadragError):
    """A file that would carry a patient's name whatever is done to its header."""

    code = "not_cleanable"


@dataclass(frozen=True, slots=True)
class Options:
    """How to de-identify.

    Attributes:
        detect: finds text in pixels, which is then blanked; None to leave the pixels.
        blank: boxes that are blanked in every image.
        edges: percent of each side that is blanked from every edge.
        keep_burned_in: take images too whose header says that text is burned in, when pixels are not cleaned.
    """

    pseudonyms: Pseudonyms
    dates: Dates = Dates.REMOVE
    detect: Detector | None = None
    blank: tuple[Box, ...] = ()
    edges: float = 0.0
    keep_burned_in: bool = False

    @property
    def cleans(self) -> bool:
        """Whether pixels are looked at or blanked."""
        return self.detect is not None or bool(self.blank) or self.edges > 0


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A file that was written.

    Attributes:
        study: the study's new name, as the folder has it.
        blanked: how many regions of the image were blanked.
        words: what names the patient and the others in the old header, in lower case: not to stand in a report. Not
            in the ``repr``.
    """

    path: Path
    study: str
    blanked: int
    words: frozenset[str] = field(repr=False, default=frozenset())


def deidentify_image(path: Path, folder: Path, options: Options) -> Cleaned:
    """Write a de-identified copy of a DICOM image.

    The pixels are decoded and written anew without compression: compressed streams have room for comments.

    Args:
        folder: gets a folder a study, named like the files by new UIDs.

    Raises:
        StudyRefused: no chest radiograph that can be read.
        NotCleanable: not an image; or text is burned in and ``options`` neither clean nor keep it; or a box to blank
            lies outside of the image.
        ExportError: the folder cannot be written.
    """
    with silence, refusing(path, RefusalCode.BAD_HEADER, "the header cannot be read"):
        header = read_header(path)
        _require_image(header.dataset, path)
        check_header(header, str(path))
        whole = dcmread(path, stop_before_pixels=True, force=True)
        _require_clean_pixels(whole, path, options)
        _require_order(whole, path, header.transfer_syntax)
        words = _naming_words(whole)
        new = without_identity(whole, options.pseudonyms, dates=options.dates, cleaned=options.cleans)
    with silence, refusing(path, RefusalCode.UNDECODABLE, "the pixels cannot be decoded"):
        _, stored = read_stored(path, header)
    values = _signed(stored) if stored.signed else stored.values
    _require_within(options.blank, path, values.shape)
    boxes = [*options.blank, *border(values.shape, options.edges)]
    if options.detect is not None:
        boxes += find_text(values, options.detect)
    _put_pixels(new, stored, blanked(values, boxes) if boxes else values)
    if header.transfer_syntax in _LOSSY:
        new.LossyImageCompression = "01"
    study = safe_name(new.StudyInstanceUID)
    place = folder / study / f"image-{hashlib.sha256(new.SOPInstanceUID.encode()).hexdigest()[:16]}.dcm"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with silence, replacing(place) as part:
            new.save_as(part, enforce_file_format=True)
    except OSError as error:
        if error.errno is None:  # pydicom's, for a number that its type cannot hold; its text quotes the header
            raise StudyRefused(RefusalCode.BAD_HEADER, str(path), "a number in the header does not fit.") from None
        raise ExportError(ExportCode.NOT_WRITABLE, f"{folder} cannot be written: {error.strerror}.") from None
    return Cleaned(place, study, len(boxes), words)


def deidentify_report(report: str, words: frozenset[str]) -> tuple[str, int]:
    """Return a report without the sentences that seem to name somebody, and how many those were.

    Args:
        words: of the image's header, which a sentence must not hold.
    """
    kept: list[str] = []
    left_out = 0
    for name, body in parse_sections(report).items():
        sentences = [body[start:end] for start, end in split_sentences(body)]
        clean = [one for one in sentences if without_identifiers(one) and not words & set(_words(one))]
        left_out += len(sentences) - len(clean)
        if clean:
            kept.append(f"{name.upper()}: {' '.join(' '.join(one.split()) for one in clean)}")
    return "\n\n".join(kept) + "\n" if kept else "", left_out


def _require_image(dataset: Dataset, path: Path) -> None:
    sop_class = text(dataset, "SOPClassUID")
    if sop_class in IMAGES:
        if not all(text(dataset, keyword) for keyword in ("StudyInstanceUID", "SOPInstanceUID")):
            raise StudyRefused(RefusalCode.BAD_HEADER, str(path), "the file lacks a UID of study or image.")
        return
    kind = "an encapsulated document" if sop_class.startswith(_PDF) else "no radiograph"
    kind = "a structured report" if sop_class.startswith(_REPORTS) else kind
    hint = "Leave it out; the words of a report can be given as text: --report."
    raise NotCleanable(f"{path}: this is {kind}: what it says cannot be cleaned with certainty.", hint=hint)


def _require_clean_pixels(dataset: Dataset, path: Path, options: Options) -> None:
    if text(dataset, "BurnedInAnnotation").upper() == "YES" and not (options.cleans or options.keep_burned_in):
        hint = "Give --clean-pixels, or --keep-burned-in if you have looked at it."
        raise NotCleanable(f"{path}: the header says that text is burned into the pixels.", hint=hint)


def _require_within(boxes: Sequence[Box], path: Path, shape: tuple[int, ...]) -> None:
    """Refuse an image that a box misses: it would be said to be clean."""
    rows, columns = shape[:2]
    if any(left >= columns or top >= rows for left, top, _, _ in boxes):
        raise NotCleanable(f"{path}: a box to blank lies outside of the image, which is {columns} x {rows}.")


def _require_order(dataset: Dataset, path: Path, syntax: str) -> None:
    if syntax == ExplicitVRBigEndian and any(keyword in dataset for keyword in TABLES):
        hint = "Convert it to Explicit VR Little Endian first."
        raise NotCleanable(f"{path}: lookup tables in the retired big-endian order are not copied.", hint=hint)


def _signed(stored: Stored) -> npt.NDArray[Any]:
    """Return stored values of two's complement as signed ones."""
    kind = stored.values.dtype
    spare = kind.itemsize * 8 - stored.bits
    extended: npt.NDArray[Any] = np.right_shift((stored.values << spare).view(f"i{kind.itemsize}"), spare)
    return extended


def _put_pixels(new: Dataset, stored: Stored, values: npt.NDArray[Any]) -> None:
    new.SamplesPerPixel, (new.Rows, new.Columns) = 1, values.shape
    if "PlanarConfiguration" in new:
        del new.PlanarConfiguration
    if stored.grey or "PhotometricInterpretation" not in new:
        new.PhotometricInterpretation = "MONOCHROME2"
    new.BitsAllocated, new.BitsStored, new.HighBit = values.dtype.itemsize * 8, stored.bits, stored.bits - 1
    new.PixelRepresentation = int(stored.signed)
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    new.add_new(PIXEL_DATA, "OB" if new.BitsAllocated == 8 else "OW", data + b"\0" * (len(data) % 2))


def _naming_words(dataset: Dataset) -> frozenset[str]:
    """Return the words of a header's names, ids and addresses, also of those within sequences and private ones.

    People may be called Li or Ward; of what names no person, short words and those of every report do not count.
    """
    people: set[str] = set()
    others: set[str] = set()
    for element in _elements(dataset):
        private = element.tag.is_private
        if element.VR == "PN":
            people.update(_words(str(element.value)))
        elif element.VR in _NAMING and (private or _NAMES.search(element.keyword)):
            others.update(word for word in _words(str(element.value)) if len(word) > 2)
    return frozenset(people | (others - _COMMON)) - _SMALL


def _elements(dataset: Dataset) -> Iterator[Any]:
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except DECODER_ERRORS:  # unreadable, and so not kept either
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)
        else:
            yield element


def _words(sentence: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(sentence)]


_COMMON = frozenset(
    "left right chest lung lungs heart view lateral frontal normal film exam number ward radiology "  # noqa: SIM905
    "department hospital clinic center centre thorax medical systems".split()
)
"""Words that stand in names of places and devices, and in every report."""

_SMALL = frozenset("an and as at be by for in is it no of on or the to".split())  # noqa: SIM905
"""Words of every sentence, which stand for names too: *No^Referring*."""
