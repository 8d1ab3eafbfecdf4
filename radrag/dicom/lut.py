"""Look-up tables of the header: Modality LUT and VOI LUT items (PS3.3 C.11.1, C.11.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from radrag.dicom.boundary import DECODER_ERRORS
from radrag.dicom.header import numbers

Levels = npt.NDArray[np.float64]


def apply_lut(values: Levels, item: Dataset, dataset: Dataset) -> tuple[Levels, float] | None:
    """Look values up in a Modality or VOI LUT item: (result, largest result possible), or None for a damaged table.

    pydicom's own functions are not used here: apply_modality_lut knows only 8- and 16-bit entries, and apply_voi
    wraps indices above 255 in an 8-bit table (pydicom 3.0).
    """
    try:
        descriptor = [int(one) for one in numbers(item, "LUTDescriptor")]
        if len(descriptor) != 3 or not 1 <= descriptor[2] <= 16:
            return None
        entries, first, depth = descriptor[0] % (1 << 16) or 1 << 16, descriptor[1], descriptor[2]
        table = _entries(item, entries, dataset)
    except DECODER_ERRORS:
        return None
    if table.size < entries:
        return None
    if first >= 1 << 15 and values.min() < 0:  # written as unsigned
        first -= 1 << 16
    table = table[:entries].astype(np.float64)
    index = np.clip(values - first, 0, entries - 1).astype(np.int64)
    # Writers often declare 16 bits and fill 12: the entries themselves tell the range (as DCMTK does).
    bits = min(depth, int(table.max()).bit_length())
    return table[index], float(max((1 << bits) - 1, table.max(), 1))


def _entries(item: Dataset, count: int, dataset: Dataset) -> npt.NDArray[Any]:
    data = item["LUTData"].value
    if not isinstance(data, bytes):
        return np.atleast_1d(np.asarray(data, dtype=np.int64)) & 0xFFFF
    if len(data) < 2 * count:  # eight-bit entries, packed
        return np.frombuffer(data, dtype=np.uint8)
    order = ">" if dataset.original_encoding[1] is False else "<"
    return np.frombuffer(data[: len(data) // 2 * 2], dtype=f"{order}u2")
