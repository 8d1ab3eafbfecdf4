"""Stored values to the display image: modality transform, then VOI, then polarity, then padding.

Each step maps one stored value to one number, whatever its neighbours. So the chain runs once over the table of all
possible stored values (65,536 at most), in float64 and with pydicom's own functions, and the image is one look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_rescale, apply_windowing

from radrag.dicom.decode import Stored
from radrag.dicom.geometry import Geometry, Pixels, resize
from radrag.dicom.greys import Greys
from radrag.dicom.header import first_item, number, numbers, text, texts
from radrag.dicom.lut import Levels, apply_lut
from radrag.dicom.quality import check_varied
from radrag.domain import DraftWarning
from radrag.errors import StudyRefused

ROBUST = (0.005, 0.995)  # share of unpadded pixels below and above which values are clipped when there is no window
MIN_DISPLAY_SPREAD = 0.02  # a window that leaves the image less than this of the display range is not usable
SQUARE_TOLERANCE = 0.01
_SAMPLE = 4  # every fourth row and column
MAX_PIXEL_ASPECT = 2.0  # beyond, the header is more likely wrong than the detector odd


@dataclass(frozen=True, slots=True)
class Scale:
    """How stored values become grey levels.

    Attributes:
        table: float32 [2 ** bits], grey in [0, 1] for each stored value; 1 is white, dense bone.
        warnings: what was wrong with the header's transforms.
    """

    table: npt.NDArray[np.float32]
    warnings: tuple[DraftWarning, ...]


def display(stored: Stored, dataset: Dataset, path: str) -> tuple[Greys, tuple[DraftWarning, ...]]:
    """Return the image as the header wants it shown, in the matrix of the stored values.

    Args:
        stored: decoded values.
        dataset: the header.
        path: names the file in a refusal.

    Returns:
        [rows, columns] in [0, 1], 1 = white = dense bone; and warnings.

    Raises:
        StudyRefused: all pixels but the padding have one value.
    """
    dataset = dataset if not stored.grey else Dataset()
    # With a window in the header, how often values occur decides only on refusals and warnings. What a sample varies
    # by, the image does too; so every pixel is counted only where there is no window or the sample finds fault.
    scale = _of_sample(stored, dataset, path)
    if scale is None or scale.warnings:
        scale = grey_scale(_counts(stored.values, stored.bits), dataset, stored, path)
    return Greys(stored.values, scale.table), scale.warnings


def _of_sample(stored: Stored, dataset: Dataset, path: str) -> Scale | None:
    try:
        return grey_scale(_counts(stored.values[::_SAMPLE, ::_SAMPLE], stored.bits), dataset, stored, path)
    except StudyRefused:
        return None


def _counts(values: npt.NDArray[Any], bits: int) -> npt.NDArray[np.int64]:
    return np.bincount(values.ravel(), minlength=1 << bits)


def grey_scale(counts: npt.NDArray[np.int64], dataset: Dataset, stored: Stored, path: str) -> Scale:
    """Return the table from stored value to grey.

    Order (PS3.3 C.11.1, C.11.2, C.11.6): modality LUT or rescale; VOI LUT or window; Presentation LUT Shape INVERSE,
    else MONOCHROME1; padding black last, since it has no meaning as a density.

    Args:
        counts: int64 [2 ** bits], how often each stored value occurs.
        dataset: the header.
        stored: for bits and sign.
        path: names the file in a refusal.
    """
    warnings: list[DraftWarning] = []
    levels = levels_of(stored.bits, stored.signed)
    padding = padding_of(levels, dataset, stored)
    counts = np.where(padding, 0, counts)
    seen = levels[counts > 0]
    check_varied(seen.min(initial=np.inf), seen.max(initial=-np.inf), path)
    values = modality_of(levels, dataset, warnings)
    grey = _voi(values, dataset, warnings)
    if grey is not None and np.ptp(grey[counts > 0]) < MIN_DISPLAY_SPREAD:
        message = "The window of the header leaves nothing to see; the image's own range was taken."
        warnings.append(DraftWarning("bad_window", message))
        grey = None
    if grey is None:
        grey = _without_window(values, counts, stored, warnings)
    inverse = is_inverse(dataset)
    if inverse:
        grey = 1.0 - grey
    if inverse is not (text(dataset, "PhotometricInterpretation").upper() == "MONOCHROME1"):
        message = "Photometric interpretation and presentation LUT shape disagree: check that bone is white."
        warnings.append(DraftWarning("polarity_conflict", message))
    table = np.clip(np.nan_to_num(grey), 0.0, 1.0).astype(np.float32)
    table[padding] = 0.0
    return Scale(table, tuple(warnings))


def is_inverse(dataset: Dataset) -> bool:
    """Whether high values are to be shown dark: Presentation LUT Shape decides, without it MONOCHROME1 does."""
    shape = text(dataset, "PresentationLUTShape").upper()
    if shape in {"INVERSE", "IDENTITY"}:
        return shape == "INVERSE"
    return text(dataset, "PhotometricInterpretation").upper() == "MONOCHROME1"


def orientation(dataset: Dataset) -> tuple[bool, bool, bool]:
    """Return (transpose, flip_x, flip_y) that show the patient's right at image left and the head up.

    PatientOrientation (PS3.3 C.7.6.1.1.1) names where rows and columns run to. A frontal is wanted as [L, F]; of a
    lateral only the head is moved up. A direction that is not given leaves the image as it is.
    """
    ends = [one[:1].upper() for one in texts(dataset, "PatientOrientation")]
    if len(ends) != 2 or not set(ends) & {"H", "F"} or not set(ends) & {"L", "R", "A", "P"}:
        return False, False, False
    transpose = ends[0] in {"H", "F"}
    across, down = (ends[1], ends[0]) if transpose else (ends[0], ends[1])
    flip_y = down == "H"
    if across in {"L", "R"}:
        return transpose, across == "R", flip_y
    # A lateral lying on its side is turned, not mirrored: a transpose with exactly one flip is a rotation.
    return transpose, transpose and not flip_y, flip_y


def pixel_aspect(dataset: Dataset) -> float:
    """Return a pixel's height over its width: PixelAspectRatio, else PixelSpacing, else ImagerPixelSpacing; else 1."""
    for keyword in ("PixelAspectRatio", "PixelSpacing", "ImagerPixelSpacing"):
        pair = numbers(dataset, keyword)
        if len(pair) == 2 and min(pair) > 0:  # (vertical, horizontal) in all three; zeros occur
            return pair[0] / pair[1]
    return 1.0


