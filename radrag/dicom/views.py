"""The projection of an image, from whichever of its header's fields says it most reliably."""

from __future__ import annotations

import re
from pathlib import Path

from pydicom.dataset import Dataset

from radrag.dicom.header import first_item, text, texts
from radrag.domain import View

# PS3.16 CID 4010 "DX View", as SNOMED CT and as the older SNOMED-RT codes (PS3.16 annex on mapping).
_CODES = {
    "272479007": View.PA,
    "R-10214": View.PA,
    "R-40888": View.PA,
    "399348003": View.AP,
    "R-10206": View.AP,
    "399067008": View.LATERAL,
    "399173006": View.LATERAL,
    "R-10236": View.LATERAL,
    "399198007": View.LATERAL,
    "R-10232": View.LATERAL,
}
# PS3.3 C.8.7.1.1 and C.8.11.1 defined terms of ViewPosition, and what devices write in their place.
_POSITIONS = {
    "PA": View.PA,
    "AP": View.AP,
    "LL": View.LATERAL,
    "RL": View.LATERAL,
    "LAT": View.LATERAL,
    "LLAT": View.LATERAL,
    "RLAT": View.LATERAL,
    "LATERAL": View.LATERAL,
    "LEFT LATERAL": View.LATERAL,
    "RIGHT LATERAL": View.LATERAL,
}
# Words stand alone: no "AP" in "CAPTION", no "LAT" in "PLATE". Digits may touch them ("PA1"), letters may not.
_WORDS = {
    View.PA: re.compile(r"(?<![a-z])(?:p\.?a\.?|postero-?\s?anterior|posteroanterior)(?![a-z])", re.I),
    View.AP: re.compile(r"(?<![a-z])(?:a\.?p\.?|antero-?\s?posterior|anteroposterior)(?![a-z])", re.I),
    View.LATERAL: re.compile(r"(?<![a-z])(?:ll|lat|lateral|laterale|profil|profile|seitlich)(?![a-z])", re.I),
}
# A lateral decubitus film is a frontal projection, an oblique one neither frontal nor lateral.
_NEITHER = re.compile(r"decub|(?<![a-z])obl(?:ique)?(?![a-z])|unilateral|bilateral", re.I)
# The free texts of an image, the more specific first; the study's description speaks for all its images.
_TEXTS = ("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription")
_SIDE_LETTER = re.compile(r"[_\-. ]L(?:AT)?$")


def view_of(header: Dataset, path: Path | None = None) -> View:
    """Return the projection that a DICOM header states.

    Order: ViewPosition, ViewCodeSequence, the image's free texts, PatientOrientation (lateral only), PatientPosition
    (where some archives put it), the study's description, the file name. A text that names two views says nothing.
    """
    position = text(header, "ViewPosition").upper()
    if position in _POSITIONS:
        return _POSITIONS[position]
    code = text(first_item(header, "ViewCodeSequence"), "CodeValue")
    if code in _CODES:
        return _CODES[code]
    for keyword in _TEXTS:
        found = view_in_text(text(header, keyword))
        if found is not View.UNKNOWN:
            return found
    if is_lateral(texts(header, "PatientOrientation")):
        return View.LATERAL
    position = text(header, "PatientPosition").upper()
    if position in _POSITIONS:
        return _POSITIONS[position]
    found = view_in_text(text(header, "StudyDescription"))
    return view_in_name(path) if found is View.UNKNOWN and path is not None else found


def view_in_text(words: str) -> View:
    """Return the one projection that free text names; UNKNOWN for none, for several, and for oblique or decubitus."""
    if not words or _NEITHER.search(words):
        return View.UNKNOWN
    named = [view for view, pattern in _WORDS.items() if pattern.search(words)]
    return named[0] if len(named) == 1 else View.UNKNOWN


def view_in_name(path: Path) -> View:
    """Return the projection that a file's name tells, such as ``case7_lateral.png`` or ``case7_L.png``."""
    stem = path.stem
    found = view_in_text(stem)
    # A lone L only at the end: elsewhere it is an initial, or the side of a finding.
    return View.LATERAL if found is View.UNKNOWN and _SIDE_LETTER.search(stem) else found


def is_lateral(orientation: list[str]) -> bool:
    """Whether PatientOrientation (PS3.3 C.7.6.1.1.1) says the row runs front to back."""
    return bool(orientation) and orientation[0][:1].upper() in {"A", "P"}
