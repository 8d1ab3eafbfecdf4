"""CheXpert Plus: the reports of CheXpert's studies in sections, with PNG, DICOM or JPEG images (Chambon et al. 2024).

The table has one row an image, in no order, and repeats the report in the rows of a study. So it is read twice: once
for the views of each study, once for the texts.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from data_prep.chexpert_labels import codes
from data_prep.chexpert_tree import (
    LICENCE,
    SPLITS,
    ImageTree,
    ViewName,
    age_of,
    no_images_note,
    parse_path,
    sex_of,
    view_of,
)
from data_prep.files import Row, decode, read_table
from data_prep.kinds import Options
from radrag.corpus.collection import Collection, Item, ItemRejected, Rejection, RejectionCode
from radrag.domain import Case, StudyImage, View
from radrag.store.values import CorpusInfo

CORPUS = "chexpert-plus"
_TABLE = "df_chexpert_plus_*.csv"
_REQUIRED = ("path_to_image", "section_findings", "section_impression")
# Column → section. "summary" is a code with a signature ("2-ABNORMAL…") and "end of impression" what follows it, so
# neither is the impression; the accession number is left where it is.
_SECTIONS = {
    "section_narrative": "narrative",
    "section_clinical_history": "history",
    "section_history": "history",
    "section_comparison": "comparison",
    "section_technique": "technique",
    "section_procedure_comments": "procedure comments",
    "section_findings": "findings",
    "section_impression": "impression",
    "section_end_of_impression": "end of impression",
    "section_summary": "summary",
}
# CheXbert was run on sections that are blank too, and calls those normal: labels count only where the section has
# text. Nearly all reports have an impression, a quarter has findings. report_fixed.json, of the whole report with its
# history, is not read.
_LABELS = {"impression": "impression_fixed.json", "findings": "findings_fixed.json"}
_LOOKED_AT = 50
_Views = dict[int, list[tuple[str, View]]]
_Labels = dict[int, tuple[str, ...]]
_Study = tuple[ViewName, tuple[StudyImage, ...]]


def chexpert_plus_looks_like(path: Path) -> bool:
    """Whether a folder has the table of reports, in itself or one below."""
    return path.is_dir() and _find(path, _TABLE) is not None


def chexpert_plus_open(path: Path, options: Options) -> Collection:
    """Return the collection: cases ``chexpert-plus:patient00001-study1``, with labels where their file is there."""
    licence = options.licence or LICENCE
    info = CorpusInfo(options.name or CORPUS, "CheXpert Plus", licence, restricted=True, source=str(path))
    return Collection(info, _items(path, info, options.salt))


def _items(root: Path, info: CorpusInfo, salt: str) -> Iterator[Item]:
    table = _find(root, _TABLE)
    if table is None:
        return
    views: _Views = {}
    for row in read_table(table, _REQUIRED, root=root):
        refused = row if isinstance(row, Rejection) else _note_view(row, views)
        if refused:
            yield refused
    labels: dict[str, _Labels] = {}
    for section, file_name in _LABELS.items():
        labels[section] = {}
        file = _find(root, file_name)
        if file:
            yield from _read_labels(file, file.relative_to(root).as_posix(), labels[section])
    tree = ImageTree(root)
    told: set[str] = set()
    for row in read_table(table, _REQUIRED, root=root):
        name = None if isinstance(row, Rejection) else _name(row)
        if isinstance(row, Rejection) or not isinstance(name, ViewName) or name.key not in views:
            continue  # told in the first reading, or one more view of a study that was read
        if not tree.has(name.split) and name.split not in told:
            told.add(name.split)
            yield no_images_note(name.split)
        images: list[StudyImage] = []
        for view_name, view in views.pop(name.key):
            if tree.has(name.split):
                try:
                    images.append(tree.image(replace(name, view=view_name), view, row.item))
                except ItemRejected as refusal:
                    yield refusal.rejection
        case = _case(row, (name, tuple(images)), labels, info, salt)
        if not case.sections.keys() & _LABELS.keys():
            message = "the report has neither findings nor an impression; the case is stored, but cannot be evidence."
            yield Rejection(RejectionCode.MISSING_REPORT, row.item, message, kept=True)
        yield case


def _case(row: Row, study: _Study, labels: Mapping[str, _Labels], info: CorpusInfo, salt: str) -> Case:
    name, images = study
    sections = _sections(row)
    sources = [labels[section] for section in _LABELS if section in sections]
    return Case(
        case_id=f"{info.name}:{name.accession}",
        corpus=info.name,
        patient_key=name.patient_key(salt),
        images=images,
        sections=sections,
        labels=next((source[name.key] for source in sources if name.key in source), ()),
        licence=info.licence,
        restricted=True,
        split=SPLITS.get(row.get("split").lower(), SPLITS[name.split]),
        sex=sex_of(row.get("sex")),
        age=age_of(row.get("age")),
    )


def _name(row: Row) -> ViewName | Rejection:
    try:
        return parse_path(row.get("path_to_image"), row.item)
    except ItemRejected as refusal:
        return refusal.rejection


def _note_view(row: Row, views: _Views) -> Rejection | None:
    """Add a row's view to its study's."""
    name = _name(row)
    if isinstance(name, Rejection):
        return name
    known = views.setdefault(name.key, [])
    if any(view == name.view for view, _ in known):
        return Rejection(RejectionCode.DUPLICATE_ID, row.item, "the image has a row already; the first one holds.")
    # A handful of view names comes in 223,000 rows: one string each.
    known.append((sys.intern(name.view), view_of(name, row.get("frontal_lateral"), row.get("ap_pa"))))
    return None


def _sections(row: Row) -> dict[str, str]:
    """Return the sections that have text, verbatim; a clinical history and a history are one."""
    found: dict[str, str] = {}
    for column, section in _SECTIONS.items():
        text = row.values.get(column, "")
        if text.strip() and text != found.get(section):
            found[section] = f"{found[section]}\n{text}" if section in found else text
    return found


def _read_labels(file: Path, item: str, labels: _Labels) -> Iterator[Rejection]:
    """Read a label file: one JSON object a line, with ``path_to_image`` and the fourteen labels."""
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            place = f"{item}:{number}"
            if not line.strip():
                continue
            try:
                entry = json.loads(decode(line)[0])
            except (ValueError, RecursionError):
                entry = None
            if not isinstance(entry, dict):
                yield Rejection(RejectionCode.BAD_ROW, place, "the line is not a JSON object.")
                continue
            row = {key: "" if value is None else str(value) for key, value in entry.items()}
            try:
                name = parse_path(row.get("path_to_image", ""), place)
                found = codes(row, place)
            except ItemRejected as refusal:
                yield refusal.rejection
                continue
            labels.setdefault(name.key, known.setdefault(found, found))


def _find(root: Path, pattern: str) -> Path | None:
    """Return the first file of that name in a folder or one of its first sub-folders."""
    with os.scandir(root) as entries:
        folders = sorted(entry.name for entry in islice(entries, _LOOKED_AT) if entry.is_dir())
    return next((file for part in ("", *folders) for file in sorted((root / part).glob(pattern))), None)
