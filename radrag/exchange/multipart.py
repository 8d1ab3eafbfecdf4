"""A multipart/related body read part by part and piece by piece, in memory that does not depend on its size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.message import Message

MOST_HEADER_BYTES = 16 * 2**10
MOST_PREAMBLE_BYTES = 64 * 2**10


class BrokenBody(Exception):
    """The body ends before its last boundary, or is none of this form."""


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type names; empty when it names none, or is not multipart/related."""
    message = Message()
    message["Content-Type"] = content_type
    if message.get_content_type() != "multipart/related":
        return b""
    boundary = message.get_param("boundary", "")
    return boundary.encode("latin-1", "replace") if isinstance(boundary, str) else b""


def parts(body: Iterator[bytes], boundary: bytes) -> Iterator[tuple[Mapping[str, str], Iterator[bytes]]]:
    """Yield each part's headers, names in lower case, and its bytes in pieces (RFC 2046, 5.1.1).

    The pieces of a part must be read before the next part is asked for; what was left of them is passed over.

    Raises:
        BrokenBody: while iterating, also within the pieces of a part: a part whose pieces end without it is whole.
    """
    source = _Source(body)
    source.put_back(b"\r\n")  # the first boundary need not follow a line
    delimiter = b"\r\n--" + boundary
    _bounded(source.until(delimiter), MOST_PREAMBLE_BYTES)
    while True:
        if source.starts_with(b"--"):
            return
        if _bounded(source.until(b"\r\n"), MOST_HEADER_BYTES).strip(b" \t"):
            raise BrokenBody
        source.put_back(b"\r\n")  # a part need not have headers
        headers = _headers(_bounded(source.until(b"\r\n\r\n"), MOST_HEADER_BYTES))
        pieces = source.until(delimiter)
        yield headers, pieces
        for _ in pieces:
            pass


class _Source:
    """Bytes that come in pieces, read up to a mark."""

    def __init__(self, body: Iterator[bytes]) -> None:
        self._body = body
        self._buffer = bytearray()

    def put_back(self, start: bytes) -> None:
        self._buffer[:0] = start

    def starts_with(self, mark: bytes) -> bool:
        """Whether a mark comes next, of what there still is."""
        while len(self._buffer) < len(mark):
            self._more()
        return self._buffer.startswith(mark)

    def until(self, mark: bytes) -> Iterator[bytes]:
        """Yield what comes before a mark, and pass over the mark.

        Raises:
            BrokenBody: the body ends without it.
        """
        keep = len(mark) - 1
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > keep:
                ready = bytes(self._buffer[: len(self._buffer) - keep])
                del self._buffer[: len(ready)]
                yield ready
            self._more()
        ready = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        if ready:
            yield ready

    def _more(self) -> None:
        more = next(self._body, None)
        if more is None:
            raise BrokenBody
        self._buffer += more


def _bounded(pieces: Iterator[bytes], most: int) -> bytes:
    """Return pieces as one.

    Raises:
        BrokenBody: they are longer than ``most``.
    """
    found = b""
    for piece in pieces:
        found += piece
        if len(found) > most:
            raise BrokenBody
    return found


def _headers(block: bytes) -> dict[str, str]:
    lines = block.decode("latin-1").split("\r\n")
    named = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in named}
