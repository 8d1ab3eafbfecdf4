"""A manifest of queries: a CSV table of images or texts, whose patient each is, and what is known to be there."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from radrag.dicom.views import view_in_text
from radrag.domain import View
from radrag.errors import UsageError
from radrag.reports.vocabulary import NAMES, from_nih

COLUMNS = ("image", "text", "patient", "split", "view", "case", "indication")
"""Columns with a meaning of their own; every column named like a label is one, all others are ignored."""

VALUES = {1.0: 1.0, 0.0: 0.0, -1.0: 0.5}
"""Cell → truth: there, not there, uncertain (CheXpert's -1; half, as a report's "possible" in an index)."""

_BLANK = {"", "nan", "na", "n/a", "none", "null"}
_SPLITS = {"training": "train", "valid": "val", "validate": "val", "validation": "val", "dev": "val", "testing": "test"}
_LABELS = {name.casefold(): name for name in NAMES}


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One query as the manifest has it.

    Attributes:
        line: of the file, from 1 (a quoted cell may span several: the last); names the query without saying whose.
        image: file; None when the row has none.
        text: report or words; what it is for depends on ``image``, see docs/retrieval_evaluation.md.
        patient: as the manifest has it; empty when unknown.
        view: projection that the manifest states.
        case: id of the indexed case that this image belongs to; empty when not stated.
        truth: label → 1 (there), 0.5 (uncertain), 0 (not there); a label that was not judged is missing.
    """

    line: int
    image: Path | None
    text: str = ""
    patient: str = ""
    view: View = View.UNKNOWN
    case: str = ""
    indication: str = ""
    truth: Mapping[str, float] = field(default_factory=dict)

    @property
    def query_id(self) -> str:
        """Name of the query in runs and tables."""
        return f"line{self.line:06d}"


@dataclass(frozen=True, slots=True)
class QueryManifest:
    """The queries of one manifest.

    Attributes:
        labels: labels that have a column, in the vocabulary's order.
        ignored: columns without a meaning here.
    """

    rows: tuple[ManifestRow, ...]
    labels: tuple[str, ...]
    ignored: tuple[str, ...]


def read_query_manifest(path: Path, *, split: str = "") -> QueryManifest:
    """Read a manifest.

    Args:
        path: CSV with commas, semicolons or tabs; plain or gzip; UTF-8, UTF-16 with its mark, or Windows-1252.
            Image names are looked up in its folder, then in ``images`` there.
        split: rows of this split only; empty for all. ``valid`` and ``validation`` are ``val``.

    Raises:
        UsageError: the file cannot be read; a column is missing, twice there, or has a value that is none; no row is
            left. The message names column and line, never the value, which may be anything.
    """
    lines = table_lines(path)
    header = next(lines, (0, []))[1]
    names, labels = _columns(header, path.name)
    if split and "split" not in names:
        raise UsageError(f"{path.name} has no column 'split'.", hint="Add the column, or give --split '' for all rows.")
    rows, splits = [], set()
    for line, cells in lines:
        if len(cells) != len(header):
            raise UsageError(f"{path.name}:{line}: the row has {len(cells)} fields, the header {len(header)}.")
        values = {name: _text(cells[place]) for name, place in names.items()}
        splits.add(_split(values.get("split", "")))
        if split and _split(values.get("split", "")) != _split(split):
            continue
        truth = {
            label: judged
            for label, place in labels.items()
            if (judged := _judged(cells[place], f"{path.name}:{line}", header[place])) is not None
        }
        rows.append(_row(line, values, truth, path.parent))
    if not rows:
        there = f" of split {split!r}; there are: {', '.join(sorted(splits - {''})) or 'none'}" if split else ""
        raise UsageError(f"{path.name} has no rows{there}.")
    taken = {*names.values(), *labels.values()}
    return QueryManifest(
        tuple(rows),
        tuple(label for label in NAMES if label in labels),
        tuple(name for place, name in enumerate(header) if place not in taken),
    )


def _row(line: int, values: Mapping[str, str], truth: Mapping[str, float], folder: Path) -> ManifestRow:
    return ManifestRow(
        line,
        _locate(folder, values["image"]) if values.get("image") else None,
        values.get("text", ""),
        values.get("patient", ""),
        _view(values.get("view", "")),
        values.get("case", ""),
        values.get("indication", ""),
        truth,
    )


def _columns(header: Sequence[str], item: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return (column → place, label → place)."""
    names: dict[str, int] = {}
    labels: dict[str, int] = {}
    for place, column in enumerate(header):
        name, label = column.casefold(), _label(column)
        found, key = (names, name) if name in COLUMNS else (labels, label)
        if key is None:
            continue
        if key in found:
            raise UsageError(f"{item}: columns {header[found[key]]!r} and {column!r} are the same.", hint="Drop one.")
        found[key] = place
    there = ", ".join(name[:30] for name in header[:30]) or "none"
    if "image" not in names and "text" not in names:
        raise UsageError(f"{item} has neither a column 'image' nor a column 'text'; it has: {there}.")
    if "patient" not in names:
        raise UsageError(
            f"{item} has no column 'patient'; it has: {there}.",
            hint="Without it, a patient's own reports could not be left out, nor intervals be drawn by patient.",
        )
    if not labels and "text" not in names:
        raise UsageError(
            f"{item} has no column of a label, nor texts to take labels from; it has: {there}.",
            hint="Name columns after labels, such as Cardiomegaly; docs/labels.md lists them.",
        )
    return names, labels


def _label(column: str) -> str | None:
    """The label that a column is named after, in radrag's, CheXpert's (the same) or NIH's spelling."""
    words = " ".join(re.split(r"[\s_]+", column.strip()))
    return _LABELS.get(words.casefold()) or _LABELS.get(from_nih(words.capitalize()).casefold())


def _judged(cell: str, where: str, column: str) -> float | None:
    if cell.strip().casefold() in _BLANK:
        return None
    try:
        return VALUES[float(cell)]
    except (ValueError, KeyError):
        raise UsageError(
            f"{where}: column {column!r} has a value that is none of 1 (there), 0 (not there), -1 (uncertain) or blank."
        ) from None


def _text(cell: str) -> str:
    text = cell.strip()
    return "" if text.casefold() in _BLANK else text


def _split(word: str) -> str:
    name = word.strip().casefold()
    return _SPLITS.get(name, name)


def _view(word: str) -> View:
    return View.LATERAL if word.strip().upper() == "L" else view_in_text(word)


def _locate(folder: Path, name: str) -> Path:
    """The file that a row names; the first place looked at when it is in neither, so that a message names that."""
    beside, nested = folder / name, folder / "images" / name
    return nested if nested.is_file() and not beside.is_file() else beside


def table_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) of a CSV file, the header first; blank lines are skipped.

    Raises:
        UsageError: the file cannot be read, or is not CSV.
    """
    text = _decoded(path)
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    try:
        for number, cells in enumerate(reader):
            if any(cells):
                yield reader.line_num, cells if number else [cell.strip() for cell in cells]
    except csv.Error as error:
        raise UsageError(f"{path.name}:{reader.line_num}: the row is not CSV ({error}).") from None


def _decoded(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is cut off or damaged"
        raise UsageError(f"The manifest {path} cannot be read: {reason}.") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
