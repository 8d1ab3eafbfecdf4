"""A download that survives dropped lines, kills and changed files, and takes its name only when it is whole."""

from __future__ import annotations

import contextlib
import os
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from radrag.disk import digest_of
from radrag.errors import FetchCode, FetchError
from radrag.fetching.http import Dropped, HttpTransport, Reply, Transport, retry_after
from radrag.fetching.part import Origin, disk_errors, forget, forget_origin, locked, read_origin, write_origin

TRIES = 8  # in a row without one new byte: about four minutes of waiting
LONGEST_PAUSE = 60.0
LONGEST_RETRY_AFTER = 600.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # RFC 9110, 6585, 8470: the same request may succeed later


@dataclass(frozen=True, slots=True)
class Expected:
    """What the file is known to be; empty values are not checked.

    Attributes:
        sha256: hex digest.
        md5: hex digest, for sources that publish nothing better; guards against damage, not against malice.
        size: bytes.
    """

    sha256: str = ""
    md5: str = ""
    size: int | None = None


def download(
    url: str,
    target: Path,
    expected: Expected = Expected(),
    *,
    transport: Transport | None = None,
    progress: Callable[[int], None] = lambda _: None,
    tries: int = TRIES,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch ``url`` to ``target``; memory use does not depend on the size.

    The bytes go to ``target.part``, with ``target.part.json`` saying what they are a part of. Called again after a
    kill, only the missing bytes are asked for, unless the file changed on the server. A target that is there and is as
    expected is left alone; without anything to expect it is taken to be whole, since only whole files get that name.

    Args:
        url: http or https.
        target: its folder must exist.
        expected: what is known of the file.
        transport: how requests are sent; None for a plain :class:`HttpTransport`.
        progress: called with the number of new bytes; negative when bytes had to be thrown away.
        tries: attempts in a row that may bring no new byte.
        sleep: waits some seconds.

    Raises:
        FetchError: see :class:`radrag.errors.FetchCode`; the part that came is kept, unless it is known to be bad.
    """
    if target.is_file() and _differs(target, expected) is None:
        progress(target.stat().st_size)
        return target
    if transport is None:
        with contextlib.closing(HttpTransport()) as own:
            return download(url, target, expected, transport=own, progress=progress, tries=tries, sleep=sleep)
    part = target.with_name(f"{target.name}.part")
    with disk_errors(target):
        with locked(part) as file:
            run = _Run(url, part, file, expected=expected, transport=transport, progress=progress)
            try:
                run.until_whole(tries, sleep)
            except FetchError:
                if not run.have:
                    forget(part)
                raise
            file.flush()
            os.fsync(file.fileno())
        difference = _differs(part, expected)
        if difference is not None:
            size = part.stat().st_size
            forget(part)
            progress(-size)
            raise FetchError(
                FetchCode.MISMATCH,
                f"{target.name} did not arrive as it should: {difference}. It was deleted.",
                hint="Try again; if it happens again, the file on the server is damaged or another version.",
            )
        part.replace(target)
        forget_origin(part)
    return target


class _Run:
    """One download in progress: the open part, and what the server said it is a part of."""

    def __init__(
        self,
        url: str,
        part: Path,
        file: IO[bytes],
        *,
        expected: Expected,
        transport: Transport,
        progress: Callable[[int], None],
    ) -> None:
        self.url, self.part, self.file = url, part, file
        self.expected, self.transport, self.progress = expected, transport, progress
        self.have = file.seek(0, os.SEEK_END)
        self.origin = read_origin(part)
        self.progress(self.have)
        if self.have and (self.origin is None or self.origin.url != url or not self._resumable(self.origin)):
            self._restart()

    def until_whole(self, tries: int, sleep: Callable[[float], None]) -> None:
        """Ask for what is missing until nothing is."""
        most, failed = self.have, 0
        while not self._whole():
            pause = self._attempt()
            if self.have > most:
                most, failed = self.have, 0
            failed += 1
            if failed > tries:
                raise FetchError(
                    FetchCode.UNREACHABLE,
                    f"{self.part.name}: no new byte in {tries} attempts.",
                    hint="What came so far is kept. Check the connection and run the same command again.",
                )
            if not self._whole():
                sleep(pause or random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, 2.0**failed))

    def _attempt(self) -> float:
        """Send one request and store what it brings; return the seconds the server wants us to wait, 0 if none."""
        headers = {}
        if self.have and self.origin is not None:
            headers["Range"] = f"bytes={self.have}-"
            if self.origin.validator():
                headers["If-Range"] = self.origin.validator()
        try:
            with self.transport(self.url, headers) as reply:
                if reply.status in _PASSING:
                    return _pause_asked_for(reply.headers)
                self._take(reply)
        except Dropped:
            self.file.flush()
        return 0.0

    def _take(self, reply: Reply) -> None:
        if reply.status == 206 and self._continues(reply.headers):
            self._store(reply)
        elif reply.status == 200:  # the first bytes, or the server ignores ranges, or the file changed
            self._restart()
            self._begin(reply.headers)
            self._store(reply)
        elif reply.status == 206 or (reply.status == 416 and not self._complete_by(reply.headers)):
            self._restart()
        elif reply.status != 416:
            raise _refusal(reply, self.part.name.removesuffix(".part"))

    def _store(self, reply: Reply) -> None:
        for piece in reply.body:
            self.file.write(piece)
            self.have += len(piece)
            self.progress(len(piece))
        self.file.flush()
        if self.origin is not None and self.origin.size is None:
            self._remember(Origin(self.url, self.origin.etag, self.origin.last_modified, self.have))

    def _begin(self, headers: Mapping[str, str]) -> None:
        length = headers.get("content-length", "")
        size = int(length) if length.isdecimal() else None
        if size is not None and self.expected.size is not None and size != self.expected.size:
            raise FetchError(
                FetchCode.MISMATCH,
                f"{self.part.name.removesuffix('.part')}: the server offers {size:,} bytes, "
                f"{self.expected.size:,} were expected. Nothing was fetched.",
                hint="The file on the server is another version.",
            )
        self._remember(Origin(self.url, headers.get("etag", ""), headers.get("last-modified", ""), size))

    def _continues(self, headers: Mapping[str, str]) -> bool:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("content-range", "").strip())
        if match is None or self.origin is None or int(match[1]) != self.have:
            return False
        if match[2] != "*" and self.origin.size is not None and int(match[2]) != self.origin.size:
            return False
        return not (self.origin.etag and headers.get("etag", self.origin.etag) != self.origin.etag)

    def _complete_by(self, headers: Mapping[str, str]) -> bool:
        """Whether the server says that the file ends where the part ends."""
        if headers.get("content-range", "").strip() != f"bytes */{self.have}" or self.origin is None or not self.have:
            return False
        self._remember(Origin(self.url, self.origin.etag, self.origin.last_modified, self.have))
        return True

    def _whole(self) -> bool:
        return self.origin is not None and self.origin.size is not None and self.have == self.origin.size

    def _resumable(self, origin: Origin) -> bool:
        # Without a validator only a checksum can tell two versions apart.
        return bool(origin.validator() or self.expected.sha256)

    def _remember(self, origin: Origin) -> None:
        self.origin = origin
        write_origin(self.part, origin)

    def _restart(self) -> None:
        self.progress(-self.have)
        self.file.seek(0)
        self.file.truncate()
        self.have, self.origin = 0, None
        forget_origin(self.part)


def _differs(path: Path, expected: Expected) -> str | None:
    """Return how a file differs from what is expected of it, or None."""
    size = path.stat().st_size
    if expected.size is not None and size != expected.size:
        return f"it has {size:,} bytes instead of {expected.size:,}"
    for name, wanted in (("sha256", expected.sha256), ("md5", expected.md5)):
        if wanted and digest_of(path, name) != wanted.lower():
            return f"its {name.upper()} is not {wanted.lower()}"
    return None


def _pause_asked_for(headers: Mapping[str, str]) -> float:
    """Return the pause a server asks for, in seconds; FetchError where that is too long to wait for."""
    seconds = retry_after(headers.get("retry-after", ""))
    if seconds > LONGEST_RETRY_AFTER:
        raise FetchError(
            FetchCode.UNREACHABLE,
            f"The server asks to come back in {seconds / 60:.0f} minutes.",
            hint="What came so far is kept. Run the same command again then.",
        )
    return seconds


def _refusal(reply: Reply, name: str) -> FetchError:
    """Return the error for a status that trying again does not change."""
    if reply.status in {401, 403}:
        code = FetchCode.REFUSED if reply.challenged or reply.status == 401 else FetchCode.FORBIDDEN
        return FetchError(code, f"The server refused {name} (HTTP {reply.status}).")
    if reply.status in {404, 410}:
        return FetchError(FetchCode.NOT_FOUND, f"The server has no {name} (HTTP {reply.status}).")
    return FetchError(FetchCode.UNREACHABLE, f"The server answered HTTP {reply.status} for {name}.")
