"""CheXpert: images and labels without report texts, one case a study (Irvin et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data_prep.chexpert_labels import LABELS, codes, label_section
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
from data_prep.files import Row, header_of, read_table
from data_prep.kinds import Options
from radrag.corpus.collection import Collection, Item, ItemRejected, Rejection, RejectionCode
from radrag.domain import Case, StudyImage, View
from radrag.store.values import CorpusInfo

CORPUS = "chexpert"
_TABLES = ("train.csv", "valid.csv", "test.csv", "test_labels.csv")
_FOLDERS = ("", "CheXpert-v1.0-small", "CheXpert-v1.0", "CheXpert", "CheXpert-v1.0 batch 1 (validate & csv)")
_COLUMNS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS)
# The test set's table, published later, has neither people nor projections, and in some copies no "No Finding".
_TEST_COLUMNS = ("Path", *LABELS[1:])
_KNOWN = 3  # label columns by which a table is told from other people's train.csv


def chexpert_looks_like(path: Path) -> bool:
    """Whether a folder has one of CheXpert's label tables."""
    return path.is_dir() and any(sum(name in LABELS for name in header_of(table)) >= _KNOWN for table in _tables(path))


def chexpert_open(path: Path, options: Options) -> Collection:
    """Return the collection: cases ``chexpert:patient00001-study1`` with labels, and these in words."""
    info = CorpusInfo(options.name or CORPUS, "CheXpert", options.licence or LICENCE, restricted=True, source=str(path))
    return Collection(info, _items(path, info, options.salt))


def _tables(root: Path) -> list[Path]:
    """Return the tables that are there, each from the first folder that has it."""
    found = (
        next((root / part / name for part in _FOLDERS if (root / part / name).is_file()), None) for name in _TABLES
    )
    return [table for table in found if table]


@dataclass(frozen=True, slots=True)
class _Row:
    """One image's row, understood."""

    item: str
    name: ViewName
    view: View
    labels: tuple[str, ...]
    sex: str
    age: float | None


def _items(root: Path, info: CorpusInfo, salt: str) -> Iterator[Item]:
    tree = ImageTree(root)
    seen: set[int] = set()
    told: set[str] = set()
    for table in _tables(root):
        for rows in _studies(root, table):
            if isinstance(rows, Rejection):
                yield rows
                continue
            name = rows[0].name
            if name.key in seen:
                message = "the study came before; its rows must stand together, and the first ones hold."
                yield Rejection(RejectionCode.DUPLICATE_ID, rows[0].item, message)
                continue
            seen.add(name.key)
            if not tree.has(name.split) and name.split not in told:
                told.add(name.split)
                yield no_images_note(name.split)
            yield from _study(rows, tree, info, salt)


def _studies(root: Path, table: Path) -> Iterator[list[_Row] | Rejection]:
    """Yield the rows of one study after the other."""
    held: list[_Row] = []
    for row in read_table(table, _TEST_COLUMNS if table.stem.startswith("test") else _COLUMNS, root=root):
        if isinstance(row, Rejection):
            yield row
            continue
        try:
            found = _understood(row)
        except ItemRejected as refusal:
            yield refusal.rejection
            continue
        if held and held[0].name.key != found.name.key:
            yield held
            held = []
        held.append(found)
    if held:
        yield held


def _understood(row: Row) -> _Row:
    name = parse_path(row.get("Path"), row.item)
    view = view_of(name, row.get("Frontal/Lateral"), row.get("AP/PA"))
    return _Row(row.item, name, view, codes(row.values, row.item), sex_of(row.get("Sex")), age_of(row.get("Age")))


def _study(rows: list[_Row], tree: ImageTree, info: CorpusInfo, salt: str) -> Iterator[Item]:
    first = rows[0]
    images: dict[str, StudyImage] = {}
    for row in rows:
        if row.labels != first.labels:
            message = "the views of one study have different labels; those of its first row were taken."
            yield Rejection(RejectionCode.AMBIGUOUS_MATCH, row.item, message, kept=True)
        if row.name.view in images:
            yield Rejection(RejectionCode.DUPLICATE_ID, row.item, "the image has a row already; the first one holds.")
        elif tree.has(row.name.split):
            try:
                images[row.name.view] = tree.image(row.name, row.view, row.item)
            except ItemRejected as refusal:
                yield refusal.rejection
    if not first.labels:
        message = "the study has no label; the case is stored, but cannot be evidence."
        yield Rejection(RejectionCode.MISSING_REPORT, first.item, message, kept=True)
    yield Case(
        case_id=f"{info.name}:{first.name.accession}",
        corpus=info.name,
        patient_key=first.name.patient_key(salt),
        images=tuple(images.values()),
        sections={"labels": label_section(first.labels)} if first.labels else {},
        labels=first.labels,
        licence=info.licence,
        restricted=True,
        split=SPLITS[first.name.split],
        sex=first.sex,
        age=first.age,
    )
