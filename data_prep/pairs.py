"""A table of images and texts (CSV, JSON lines, Parquet) as cases."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from data_prep.files import inside
from data_prep.kinds import Options
from data_prep.pair_columns import find_columns
from data_prep.pair_tables import TableRow, columns_of, is_table, read_rows, row_count
from data_prep.pair_values import Values, values_of
from radrag.corpus.collection import Collection, Item, ItemRejected, Rejection, RejectionCode
from radrag.dicom.deidentify import patient_key
from radrag.domain import Case, StudyImage
from radrag.errors import CorpusError
from radrag.reports.sections import BODY
from radrag.store.values import CorpusInfo

_PEEKED_ROWS = 200
_NOTES_A_FIELD = 20
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
_MOST_FILES = 10_000  # looked at for images before the folder is taken to have some
# PhysioNet's Credentialed Health Data licence and the Stanford research use agreement (CheXpert) forbid passing on.
_RESTRICTED = re.compile(
    r"credentialed|physionet.{0,40}restricted|stanford.{0,80}research use|research use agreement", re.I
)
_GOOD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=@/-]{0,79}")


@dataclass(frozen=True, slots=True)
class _Table:
    """What holds for every row: the file, its columns, and where names of images start from."""

    path: Path
    columns: dict[str, str]
    info: CorpusInfo
    salt: str
    folder: Path | None
    with_images: bool

    @property
    def root(self) -> Path:
        return self.path.parent


@dataclass(frozen=True, slots=True)
class _Pair:
    """One row, or several of one study: ``paths`` are those of ``values.images``."""

    item: str
    values: Values
    paths: tuple[Path, ...]


def pairs_looks_like(path: Path) -> bool:
    """Whether ``path`` is a table, or a folder with exactly one at its root."""
    return _table_of(path) is not None


def pairs_open(path: Path, options: Options) -> Collection:
    """Return the table's rows as a collection.

    Restricted is what the user says to be, or what names restricting terms in the licence given or in the first 200
    rows; a later row under such terms is rejected (``restricted_terms``), since then it is too late to keep the rest
    from passing on.

    Raises:
        ItemRejected: ``wrong_header``.
        UsageError: ``options.columns`` names a field that there is not.
    """
    table = _table_of(path)
    if table is None:
        raise CorpusError(f"{path} is neither a table nor a folder with exactly one.", hint="Name the table.")
    columns = columns_of(table)
    found = find_columns(columns, options.columns, table.name) if columns else {}
    name = options.name or _slug(path.name if path.is_dir() else path.name.partition(".")[0])
    info = CorpusInfo(name, f"Pairs of {table.name}", options.licence, source=str(path))
    folder = _image_folder(table.parent)
    opened = _Table(table, found, info, options.salt, folder, with_images=True)
    peeked = list(islice(_values(opened), _PEEKED_ROWS)) if found else []
    restricted = options.restricted or any(map(_RESTRICTED.search, [options.licence, *(v.licence for v in peeked)]))
    opened = replace(opened, info=replace(info, restricted=restricted), with_images=_has_images(opened, peeked))
    return Collection(opened.info, _items(opened), row_count(table))


def _items(table: _Table) -> Iterator[Item]:
    if not table.columns:
        yield from _why_unreadable(table)
        return
    if not table.with_images:
        message = "the folder holds no image files: the texts were taken without images."
        yield Rejection(RejectionCode.MISSING_IMAGE, table.path.name, message, kept=True)
    seen: set[bytes] = set()
    notes: Counter[str] = Counter()
    group: _Pair | None = None
    for row in read_rows(table.path, tuple(table.columns.values())):
        if isinstance(row, Rejection):
            yield row
            continue
        try:
            pair = _pair(table, row)
        except ItemRejected as rejected:
            yield rejected.rejection
            continue
        yield from _notes(pair, notes)
        if group is not None and pair.values.study and pair.values.study == group.values.study:
            if pair.values.sections and group.values.sections and pair.values.sections != group.values.sections:
                message = "the row has the study or id of the row before, but another text."
                yield Rejection(RejectionCode.DUPLICATE_ID, pair.item, message)
            else:
                group = _joined(group, pair)
            continue
        if group is not None:
            yield from _finished(table, group, seen)
        group = pair
    if group is not None:
        yield from _finished(table, group, seen)


def _pair(table: _Table, row: TableRow) -> _Pair:
    item, cells = row
    values = values_of(cells, table.columns)
    if not values.sections and not values.images:
        raise ItemRejected(RejectionCode.BAD_ROW, item, "the row has neither image nor text.")
    if _RESTRICTED.search(values.licence) and not table.info.restricted:
        message = "the row's licence forbids passing it on; add the table with --restricted to take it."
        raise ItemRejected(RejectionCode.RESTRICTED_TERMS, item, message)
    return _Pair(item, values, tuple(_locate(table, name, item) for name in values.images))


def _notes(pair: _Pair, counts: Counter[str]) -> Iterator[Rejection]:
    """Name the cells that mean nothing, a few for each field; their content stays out, since it may be anything."""
    for field in pair.values.unread:
        counts[field] += 1
        if counts[field] <= _NOTES_A_FIELD:
            more = " Further ones are not listed." if counts[field] == _NOTES_A_FIELD else ""
            message = f"the {field} cannot be read; the row was taken without it.{more}"
            yield Rejection(RejectionCode.BAD_VALUE, pair.item, message, kept=True)


def _joined(group: _Pair, pair: _Pair) -> _Pair:
    """Add a row's images to its study; its text, when the study had none yet."""
    fresh = [place for place, path in enumerate(pair.paths) if path not in group.paths]
    values = replace(
        group.values,
        images=group.values.images + tuple(pair.values.images[place] for place in fresh),
        views=group.values.views + tuple(pair.values.views[place] for place in fresh),
        sections=group.values.sections or pair.values.sections,
    )
    return replace(group, values=values, paths=group.paths + tuple(pair.paths[place] for place in fresh))


