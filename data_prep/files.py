"""Reading other people's files: any text encoding, tables in streams, and no path out of the folder."""

from __future__ import annotations

import csv
import gzip
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from radrag.corpus.collection import ItemRejected, Rejection, RejectionCode

MAX_REPORT_BYTES = 4 * 2**20  # no report is longer; a larger file is something else
csv.field_size_limit(16 * 2**20)  # whole reports stand in one field

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def inside(root: Path, name: str, item: str) -> Path:
    """Return ``root/name`` for a name that a table or file gives.

    Args:
        root: the collection's folder.
        name: relative path, with slashes or backslashes.
        item: what to call the row in the report.

    Raises:
        ItemRejected: the name is absolute, has a drive, a NUL or ``..``, leads out of ``root`` by a link, or is not
            Unicode.
    """
    parts = PureWindowsPath(name).parts
    if not name or "\0" in name or PureWindowsPath(name).anchor or PurePosixPath(name).is_absolute() or ".." in parts:
        raise ItemRejected(RejectionCode.PATH_OUTSIDE, item, "the path leads out of the collection's folder.")
    if not name.isascii() and any("\ud800" <= char <= "\udfff" for char in name):
        raise ItemRejected(RejectionCode.BAD_VALUE, item, "the path is not Unicode. Rename the file.")
    path = root.joinpath(*parts)
    if _leads_out(str(root), str(path.parent)) or (os.path.islink(path) and _leads_out(str(root), str(path))):
        raise ItemRejected(RejectionCode.PATH_OUTSIDE, item, "the path is a link out of the collection's folder.")
    return path


@lru_cache(maxsize=4096)  # most files share a folder, and following links takes ten times as long as all else here
def _leads_out(root: str, path: str) -> bool:
    """Whether a path, with all links followed, lies outside ``root``; no file has to be there."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def decode(data: bytes) -> tuple[str, str]:
    """Return (text, encoding); ``encoding`` is empty for plain UTF-8, else what the bytes turned out to be.

    UTF-16 is known by its mark or by every other byte being zero; what is not UTF-8 is read as Windows-1252.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(
                encoding, errors="replace"
            ), "UTF-8 with a byte order mark" if "8" in encoding else "UTF-16"
    if len(data) >= 4:
        if data[1:64:2].count(0) * 2 > len(data[1:64:2]) * 1.5:
            return data.decode("utf-16-le", errors="replace"), "UTF-16 without a mark"
        if data[0:64:2].count(0) * 2 > len(data[0:64:2]) * 1.5:
            return data.decode("utf-16-be", errors="replace"), "UTF-16 without a mark"
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace"), "Windows-1252"


def read_report(path: Path, item: str) -> tuple[str, Rejection | None]:
    """Return a report file's text with line feeds as line ends, and a note when it was not plain UTF-8.

    Raises:
        ItemRejected: missing, empty, only white space, binary, unreadable or far too large.
    """
    try:
        if path.stat().st_size > MAX_REPORT_BYTES:
            raise ItemRejected(RejectionCode.UNREADABLE_REPORT, item, "the file is too large to be a report.")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ItemRejected(RejectionCode.MISSING_REPORT, item, "there is no such report file.") from None
    except OSError as error:
        message = f"the report cannot be read ({error.strerror})."
        raise ItemRejected(RejectionCode.UNREADABLE_REPORT, item, message) from None
    return report_text(data, item)


def report_text(data: bytes, item: str) -> tuple[str, Rejection | None]:
    """Return the text of a report's bytes, as :func:`read_report` does for a file.

    Raises:
        ItemRejected: empty, only white space or binary.
    """
    if not data.strip(b" \t\r\n\0"):
        raise ItemRejected(RejectionCode.EMPTY_FILE, item, "the report file is empty.")
    text, encoding = decode(data)
    if "\0" in text:
        raise ItemRejected(RejectionCode.UNREADABLE_REPORT, item, "the file is binary, not text.")
    if not text.strip():  # a byte order mark alone, or another alphabet's blanks
        raise ItemRejected(RejectionCode.EMPTY_FILE, item, "the report file is empty.")
    return text.replace("\r\n", "\n").replace("\r", "\n"), encoding_note(encoding, item)


def encoding_note(encoding: str, item: str) -> Rejection | None:
    """Return the note for a file that was not plain UTF-8, or None."""
    if not encoding:
        return None
    return Rejection(RejectionCode.WRONG_ENCODING, item, f"the text was read as {encoding}, not as UTF-8.", kept=True)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: its item name (``file:LINE``, the line it ends on) and its values by column."""

    item: str
    values: dict[str, str]

    def get(self, column: str) -> str:
        """Return the stripped value of a column; empty when missing."""
        return self.values.get(column, "").strip()


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading, through gzip when its content says so, whatever its name says."""
    with path.open("rb") as file:
        start = file.read(2)
    return gzip.open(path) if start == b"\x1f\x8b" else path.open("rb")  # type: ignore[return-value]


