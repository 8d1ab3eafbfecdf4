r"""HL7 v2 files: messages in a stream, in their own character set and delimiters, with their escapes undone.

An own reader, since python-hl7 0.4.5 (2022, alpha) knows neither MSH-18 nor batches without a header and logs the
field it stumbles over, and hl7apy validates what hospitals never made valid. HL7 v2.5.1 chapter 2 is the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from data_prep.files import decode

MAX_MESSAGE_BYTES = 32 * 2**20  # a report with a PDF inside; more is no message
_CHUNK = 2**20
# A message starts where MSH follows a segment's end or MLLP's start block (0B); a file's first after blanks too.
_NEXT = re.compile(rb"[\r\n\x0b\x1c](?=MSH[^A-Za-z0-9\s])")
_FIRST = re.compile(rb"\A(?:\xef\xbb\xbf)?[\s\x0b]*(?=MSH[^A-Za-z0-9\s])")
_TAIL = 4  # bytes: a line end and "MSH", whose delimiter the end of a chunk may have cut off
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}(?=.)")
_ENVELOPE = {"FHS", "BHS", "BTS", "FTS"}
# HL7 table 0211; sites also write IANA names, with or without hyphens.
_CODECS = {
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "GB180302000": "gb18030",
    "KSX1001": "euc_kr",
    "BIG5": "big5",
    "WINDOWS1252": "cp1252",
    "CP1252": "cp1252",
    **{f"8859{part}": f"iso8859-{part}" for part in range(1, 16) if part != 12},
    **{f"ISO8859{part}": f"iso8859-{part}" for part in range(1, 16) if part != 12},
    **{f"ISOIR{number}": f"iso8859-{part}" for number, part in ((100, 1), (101, 2), (144, 5), (126, 7), (148, 9))},
}
_MOST_REPEATS = 20  # of \.sp n\ and \.sk n\: more is noise


@dataclass(frozen=True, slots=True)
class Delimiters:
    """MSH-1 and MSH-2: field, component, repetition, escape, subcomponent."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its segments as lists of fields, still escaped; ``fields[n]`` is field n, MSH included."""

    segments: tuple[tuple[str, ...], ...]
    delimiters: Delimiters
    codec: str

    def text(self, value: str) -> str:
        """Return a field's or component's text with its escapes undone."""
        return unescape(value, self.delimiters, self.codec)

    def part(self, segment: tuple[str, ...], field: int, component: int = 1, subcomponent: int = 1) -> str:
        """Return one part of a field's first repetition as stripped text; empty when it is not there. From 1."""
        marks = self.delimiters
        value = _nth(segment, field)
        for mark, place in (
            (marks.repetition, 1),
            (marks.component, component),
            (marks.subcomponent, subcomponent),
        ):
            value = _nth(value.split(mark), place - 1) if mark else value
        return self.text(value).strip()

    def repetitions(self, segment: tuple[str, ...], field: int) -> list[str]:
        """Return a field's repetitions, still escaped."""
        value, mark = _nth(segment, field), self.delimiters.repetition
        return value.split(mark) if mark else [value]


def find_messages(file: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Yield (offset, bytes) of each message of a file, batch or MLLP stream; None for one that is too long.

    Memory is that of one message.
    """
    buffer = file.read(_CHUNK)
    first = _FIRST.match(buffer)
    started, too_long = first is not None, False
    start, offset = first.end() if first else 0, 0  # of the message in the buffer, of the buffer in the file
    while True:
        place = start
        while match := _NEXT.search(buffer, place):
            if started:
                yield offset + start, None if too_long else buffer[start : match.end()]
            started, too_long, start, place = True, False, match.end(), match.end()
        if not started or len(buffer) - start > MAX_MESSAGE_BYTES:
            too_long, start = started, max(start, len(buffer) - _TAIL)
        buffer, offset, start = buffer[start:], offset + start, 0
        chunk = file.read(_CHUNK)
        if not chunk:
            break
        buffer += chunk
    if started:
        yield offset, None if too_long else buffer


def parse_message(data: bytes) -> Message | None:
    """Return a message that starts at its MSH; None when that is cut off. Nothing is raised, whatever the bytes."""
    header = re.split(rb"[\r\n]", data, maxsplit=1)[0].decode("latin-1")
    if len(header) < 4 or not header.startswith("MSH"):
        return None
    field, marks = header[3], header[4:].split(header[3], 1)[0]
    delimiters = Delimiters(field, *(marks[place : place + 1] for place in range(4)))
    name = _nth(header.split(field), 17).split(delimiters.repetition or "~")[0]
    codec = _CODECS.get(re.sub(r"[^A-Z0-9]", "", name.upper()), "")
    text, codec = _decoded(data, codec)
    lines: list[str] = []
    for line in re.split(r"[\r\n\x0b\x1c]+", text):
        if (_SEGMENT.match(line) and line[3] == field) or not lines:
            lines.append(line)
        elif line.strip("\x1a "):
            lines[-1] += f"\n{line}"  # a line end within a field, against the rules and often met
    segments = [tuple(line.split(field)) for line in lines if line[:3] not in _ENVELOPE]
    segments[0] = ("MSH", field, *segments[0][1:])
    return Message(tuple(segments), delimiters, codec)


def unescape(text: str, delimiters: Delimiters | None = None, codec: str = "utf-8") -> str:
    r"""Undo escapes (2.7): \F\ \S\ \T\ \R\ \E\, \Xhh…\ in ``codec``, \.br\ and other line commands as line feeds.

    Highlighting and other character sets' escapes are dropped; a lone backslash and what is no escape stay.
    """
    marks = delimiters or Delimiters()
    escape = marks.escape
    if not escape or escape not in text:
        return text
    plain = {"F": marks.field, "S": marks.component, "T": marks.subcomponent, "R": marks.repetition, "E": escape}

    def undo(match: re.Match[str]) -> str:
        code = match[1]
        if code in plain:
            return plain[code]
        if code[0] == "X":
            return _from_hex(code[1:], codec)
        if code[0] != ".":
            return ""
        times = min(int(code[3:].lstrip("+-") or 1), _MOST_REPEATS)
        return {"br": "\n", "ce": "\n", "sp": "\n" * times, "sk": " " * times}.get(code[1:3], "")

    mark = re.escape(escape)
    codes = r"[FSTREHN]|\.(?:br|ce|fi|nf|(?:sp|sk|in|ti)(?:[+-]?[0-9]{1,4})?)|X(?:[0-9A-Fa-f]{2})+"
    return re.sub(rf"{mark}({codes}|C[0-9A-Fa-f]{{4}}|M[0-9A-Fa-f]{{4,6}}){mark}", undo, text)


def _decoded(data: bytes, codec: str) -> tuple[str, str]:
    """Return (text, codec) by the stated character set; by looks where it is not stated or not true."""
    try:
        if codec:
            return data.decode(codec), codec
    except UnicodeError:
        pass
    text, found = decode(data)
    return text, "cp1252" if found == "Windows-1252" else "utf-8"


def _from_hex(digits: str, codec: str) -> str:
    text = bytes.fromhex(digits).decode(codec, "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _nth(values: list[str] | tuple[str, ...], place: int) -> str:
    return values[place] if 0 <= place < len(values) else ""
