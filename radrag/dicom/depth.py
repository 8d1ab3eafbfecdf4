"""An image at full depth for a reader's screen: every stored value, what it measures, and how the file shows it.

A display image (:mod:`radrag.dicom.read`) is greys in [0, 1], with the file's window burnt in. A reader who changes
the window needs the values before it, lying the same way on the screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from radrag.dicom.boundary import refusing
from radrag.dicom.decode import Stored, read_stored
from radrag.dicom.geometry import Geometry, resize
from radrag.dicom.greys import Greys
from radrag.dicom.header import number, numbers, text, texts
from radrag.dicom.pixels import SQUARE_TOLERANCE, display, is_inverse, levels_of, modality_of, padding_of, upright
from radrag.dicom.raster import looks_like_raster, read_raster
from radrag.dicom.window import Levels, Window, window_of, window_table
from radrag.errors import RefusalCode

_OPPOSITE = dict(zip("LRAPHF", "RLPAFH", strict=True))
_SAME = 1.5  # greys of 255 by which the header's window may differ from the image shown, for rounding


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """One image, as it lies on the screen.

    Attributes:
        values: uint16 [display rows, display columns], indices of ``levels`` and ``greys``.
        levels: float32 [n], the modality value of each (after rescale or Modality LUT); NaN is padding.
        greys: float32 [n] in [0, 1], how the file wants it shown; 1 = white = dense bone.
        window: the file's own, or the nearest to ``greys`` where that is no window.
        inverse: whether high values are shown dark.
        bits: of the stored values.
        geometry: the way back to original pixels.
        edges: letters of PatientOrientation at the left, top, right and bottom edge; empty where the file is silent.
        spacing: mm per display pixel, 0 when unknown.
        spacing_from: the attribute that says so: "Pixel Spacing" or "Imager Pixel Spacing", which is at the detector.
    """

    values: npt.NDArray[np.uint16]
    levels: Levels
    greys: npt.NDArray[np.float32]
    window: Window
    inverse: bool
    bits: int
    geometry: Geometry
    edges: tuple[str, str, str, str] = ("", "", "", "")
    spacing: float = 0.0
    spacing_from: str = ""


def load_depth(path: Path) -> Depth:
    """Read a file that :func:`radrag.dicom.read.load_image` accepts.

    Raises:
        StudyRefused: it cannot be read any more; ``code`` says why.
    """
    with refusing(path, RefusalCode.UNDECODABLE, "the pixel data cannot be decoded"):
        return _of_raster(path) if looks_like_raster(path) else _of_dicom(path)


def _of_dicom(path: Path) -> Depth:
    header, stored = read_stored(path)
    dataset = header.dataset
    shown, _ = display(stored, dataset, str(path))
    _, geometry, _ = upright(shown, dataset, shown.shape)
    scaled_by = Dataset() if stored.grey else dataset  # RGB and palettes are ready to show
    levels, values, greys = _tables(stored, shown, scaled_by)
    spacing, spacing_from = _spacing(dataset, geometry)
    return Depth(
        _turned(values, geometry),
        levels,
        greys,
        _window(scaled_by, levels, greys),
        is_inverse(scaled_by),
        stored.bits,
        geometry,
        _edges(dataset, geometry),
        spacing,
        spacing_from,
    )


def _of_raster(path: Path) -> Depth:
    shown, geometry, _ = read_raster(path)
    if shown.table is None:  # see-through pictures are greys laid over black
        greys = np.arange(1 << 16, dtype=np.float32) / np.float32((1 << 16) - 1)
        values = np.rint(shown.values * np.float32(len(greys) - 1)).astype(np.uint16)
    else:
        greys, values = shown.table, shown.values.astype(np.uint16)
    levels = np.arange(len(greys), dtype=np.float32)
    bits = int(len(greys) - 1).bit_length()
    return Depth(np.ascontiguousarray(values), levels, greys, window_of(levels, greys), False, bits, geometry)


def _tables(
    stored: Stored, shown: Greys, dataset: Dataset
) -> tuple[Levels, npt.NDArray[np.uint16], npt.NDArray[np.float32]]:
    """Return what each index measures, the indices, and the grey of each."""
    stored_levels = levels_of(stored.bits, stored.signed)
    levels = modality_of(stored_levels, dataset, []).astype(np.float32)
    levels[padding_of(stored_levels, dataset, stored)] = np.nan
    greys = np.asarray(shown.table, dtype=np.float32)  # of a DICOM file there always is one
    values = stored.values.astype(np.uint16)
    if stored.signed:  # two's complement to offset binary, so that indices rise with the values and can be averaged
        half = 1 << (stored.bits - 1)
        order = np.arange(1 << stored.bits) ^ half
        return levels[order], values ^ np.uint16(half), greys[order]
    return levels, values, greys


def _window(dataset: Dataset, levels: Levels, greys: npt.NDArray[np.float32]) -> Window:
    """Return the header's window if the image is shown by it, else the nearest to how it is shown."""
    centre, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth")
    if centre is not None and width is not None and width > 0:
        exact = text(dataset, "VOILUTFunction").upper() == "LINEAR_EXACT" or width < 1
        window = Window(centre, width, exact)
        apart = window_table(levels, window, inverse=is_inverse(dataset)) - greys * np.float32(255)
        if np.abs(apart).max() <= _SAME:
            return window
    return window_of(levels, greys, exact=bool(np.nanmax(levels) - np.nanmin(levels) < len(levels) // 2))


def _turned(values: npt.NDArray[np.uint16], geometry: Geometry) -> npt.NDArray[np.uint16]:
    turned = geometry.turn(values)
    shape = (geometry.display_rows, geometry.display_columns)
    if turned.shape == shape:
        return np.ascontiguousarray(turned)
    return np.rint(resize(turned.astype(np.float32), shape)).astype(np.uint16)


def _edges(dataset: Dataset, geometry: Geometry) -> tuple[str, str, str, str]:
    """Return what PatientOrientation (PS3.3 C.7.6.1.1.1) says of the left, top, right and bottom edge as shown."""
    ends = [one[:1].upper() for one in texts(dataset, "PatientOrientation")]
    if len(ends) != 2 or not set(ends) <= set(_OPPOSITE):
        return "", "", "", ""
    right, bottom = reversed(ends) if geometry.transpose else ends
    right = _OPPOSITE[right] if geometry.flip_x else right
    bottom = _OPPOSITE[bottom] if geometry.flip_y else bottom
    return _OPPOSITE[right], _OPPOSITE[bottom], right, bottom


def _spacing(dataset: Dataset, geometry: Geometry) -> tuple[float, str]:
    """Return mm per display pixel, and the attribute that says so; 0 where none does, or its pixels are not square.

    Where both attributes agree, the size is that at the detector (PS3.3 10.7.1.3).
    """
    detector, patient = (_pair(dataset, one) for one in ("ImagerPixelSpacing", "PixelSpacing"))
    pair, name = (patient, "Pixel Spacing") if patient and patient != detector else (detector, "Imager Pixel Spacing")
    if pair is None:
        return 0.0, ""
    down, across = (pair[1], pair[0]) if geometry.transpose else pair
    rows, columns = geometry.turned_shape
    down, across = down * rows / geometry.display_rows, across * columns / geometry.display_columns
    square = abs(down - across) <= SQUARE_TOLERANCE * across
    return (across, name) if square else (0.0, "")


def _pair(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    pair = numbers(dataset, keyword)
    return (pair[0], pair[1]) if len(pair) == 2 and min(pair) > 0 else None  # zeros occur