def upright(
    shown: Greys, dataset: Dataset, matrix: tuple[int, int]
) -> tuple[Greys, Geometry, tuple[DraftWarning, ...]]:
    """Turn an image head up and make its pixels square.

    Args:
        shown: [rows, columns], the original matrix or shrunk from it.
        dataset: the header.
        matrix: rows and columns of the original.

    Returns:
        the display image; the way back to original pixels; warnings.
    """
    warnings = []
    transpose, flip_x, flip_y = orientation(dataset)
    aspect = pixel_aspect(dataset)
    if not 1 / MAX_PIXEL_ASPECT <= aspect <= MAX_PIXEL_ASPECT:
        warnings.append(DraftWarning("pixel_aspect_ignored", "The header's pixel aspect ratio is not believable."))
        aspect = 1.0
    if transpose or flip_x or flip_y:
        warnings.append(DraftWarning("reoriented", "The image was turned or mirrored as PatientOrientation asks."))
    aspect = 1 / aspect if transpose else aspect
    height, width = shape = shown.shape[::-1] if transpose else shown.shape
    if abs(aspect - 1) > SQUARE_TOLERANCE:  # the coarser side is brought to the finer one's resolution
        height, width = (round(height * aspect), width) if aspect > 1 else (height, round(width / aspect))
    geometry = Geometry(*matrix, height, width, transpose=transpose, flip_x=flip_x, flip_y=flip_y)
    turned = Greys(geometry.turn(shown.values), shown.table)
    if (height, width) != shape:
        turned = Greys(resize(turned.pixels(), (height, width)))
    return turned, geometry, tuple(warnings)


def window(pixels: Pixels, centre: float, width: float) -> npt.NDArray[np.uint8]:
    """Window a display image for the screen.

    Args:
        pixels: float32 in [0, 1].
        centre, width: on the same scale; 0.5 and 1 show the image as it is. A width of 0 is a threshold.

    Returns:
        uint8 of the same shape.
    """
    low, slope = centre - width / 2, 255.0 / max(width, 1e-6)
    shown: npt.NDArray[np.float32] = (pixels - np.float32(low)) * np.float32(slope) + np.float32(0.5)
    return np.clip(shown, 0, 255).astype(np.uint8)


