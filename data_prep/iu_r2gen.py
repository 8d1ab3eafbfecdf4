"""R2Gen's layout of the Indiana University collection: ``annotation.json`` with splits, and renumbered images.

Chen et al. 2020 kept the 2,955 reports that have findings and two images. The images lie as ``images/<id>/0.png`` and
``1.png``; which of a report's films is which cannot be told from the names, so they get no UID and no view here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data_prep.files import decode, inside
from data_prep.iu_common import (
    HEADERS,
    Terms,
    bundled_folder,
    has_text,
    held_image,
    image_name,
    no_images_note,
    read_headers,
    without_text_note,
)
from data_prep.iu_openi import image_index
from data_prep.kinds import Options
from radrag.corpus.collection import Collection, Item, ItemRejected, Merge, Rejection, RejectionCode
from radrag.domain import StudyImage, View

_NAMES = ("annotation.json", "annotation_r2gen.json")
_ID = re.compile(r"(CXR\d+)_(?:\d+_)?IM-\d+(?:-\d+)*")
_SPLITS = {"train": "train", "val": "val", "valid": "val", "validate": "val", "test": "test"}
_MAX_BYTES = 64 * 2**20  # the published file has 1 MB; it is read whole


def r2gen_looks_like(path: Path) -> bool:
    """Whether a folder has the annotation file of this collection (MIMIC-CXR's has the same name, other ids)."""
    file = _annotation(path)
    if file is None:
        return False
    with file.open("rb") as raw:
        return re.search(r'"id"\s*:\s*"CXR\d+_', decode(raw.read(65536))[0]) is not None


def r2gen_open(path: Path, options: Options) -> Collection:
    """Return the collection; it fills what cases of the other layouts lack, its split above all."""
    terms = Terms.of(options)
    return Collection(terms.info(str(path)), _items(path, terms), None, Merge.FILL)


def _items(root: Path, terms: Terms) -> Iterator[Item]:
    file = _annotation(root) or root / _NAMES[0]
    try:
        entries = _entries(file)
    except ItemRejected as refusal:
        yield refusal.rejection
        return
    films = _Films(root)
    if films.none:
        yield no_images_note(".", "images/<id>/0.png")
    seen: set[str] = set()
    for item, split, entry in entries:
        name, report, paths = (entry.get(key) for key in ("id", "report", "image_path"))
        found = _ID.fullmatch(name) if isinstance(name, str) else None
        if found is None:
            yield Rejection(RejectionCode.MISSING_ID, item, "the entry has no id like CXR25_IM-1024.")
            continue
        if not isinstance(report, str):
            yield Rejection(RejectionCode.BAD_VALUE, item, "the entry's report is not a text.")
            continue
        if found[1] in seen:
            yield Rejection(RejectionCode.DUPLICATE_ID, item, "another entry has the same id; the first holds.")
            continue
        seen.add(found[1])
        images: list[StudyImage] = []
        for image in films.of(found[0], paths if isinstance(paths, list) else [], item):
            if isinstance(image, Rejection):
                yield image
            else:
                images.append(image)
        case = terms.case(found[1], images, {"findings": report} if report.strip() else {}, split=split)
        if not has_text(case):
            yield without_text_note(item)
        yield case


class _Films:
    """The image files: R2Gen's own tree, else Open-i's PNG beside the annotation file."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own = (root / "images").is_dir()
        self._openi: dict[str, list[str]] = {}
        self._headers: Mapping[str, StudyImage] = {}
        if not self._own:
            self._index = image_index(root)
            for name in sorted(self._index):
                self._openi.setdefault(name.rsplit("-", 1)[0], []).append(name)
            self._headers = read_headers(bundled_folder() / HEADERS) if self._index else {}

    @property
    def none(self) -> bool:
        return not self._own and not self._openi

    def of(self, name: str, paths: list[Any], item: str) -> Iterator[StudyImage | Rejection]:
        """Yield the images of one entry."""
        if not self._own:
            for film in self._openi.get(image_name(name), ()):
                yield held_image(film, self._root / self._index[film], self._headers)
            return
        for path in paths:
            try:
                yield StudyImage("", View.UNKNOWN, 0, 0, str(inside(self._root / "images", str(path), item)))
            except ItemRejected as refusal:
                yield refusal.rejection


def _annotation(root: Path) -> Path | None:
    return next((root / name for name in _NAMES if (root / name).is_file()), None)


def _entries(file: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (item, split, entry) of the whole file."""
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise ItemRejected(RejectionCode.UNREADABLE_REPORT, file.name, "the file is too large to be R2Gen's.")
        whole = json.loads(decode(file.read_bytes())[0])
    except (OSError, ValueError, RecursionError) as error:
        message = f"the file cannot be read as JSON ({type(error).__name__}). Copy it again."
        raise ItemRejected(RejectionCode.UNREADABLE_REPORT, file.name, message) from None
    if not isinstance(whole, dict) or not _SPLITS.keys() & whole.keys():
        raise ItemRejected(RejectionCode.WRONG_HEADER, file.name, "the file has none of 'train', 'val' and 'test'.")
    return [
        (f"{file.name}:{key}[{number}]", _SPLITS[key], entry if isinstance(entry, dict) else {})
        for key, entries in whole.items()
        if key in _SPLITS and isinstance(entries, list)
        for number, entry in enumerate(entries)
    ]