def header_of(path: Path) -> list[str]:
    """Return the column names of a CSV file (plain or gzip); empty when there are none to be read."""
    try:
        with open_bytes(path) as raw:
            stream, _ = text_stream(raw, path.name)
            return [mend(name.strip()) for name in next(csv.reader(stream), [])]
    except (OSError, EOFError, zlib.error, csv.Error):
        return []


def read_table(path: Path, required: Sequence[str], *, root: Path | None = None) -> Iterator[Row | Rejection]:
    """Yield the rows of a CSV file, plain or gzip, in a stream; a faulty row is a rejection and the rest goes on.

    Args:
        path: the file.
        required: columns that must be there, as written (case and blanks around do not count).
        root: folder that item names are relative to; default the file's own.

    Yields:
        Rows with the values as strings under the names of ``required`` or, for other columns, as the file has them.
        ``wrong_header`` (naming the columns), ``empty_file``, ``truncated_file`` end the stream; ``bad_row`` and
        ``wrong_encoding`` do not.
    """
    item = _relative(path, root)
    try:
        if not path.stat().st_size:
            yield Rejection(RejectionCode.EMPTY_FILE, item, "the table is empty.")
            return
        with open_bytes(path) as raw:
            yield from _rows(raw, item, required)
    except FileNotFoundError:
        yield Rejection(RejectionCode.MISSING_REPORT, item, "there is no such table.")
    except (EOFError, gzip.BadGzipFile, zlib.error):
        message = "the compressed file is cut off or damaged; rows up to that place were read. Copy it again."
        yield Rejection(RejectionCode.TRUNCATED_FILE, item, message)
    except OSError as error:
        yield Rejection(RejectionCode.TRUNCATED_FILE, item, f"the table cannot be read ({error.strerror or error}).")


def _rows(raw: IO[bytes], item: str, required: Sequence[str]) -> Iterator[Row | Rejection]:
    stream, note = text_stream(raw, item)
    if note:
        yield note
    reader = csv.reader(stream)
    try:
        header = [mend(name.strip()) for name in next(reader, [])]
    except csv.Error as error:
        yield Rejection(RejectionCode.WRONG_HEADER, item, f"the first line is not CSV ({error}).")
        return
    named = {name.lower(): name for name in required}
    names = [named.get(name.lower(), name) for name in header]
    lacking = [name for name in required if name not in names]
    if lacking:
        columns = ", ".join(repr(name) for name in lacking)
        message = f"the table has no column {columns}; it has {', '.join(header[:30]) or 'none'}."
        yield Rejection(RejectionCode.WRONG_HEADER, item, message)
        return
    mended = False
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Rejection(RejectionCode.BAD_ROW, f"{item}:{reader.line_num}", f"the row is not CSV ({error}).")
            continue
        if cells is None:
            return
        if not any(cells):
            continue
        if len(cells) != len(names):
            message = f"the row has {len(cells)} fields, the header {len(names)}."
            yield Rejection(RejectionCode.BAD_ROW, f"{item}:{reader.line_num}", message)
            continue
        if any(needs_mending(cell) for cell in cells):
            cells = [mend(cell) for cell in cells]
            if not mended:
                mended = True
                message = "a row is not UTF-8; it and others like it were read as Windows-1252."
                yield Rejection(RejectionCode.WRONG_ENCODING, f"{item}:{reader.line_num}", message, kept=True)
        yield Row(f"{item}:{reader.line_num}", dict(zip(names, cells, strict=True)))


def text_stream(raw: IO[bytes], item: str) -> tuple[io.TextIOWrapper, Rejection | None]:
    """Return the bytes as text with line ends as they are, and a note when it is not plain UTF-8.

    Bytes that are not UTF-8 survive as lone surrogates, for :func:`mend`, since nobody can know what a file of
    gigabytes is before its end.
    """
    buffered = io.BufferedReader(raw)  # type: ignore[type-var]
    encoding, name = _sniff(buffered.peek(64)[:64])
    errors = "surrogateescape" if "8" in encoding else "replace"
    message = f"the table was read as {name}."
    note = Rejection(RejectionCode.WRONG_ENCODING, item, message, kept=True) if name else None
    return io.TextIOWrapper(buffered, encoding, errors=errors, newline=""), note


def needs_mending(text: str) -> bool:
    """Whether text of :func:`text_stream` has bytes that were not UTF-8."""
    return not text.isascii() and any("\udc80" <= char <= "\udcff" for char in text)


def mend(text: str) -> str:
    """Return text of :func:`text_stream` read as Windows-1252 where it has bytes that were not UTF-8."""
    return text.encode("utf-8", "surrogateescape").decode("cp1252", "replace") if needs_mending(text) else text


def _sniff(start: bytes) -> tuple[str, str]:
    """Return (codec, note) of a stream that begins so."""
    if start.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig", "UTF-8 with a byte order mark"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", "UTF-16"
    if len(start) >= 4 and start[1] == start[3] == 0:
        return "utf-16-le", "UTF-16 without a mark"
    if len(start) >= 4 and start[0] == start[2] == 0:
        return "utf-16-be", "UTF-16 without a mark"
    return "utf-8", ""


def _relative(path: Path, root: Path | None) -> str:
    return path.relative_to(root).as_posix() if root and path.is_relative_to(root) else path.name
