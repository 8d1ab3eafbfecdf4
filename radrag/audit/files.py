"""An audit as files: the page, everything as JSON, and each table as CSV and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radrag.audit.document import SAVED, Document
from radrag.audit.html import document_html
from radrag.audit.sections import Cell, Table
from radrag.disk import replacing
from radrag.errors import UsageError


def write_document(folder: Path, document: Document) -> list[str]:
    """Write an audit into a folder; return the files' names, sorted.

    ``report.html``, ``report.json``, and ``tables/SECTION.TABLE.csv`` and ``.parquet`` of every table. Tables of the
    report that was there before, and that this one lacks, are removed: nobody shall take them for this one's.

    Raises:
        OSError: the folder cannot be written.
    """
    tables = folder / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    before = _tables_before(folder)
    _write(folder / "report.json", document.as_json())
    _write(folder / "report.html", document_html(document))
    names = ["report.json", "report.html"]
    for section in document.sections:
        for table in section.tables:
            stem = f"{section.name}.{table.name}"
            _write_csv(tables / f"{stem}.csv", table)
            about = {"title": table.title, "note": table.note, "made": document.made.at, "radrag": document.made.radrag}
            _write_parquet(tables / f"{stem}.parquet", table, about)
            names += [f"tables/{stem}.csv", f"tables/{stem}.parquet"]
    for stale in before - set(names):
        (folder / stale).unlink(missing_ok=True)
    return sorted(names)


def _tables_before(folder: Path) -> set[str]:
    """Return the files of the tables of the report that a folder holds; none where it holds no report."""
    try:
        found = Document.read(folder / "report.json")
    except UsageError:
        return set()
    stems = [Path(f"{section.name}.{table.name}").name for section in found.sections for table in section.tables]
    return {f"tables/{stem}.{kind}" for stem in stems for kind in ("csv", "parquet")}


def save_copy(workspace: Path, document: Document) -> None:
    """Keep an audit as the workspace's last one, which the screen shows.

    Raises:
        OSError: the workspace cannot be written.
    """
    path = workspace / SAVED
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, document.as_json())


def _write(path: Path, text: str) -> None:
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def _write_csv(path: Path, table: Table) -> None:
    """Write a table; an empty cell where there is nothing to say, numbers unrounded."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.columns)
        writer.writerows(table.rows)


def _write_parquet(path: Path, table: Table, about: Mapping[str, str]) -> None:
    """Write a table; a column with numbers and words becomes words."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [_column([row[place] for row in table.rows]) for place in range(len(table.columns))]
    made = pa.table(columns, names=list(table.columns)).replace_schema_metadata(dict(about))
    with replacing(path) as part:
        pq.write_table(made, part)


def _column(cells: Sequence[Cell]) -> Any:
    import pyarrow as pa

    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int}:
        return pa.array(cells, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