def _finished(table: _Table, pair: _Pair, seen: set[bytes]) -> Iterator[Item]:
    case = _case(table, pair, seen)
    if isinstance(case, Case) and not any(name in case.sections for name in BODY):
        message = "the report has neither findings nor impression; it cannot be evidence."
        yield Rejection(RejectionCode.MISSING_REPORT, pair.item, message, kept=True)
    yield case


def _case(table: _Table, pair: _Pair, seen: set[bytes]) -> Case | Rejection:
    values = pair.values
    if not values.sections:
        return Rejection(RejectionCode.MISSING_REPORT, pair.item, "the image has no text.")
    case_id = f"{table.info.name}:{_accession(values)}"
    mark = hashlib.sha256(case_id.encode()).digest()[:12]  # a fifth of the memory of the id
    if mark in seen and not values.study:
        message = "the same image and text came before; they were taken once."
        return Rejection(RejectionCode.DUPLICATE_ID, pair.item, message, kept=True)
    if mark in seen:
        message = "the study or id came before; rows of one study must follow each other: sort the table."
        return Rejection(RejectionCode.DUPLICATE_ID, pair.item, message)
    seen.add(mark)
    images = zip(pair.paths, values.views, strict=True) if table.with_images else ()
    return Case(
        case_id=case_id,
        corpus=table.info.name,
        # The name keeps short patient numbers of different tables apart.
        patient_key=patient_key(table.salt, f"{table.info.name}:{values.patient}") if values.patient else "",
        images=tuple(StudyImage("", view, 0, 0, path=str(path)) for path, view in images),
        sections=dict(values.sections),
        labels=values.labels,
        licence=values.licence or table.info.licence,
        restricted=table.info.restricted,
        split=values.split,
        sex=values.sex,
        age=values.age,
        studied_at=values.studied_at,
    )


def _accession(values: Values) -> str:
    """The study or id; one that no file name or address would take, and a row without any, is named by its content."""
    if _GOOD_ID.fullmatch(values.study):
        return values.study
    content = values.study or "\0".join((*values.images, "", *values.sections.values()))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _locate(table: _Table, name: str, item: str) -> Path:
    """The file that a row names, from the table's folder or from its folder of images."""
    absolute = Path(name)
    if absolute.is_absolute():
        for root in (table.root.absolute(), table.root.resolve()):
            if absolute.is_relative_to(root):
                name = absolute.relative_to(root).as_posix()
    try:
        path = inside(table.root, name, item)
        if table.folder and not path.exists():
            nested = inside(table.folder, name, item)
            return nested if nested.exists() else path
    except OSError:
        raise ItemRejected(RejectionCode.BAD_VALUE, item, "the image's name cannot be that of a file.") from None
    return path


def _table_of(path: Path) -> Path | None:
    if path.is_file():
        return path if is_table(path) else None
    tables = [one for one in sorted(path.iterdir()) if is_table(one)] if path.is_dir() else []
    if len(tables) > 1:  # labels and splits often lie beside the one with the texts
        tables = [one for one in tables if _has_pairs(one)]
    return tables[0] if len(tables) == 1 else None


def _has_pairs(table: Path) -> bool:
    try:
        return bool(find_columns(columns_of(table), {}, table.name))
    except ItemRejected:
        return False


def _image_folder(root: Path) -> Path | None:
    """``images`` beside the table, else the only folder there."""
    folders = [one for one in sorted(root.iterdir()) if one.is_dir() and not one.name.startswith(".")]
    return next((one for one in folders if one.name == "images"), folders[0] if len(folders) == 1 else None)


def _values(table: _Table) -> Iterator[Values]:
    for row in read_rows(table.path, tuple(table.columns.values())):
        if not isinstance(row, Rejection):
            yield values_of(row[1], table.columns)


def _has_images(table: _Table, peeked: list[Values]) -> bool:
    """Whether there are image files at all: one that the first rows name, else any in the folder."""
    for values in peeked:
        for name in values.images:
            try:
                if _locate(table, name, "").exists():
                    return True
            except (ItemRejected, OSError):
                continue
    looked = 0
    for _, _, names in os.walk(table.root):
        looked += len(names)
        if looked > _MOST_FILES or any(name.lower().endswith(_IMAGE_SUFFIXES) for name in names):
            return True
    return False


def _why_unreadable(table: _Table) -> Iterator[Rejection]:
    told = False
    for row in read_rows(table.path, ()):
        if isinstance(row, Rejection):
            told = True
            yield row
    if not told:
        message = "the table has no columns."
        yield Rejection(RejectionCode.WRONG_HEADER, table.path.name, message)


def _slug(name: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return (slug if slug[:1].isalpha() else f"pairs-{slug}")[:60].rstrip("-")
