"""What the pages share across reruns: settings, the store, rendered images; every cache is bounded.

Sessions die with the browser's socket, so nothing a reader would miss lives here: drafts are read from the store on
each run, and images can always be rendered again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from radrag.domain import Case, StudyImage
from radrag.errors import RadragError, StudyRefused
from radrag.settings import Settings, load_settings
from ui import viewer

if TYPE_CHECKING:
    from radrag.dicom.geometry import Geometry
    from radrag.store.repository import Store

RENDERED_IMAGES = 8  # about 5 MB each
THUMBNAILS = 128  # about 60 kB each


@dataclass(frozen=True, slots=True)
class Shown:
    """One image as the page shows it.

    Attributes:
        image: the rendered image, or None.
        geometry: where the original pixels lie in it.
        problem: why there is no image.
        changed: whether the file's pixels are not those that were drafted.
    """

    image: viewer.DisplayImage | None
    geometry: Geometry | None = None
    problem: str = ""
    changed: bool = False


def settings() -> Settings:
    """Return the settings of the workspace that ``radrag review`` was started with."""
    return load_settings()


def store() -> Store:
    """Return the workspace's store, opened once a process."""
    return _store(settings().url)


@st.cache_resource(max_entries=2, show_spinner=False)
def _store(url: str) -> Store:
    from radrag.store.repository import Store

    return Store.open(url)


def shown(image: StudyImage) -> Shown:
    """Return a study's image, ready for the browser; a file that moved or cannot be read is said, never raised."""
    path = Path(image.path)
    if not image.path:
        return Shown(None, problem="The image file is not held.")
    try:
        stamp = path.stat().st_mtime_ns
        rendered, geometry, pixel_sha256 = _rendered(image.path, stamp)
    except StudyRefused as error:
        return Shown(None, problem=f"The image file cannot be read: {error.reason}")
    except (RadragError, OSError) as error:
        reason = (
            "it is not where it was when the draft was made" if isinstance(error, FileNotFoundError) else str(error)
        )
        return Shown(None, problem=f"The image file cannot be shown: {reason}.")
    known = bool(image.pixel_sha256 and pixel_sha256)
    return Shown(rendered, geometry, changed=known and image.pixel_sha256 != pixel_sha256)


@st.cache_data(max_entries=RENDERED_IMAGES, show_spinner="Rendering the image …")
def _rendered(path: str, stamp: int) -> tuple[viewer.DisplayImage, Geometry, str]:  # noqa: ARG001 - part of the cache's key
    from radrag.dicom.read import load_image

    image = load_image(Path(path))
    return viewer.display_image(image.pixels), image.geometry, image.image.pixel_sha256


def evidence(draft_id: str) -> Mapping[str, Case]:
    """Return the cases that a draft quotes, by id; those of removed corpora are left out.

    The store puts each reading on record, so this reads once a session and draft, and keeps one draft's cases.
    """
    held = st.session_state.get("evidence")
    if held is None or held[0] != draft_id:
        held = st.session_state["evidence"] = (draft_id, store().read_evidence(draft_id))
    return held[1]


def picture(found: Case | None) -> str:
    """Return a PNG data URI of a case's first readable image; empty when none is held."""
    for image in found.images if found else ():
        try:
            if image.path:
                return _thumbnail(image.path, Path(image.path).stat().st_mtime_ns)
        except (RadragError, OSError):
            continue
    return ""


@st.cache_data(max_entries=THUMBNAILS, show_spinner=False)
def _thumbnail(path: str, stamp: int) -> str:  # noqa: ARG001 - part of the cache's key
    from radrag.dicom.read import load_image

    return viewer.thumbnail(load_image(Path(path)).pixels)
