"""The radiograph viewer: one image as a component of its own, and which images stand where.

The browser does all that the reader does with one image: zoom, window, turn. It keeps it by image, so that a rerun of
the page changes nothing on it; the page only says which image, which findings, and which of them is in focus.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import numpy.typing as npt
import streamlit as st

from radrag.domain import ImageFinding, StudyImage, View
from ui.viewer_encoding import thumbnail

__all__ = ["Cell", "Layout", "arrange", "component_data", "pixels_url", "radiograph", "thumbnail"]

FOLDER = Path(__file__).parent
SCRIPTS = ("viewer_values.js", "viewer_geometry.js", "viewer_drawing.js", "viewer.js", "viewer_input.js")
HEIGHT = "calc(100vh - 12rem)"
HEAT_CELLS = 64
"""Rows and columns of a heat map at most, as in :data:`radrag.encoders.regions.CELLS`; the browser smooths it."""

HeatMap = Callable[[str], npt.NDArray[np.float32] | None]


@dataclass(frozen=True, slots=True)
class Cell:
    """One place on the page: an image, or the words that stand there instead.

    Attributes:
        name: what the reader calls the image.
        number: of the image in its study; None where there is none.
        prior: whether the study is the earlier one.
        link: equal for images that are looked at together; empty for those that have no partner.
        words: what to say where there is no image.
    """

    name: str
    number: int | None
    prior: bool = False
    link: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """Rows of places, from left to right, and what to say of the prior study as a whole; empty when it is shown."""

    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def arrange(current: Sequence[StudyImage], prior: Sequence[StudyImage] | None = None) -> Layout:
    """Decide where images stand: frontals left, laterals right, each prior below its current image.

    A single current image has its prior beside it, where more height is left for both.

    Args:
        current: images of the study at hand.
        prior: images of the patient's earlier study; None when there is none.
    """
    order = _frontals_first(current)
    if not prior:
        note = "No prior study" if prior is None else "The prior study holds no image"
        return Layout((tuple(Cell(_name(current[number]), number) for number in order),) if order else (), note)
    partners: dict[bool, list[int]] = {False: [], True: []}
    for number in _frontals_first(prior):
        partners[_lateral(prior[number])].append(number)
    above, below = [], []
    for number in order:
        image = current[number]
        kind = partners[_lateral(image)]
        link = f"view-{number}" if kind else ""
        above.append(Cell(_name(image), number, link=link))
        if kind:
            match = kind.pop(0)
            below.append(Cell(f"Prior {_name(prior[match])}", match, prior=True, link=link))
        else:
            which = "lateral" if _lateral(image) else "frontal"
            below.append(Cell(f"Prior {which}", None, prior=True, words=f"No prior {which}"))
    left = [Cell(f"Prior {_name(prior[one])}", one, prior=True) for kind in partners.values() for one in kind]
    if len(order) == 1:
        return Layout(((*above, *below, *left),))
    return Layout(tuple(row for row in (tuple(above), (*below, *left)) if row))


def pixels_url(draft_id: str, number: int, *, case: str = "") -> str:
    """Return where the browser asks for an image of a draft, or of a case that the draft cites."""
    query = f"?{urlencode({'case': case})}" if case else ""
    return f"/pixels/{quote(draft_id, safe='')}/{number}{query}"


def component_data(
    image: StudyImage,
    url: str,
    *,
    name: str = "",
    findings: Sequence[ImageFinding] = (),
    focus: str = "",
    heat: tuple[str, npt.NDArray[np.float32]] | None = None,
    heat_possible: bool = False,
    note: str = "",
    link: str = "",
    height: str = HEIGHT,
) -> dict[str, Any]:
    """Return what the component is told, as JSON; see :func:`radiograph` for the arguments."""
    named = name or _name(image)
    located = [one for one in findings if one.region is not None and math.isfinite(one.probability)]
    return {
        "id": f"{url}#{image.pixel_sha256 or image.sop_instance_uid}",
        "url": url,
        "name": named,
        "alt": f"Radiograph, {named}",
        "findings": [
            {"label": one.label, "probability": one.probability, "box": list(one.region or ())}
            for one in sorted(located, key=lambda one: -one.probability)
        ],
        "focus": focus,
        "heat": _heat(*heat) if heat is not None else None,
        "heat_possible": heat_possible,
        "note": note,
        "link": link,
        "height": height,
    }


def radiograph(
    image: StudyImage,
    url: str,
    *,
    key: str,
    name: str = "",
    findings: Sequence[ImageFinding] = (),
    focus: str = "",
    heat_map: HeatMap | None = None,
    link: str = "",
    height: str = HEIGHT,
) -> str:
    """Show one image; return the label of the finding whose box the reader has just clicked, else nothing.

    Args:
        image: what the study says of it.
        url: of :func:`pixels_url`.
        key: of the widget, one on the page.
        name: what the caption calls it; the view by default.
        findings: of this image; those with a region become boxes.
        focus: label of the finding to highlight; when it changes, a zoomed view moves there.
        heat_map: label → float32 [rows, columns] in [0, 1] over the whole display image, or None; called when the
            reader asks for the map. None: no heat maps.
        link: images with the same link zoom and window together while the reader wants it.
        height: CSS length of the whole viewer.
    """
    asked = f"{key}-heat-label"

    def remember() -> None:
        st.session_state[asked] = st.session_state[key].heat

    label = st.session_state.get(asked, "")
    label = focus if label and focus else label
    found = heat_map(label) if heat_map is not None and label else None
    data = component_data(
        image,
        url,
        name=name,
        findings=findings,
        focus=focus,
        heat=None if found is None else (label, found),
        heat_possible=heat_map is not None,
        note=f"No heat map of {label} for this image" if label and found is None else "",
        link=link,
        height=height,
    )
    result = _component()(key=key, data=data, on_region_change=_nothing, on_heat_change=remember)
    return str(result.region or "")


@cache
def _component() -> Any:
    html, css = (FOLDER.joinpath(f"viewer.{kind}").read_text(encoding="utf-8") for kind in ("html", "css"))
    script = "\n".join(FOLDER.joinpath(one).read_text(encoding="utf-8") for one in SCRIPTS)
    return st.components.v2.component("radrag_viewer", html=html, css=css, js=script)


def _nothing() -> None:
    """Streamlit reports an event only to a component with a callback for it."""


def _frontals_first(images: Sequence[StudyImage]) -> list[int]:
    return sorted(range(len(images)), key=lambda number: _lateral(images[number]))


def _lateral(image: StudyImage) -> bool:
    return image.view is View.LATERAL


def _name(image: StudyImage) -> str:
    return "View unknown" if image.view is View.UNKNOWN else image.view.value.replace("LATERAL", "Lateral")


def _heat(label: str, grid: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Return a heat map, at most HEAT_CELLS a side, in two decimals."""
    from radrag.dicom.geometry import resize

    rows, columns = (min(size, HEAT_CELLS) for size in grid.shape)
    small = np.clip(resize(np.asarray(grid, dtype=np.float32), (rows, columns)), 0, 1)
    return {"label": label, "rows": rows, "columns": columns, "values": [round(float(one), 2) for one in small.ravel()]}
