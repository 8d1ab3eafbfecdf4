"""Kaggle's layout of the Indiana University collection: two CSV tables, and the images as normalised PNG."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from data_prep.files import Row, inside, read_table
from data_prep.iu_common import (
    HEADERS,
    Terms,
    bundled_folder,
    has_text,
    held_image,
    image_name,
    no_images_note,
    read_headers,
    unnamed_note,
    without_text_note,
)
from data_prep.kinds import Options
from radrag.corpus.collection import Collection, Item, ItemRejected, Merge, Rejection, RejectionCode
from radrag.domain import StudyImage, View

REPORTS = "indiana_reports.csv"
PROJECTIONS = "indiana_projections.csv"
_SECTIONS = ("comparison", "indication", "findings", "impression")
_IMAGES = ("images/images_normalized", "images_normalized", "images")


def kaggle_looks_like(path: Path) -> bool:
    """Whether a folder has the table of reports."""
    return (path / REPORTS).is_file()


def kaggle_open(path: Path, options: Options) -> Collection:
    """Return the collection."""
    terms = Terms.of(options)
    return Collection(terms.info(str(path)), _items(path, terms), None, Merge.UPDATE)


def _items(root: Path, terms: Terms) -> Iterator[Item]:
    headers = read_headers(bundled_folder() / HEADERS)
    films = next((root / name for name in _IMAGES if (root / name).is_dir()), None)
    if films is None:
        yield no_images_note(".", f"{_IMAGES[0]}/*.dcm.png")
    views: dict[str, dict[str, str]] = {}
    for row in read_table(root / PROJECTIONS, ("uid", "filename", "projection")):
        if isinstance(row, Rejection):
            yield row
        elif not row.get("uid") or not row.get("filename"):
            yield Rejection(RejectionCode.MISSING_ID, row.item, "the row has no uid or no filename.")
        else:
            views.setdefault(row.get("uid"), {})[row.get("filename")] = row.get("projection")
    named = {name for names in views.values() for name in names}
    seen: set[str] = set()
    for row in read_table(root / REPORTS, ("uid", "findings", "impression")):
        if isinstance(row, Rejection):
            yield row
            continue
        uid = row.get("uid")
        try:
            _check(uid, seen, row.item)
        except ItemRejected as refusal:
            yield refusal.rejection
            continue
        seen.add(uid)
        images: list[StudyImage] = []
        for name, projection in views.pop(uid, {}).items():
            if films is None:
                break
            try:
                images.append(_image(inside(films, name, row.item), projection, headers))
            except ItemRejected as refusal:
                yield refusal.rejection
        case = terms.case(f"CXR{uid}", images, _sections(row), _codes(row))
        if not has_text(case):
            yield without_text_note(row.item)
        yield case
    yield from _left_over(films, named, sum(len(names) for names in views.values()))


def _check(uid: str, seen: set[str], item: str) -> None:
    """Refuse a row whose uid names no new report."""
    if not uid:
        raise ItemRejected(RejectionCode.MISSING_ID, item, "the row has no uid.")
    if not re.fullmatch(r"[0-9]{1,9}", uid):
        raise ItemRejected(RejectionCode.BAD_VALUE, item, "the uid is not a number.")
    if uid in seen:
        raise ItemRejected(RejectionCode.DUPLICATE_ID, item, "another row has the same uid; the first holds.")


def _image(path: Path, projection: str, headers: Mapping[str, StudyImage]) -> StudyImage:
    """Return an image; the projection tells frontal from lateral, the header table PA from AP.

    View Position cannot be trusted for the first: CXR1000_IM-0003-2001 is a lateral film whose header says PA.
    """
    image = held_image(image_name(path.name), path, headers)
    if projection.lower() == "lateral":
        return replace(image, view=View.LATERAL)
    if projection.lower() == "frontal" and image.view is View.LATERAL:
        return replace(image, view=View.UNKNOWN)
    return image


def _sections(row: Row) -> dict[str, str]:
    texts = {name: row.values.get(name, "") for name in _SECTIONS}
    return {name: text for name, text in texts.items() if text.strip()}


def _codes(row: Row) -> tuple[str, ...]:
    """Return the MeSH codes, once each; the table joins with ``;`` what the XML has as ``major``."""
    return tuple(dict.fromkeys(code.strip() for code in row.get("MeSH").split(";") if code.strip()))


def _left_over(films: Path | None, named: set[str], without_report: int) -> Iterator[Rejection]:
    if films is None:
        return
    with os.scandir(films) as entries:
        unnamed = sum(1 for entry in entries if image_name(entry.name) and entry.name not in named)
    if unnamed + without_report:
        yield unnamed_note(PROJECTIONS, unnamed + without_report)
