"""Heat maps at view time: where in an image a finding's score comes from, by the encoder that drafted it.

Maps are not kept with a draft: they follow from image and encoder, and most are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import streamlit as st

from radrag.errors import RadragError

if TYPE_CHECKING:
    from radrag.domain import Draft, StudyImage
    from radrag.encoders.base import ImageEncoder
    from ui.viewer import HeatMap

KEPT = 32
"""Images whose maps are kept, about 16 kB a finding."""


def heat_map(draft: Draft, number: int, encoder: Callable[[], ImageEncoder]) -> HeatMap:
    """Return what :func:`ui.viewer.radiograph` asks for the map of a label.

    Args:
        draft: whose image findings are shown.
        number: of the image that they are of.
        encoder: loads the encoder, or returns the loaded one; called when the first map is wanted. The page may
            say ``lambda: workspace.image_encoder``.
    """
    image = draft.study.images[number]

    def found(label: str) -> npt.NDArray[np.float32] | None:
        try:
            stamp = Path(image.path).stat().st_mtime_ns
            return _maps(image.path, stamp, draft.provenance["encoder"]["sha256"], image, encoder).get(label)
        except (RadragError, OSError, KeyError):  # the route of pixels has told the reader what is wrong with the file
            return None

    return found


@st.cache_data(max_entries=KEPT, show_spinner="Computing the heat map …")
def _maps(
    path: str,
    stamp: int,  # noqa: ARG001 - part of the cache's key
    sha256: str,
    _image: StudyImage,
    _encoder: Callable[[], ImageEncoder],
) -> dict[str, npt.NDArray[np.float32]]:
    """Return label → float32 [64, 64] of one image; empty where another encoder drafted it."""
    from radrag.dicom.geometry import resize
    from radrag.dicom.read import load_image
    from radrag.encoders.regions import CELLS

    encoder = _encoder()
    if sha256 and encoder.card.sha256 != sha256:
        return {}
    encoding = encoder.encode([load_image(Path(path)).greys], [_image.view])
    activations = encoding.activations[0] if encoding.activations else {}
    return {label: resize(one.heat_map(), (CELLS, CELLS)) for label, one in activations.items()}
