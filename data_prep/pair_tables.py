"""Tables of pairs as streams of rows, whichever of CSV, JSON lines or Parquet they are."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep.files import header_of, mend, needs_mending, open_bytes, read_table, text_stream
from radrag.corpus.collection import ItemRejected, Rejection, RejectionCode

TableRow = tuple[str, Mapping[str, Any]]
"""Item name (``file:LINE``, in Parquet ``file:ROW``, from 1) and values by column: text, numbers, lists, None."""

_CSV = (".csv", ".csv.gz")
_LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_PARQUET = (".parquet",)
MAX_LINE = 16 * 2**20  # characters of one JSON line, as of one CSV field (data_prep.files)
_PEEKED_OBJECTS = 100
_BATCH_ROWS = 256
_CUT_OFF = "the file is cut off or damaged; rows up to that place were read. Copy it again."


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table that can be read."""
    return path.name.lower().endswith(_CSV + _LINES + _PARQUET) and path.is_file()


def columns_of(path: Path) -> list[str]:
    """Return a table's columns (of JSON lines: of the first hundred); empty when none can be read.

    Raises:
        ItemRejected: ``wrong_header``: the images themselves are inside a Parquet table.
    """
    name = path.name.lower()
    if name.endswith(_CSV):
        return header_of(path)
    if name.endswith(_LINES):
        columns: dict[str, None] = {}
        for number, row in enumerate(_json_rows(path)):
            columns.update(dict.fromkeys(row[1]) if isinstance(row, tuple) else {})
            if number >= _PEEKED_OBJECTS:
                break
        return list(columns)
    return _parquet_columns(path)


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[TableRow | Rejection]:
    """Yield a table's rows in a stream; a faulty one is a rejection and the rest goes on.

    Args:
        columns: those that are wanted; Parquet reads no others.
    """
    name = path.name.lower()
    if name.endswith(_CSV):
        for row in read_table(path, ()):
            yield row if isinstance(row, Rejection) else (row.item, row.values)
    elif name.endswith(_LINES):
        yield from _json_rows(path)
    else:
        yield from _parquet_rows(path, columns)


def row_count(path: Path) -> int | None:
    """Return the number of rows where the file states it."""
    if not path.name.lower().endswith(_PARQUET):
        return None
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            return int(file.metadata.num_rows)
    except (pyarrow.ArrowException, OSError, ValueError):
        return None


def _json_rows(path: Path) -> Iterator[TableRow | Rejection]:
    item = path.name
    try:
        if not path.stat().st_size:
            yield Rejection(RejectionCode.EMPTY_FILE, item, "the table is empty.")
            return
        with open_bytes(path) as raw:
            stream, note = text_stream(raw, item)
            if note:
                yield note
            number = 0
            while line := stream.readline(MAX_LINE):
                number += 1
                where = f"{item}:{number}"
                if len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
                    while len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
                        line = stream.readline(MAX_LINE)
                    yield Rejection(RejectionCode.BAD_ROW, where, "the line is too long to be a row.")
                elif line.strip():
                    if needs_mending(line):
                        message = "the line is not UTF-8; it was read as Windows-1252."
                        yield Rejection(RejectionCode.WRONG_ENCODING, where, message, kept=True)
                    yield _json_row(mend(line), where)
    except (EOFError, OSError, zlib.error):
        yield Rejection(RejectionCode.TRUNCATED_FILE, item, _CUT_OFF)


def _json_row(line: str, where: str) -> TableRow | Rejection:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return Rejection(RejectionCode.BAD_ROW, where, "the line is not JSON.")
    if not isinstance(value, dict):
        return Rejection(RejectionCode.BAD_ROW, where, "the line is not a JSON object with names and values.")
    return where, value


def _parquet_columns(path: Path) -> list[str]:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pyarrow.ArrowException, OSError, ValueError):
        return []
    for column in schema:
        kind = column.type
        if pyarrow.types.is_struct(kind) and any(pyarrow.types.is_binary(part.type) for part in kind):
            message = f"column {column.name!r} holds the images themselves; write them to files and name those."
            raise ItemRejected(RejectionCode.WRONG_HEADER, path.name, message)
    return list(schema.names)


def _parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[TableRow | Rejection]:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    item = path.name
    number = 0
    try:
        if not path.stat().st_size:
            yield Rejection(RejectionCode.EMPTY_FILE, item, "the table is empty.")
            return
        with ParquetFile(path, pre_buffer=False) as file:  # else a whole row group is held
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=list(columns), use_threads=False):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{item}:{number}", row
    except (pyarrow.ArrowException, ArithmeticError, LookupError, MemoryError, OSError, TypeError, ValueError):
        yield Rejection(RejectionCode.TRUNCATED_FILE, item, _CUT_OFF)