def robust_range(values: Levels, counts: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return the 0.5th and 99.5th percentile of the values, each weighted by its count; the extremes if they agree."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(counts[order])
    low, high = (values[order][np.searchsorted(below, share * below[-1])] for share in ROBUST)
    if not high > low:
        low, high = values[counts > 0].min(), values[counts > 0].max()
    return float(low), float(high)


def levels_of(bits: int, signed: bool) -> Levels:
    """Return every value that can be stored in some bits, float64 [2 ** bits], in the order of their patterns."""
    levels = np.arange(1 << bits, dtype=np.float64)
    if signed:
        levels[1 << (bits - 1) :] -= 1 << bits
    return levels


def padding_of(levels: Levels, dataset: Dataset, stored: Stored) -> npt.NDArray[np.bool_]:
    """Which stored values are padding (PS3.3 C.7.5.1.1.2): one, or all between it and the range limit."""
    value = number(dataset, "PixelPaddingValue")
    if value is None:
        return np.zeros(levels.shape, dtype=np.bool_)
    limit = number(dataset, "PixelPaddingRangeLimit", value)
    # Some writers give the value with the other sign than the pixels: compare modulo 2 ** 16 where it is out of range.
    ends = sorted(_in_range(end, stored) for end in (value, value if limit is None else limit))
    return np.asarray((levels >= ends[0]) & (levels <= ends[1]))


def _in_range(value: float, stored: Stored) -> float:
    if stored.signed and value >= 1 << 15:
        return value - (1 << 16)
    return value % (1 << 16) if not stored.signed and value < 0 else value


def modality_of(levels: Levels, dataset: Dataset, warnings: list[DraftWarning]) -> Levels:
    """Return stored values as modality values, by look-up table or rescale slope and intercept (PS3.3 C.11.1)."""
    item = first_item(dataset, "ModalityLUTSequence")
    if item is not None:
        looked_up = apply_lut(levels, item, dataset)
        if looked_up is not None:
            return looked_up[0]
        warnings.append(DraftWarning("bad_lut", "The modality look-up table is damaged and was left out."))
        return levels
    slope, intercept = number(dataset, "RescaleSlope", 1.0), number(dataset, "RescaleIntercept", 0.0)
    if not slope:
        warnings.append(DraftWarning("bad_rescale", "The rescale slope is 0 and was left out."))
        return levels
    plain = Dataset()
    plain.RescaleSlope, plain.RescaleIntercept = slope, intercept
    return np.asarray(apply_rescale(levels, plain), dtype=np.float64)


def _voi(values: Levels, dataset: Dataset, warnings: list[DraftWarning]) -> Levels | None:
    """Return grey in [0, 1] by the VOI LUT, else by the first window; None where the header has neither."""
    item = first_item(dataset, "VOILUTSequence")
    if item is not None:
        looked_up = apply_lut(values, item, dataset)
        if looked_up is not None:
            return looked_up[0] / looked_up[1]
        warnings.append(DraftWarning("bad_lut", "The VOI look-up table is damaged and was left out."))
    centre, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth")
    if centre is None or width is None:
        return None
    if width <= 0:
        warnings.append(DraftWarning("bad_window", "The window's width is not positive; the window was left out."))
        return None
    function = text(dataset, "VOILUTFunction").upper() or "LINEAR"
    if function not in {"LINEAR", "LINEAR_EXACT", "SIGMOID"} or (function == "LINEAR" and width < 1):
        function = "LINEAR_EXACT"  # LINEAR is defined from width 1 on (PS3.3 C.11.2.1.2.1); rescaled values need less
    # On a header of its own, the result spans 0 to 65,535 whatever the image's bits and rescale.
    plain = Dataset()
    plain.PhotometricInterpretation, plain.BitsStored, plain.PixelRepresentation = "MONOCHROME2", 16, 0
    plain.WindowCenter, plain.WindowWidth, plain.VOILUTFunction = centre, width, function
    return np.asarray(apply_windowing(values, plain), dtype=np.float64) / 65_535


def _without_window(
    values: Levels, counts: npt.NDArray[np.int64], stored: Stored, warnings: list[DraftWarning]
) -> Levels:
    """Return grey for images without a window: their robust range, unless they look ready to show.

    Eight bits, RGB, palettes and PNG are made for display; they are left alone when they use half of their range.
    """
    low, high = robust_range(values, counts)
    if (stored.grey or stored.bits == 8) and high - low >= np.ptp(values) / 2:
        low, high = float(values.min()), float(values.max())
    elif not any(one.code == "bad_window" for one in warnings):
        message = "The header has no window; the image was scaled to its own range."
        warnings.append(DraftWarning("no_window", message))
    return (values - low) / (high - low)
