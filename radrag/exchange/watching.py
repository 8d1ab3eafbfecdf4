"""A folder that others put DICOM files into: each is taken once it no longer changes; the folder is only read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from radrag.dicom.files import expand
from radrag.errors import UsageError
from radrag.exchange.arrivals import Arrivals
from radrag.exchange.values import Told

SCAN_SECONDS = 2.0  # between scans, and so how long a file must have stayed the same
SCAN_SHARE = 20  # and this many times as long as a scan takes, so that a large folder is not read all the time
MOST_AT_ONCE = 20  # files a call, so that what else the caller does is not kept waiting
CHUNK = 2**20
_TRY_AGAIN = ("disk", "disk_full")


class Watcher:
    """Takes the DICOM files of a folder and the folders in it.

    A file is known by its path, size and time of change; what became of it is remembered over restarts. Hidden files
    are passed over, so that a file can be written under a hidden name and renamed when it is whole.

    Args:
        folder: to watch; it may be away for a while, as a network share is.
        workspace: the workspace's folder, which must lie apart from it.
        tell: called with each event.

    Raises:
        UsageError: folder and workspace lie within each other.
    """

    def __init__(
        self, folder: Path, arrivals: Arrivals, *, workspace: Path, tell: Callable[[Told], None] = lambda _: None
    ) -> None:
        one, other = folder.resolve(), workspace.resolve()
        if one.is_relative_to(other) or other.is_relative_to(one):
            raise UsageError("The watched folder and the workspace must not lie within each other.")
        self._folder = folder
        self._arrivals = arrivals
        self._tell = tell
        self._stamps: dict[Path, str] = {}  # as the last scan saw them
        self._done: dict[Path, str] = {}
        self._failed: dict[Path, str] = {}  # path → code that was told
        self._ready: deque[tuple[Path, str]] = deque()
        self._next_scan = 0.0
        self._away = False

    def look(self) -> int:
        """Take files that are ready, some of them if they are many; return how many were looked at."""
        if not self._ready and time.monotonic() >= self._next_scan:
            started = time.monotonic()
            self._scan()
            ended = time.monotonic()
            self._next_scan = ended + max(SCAN_SECONDS, SCAN_SHARE * (ended - started))
        count = min(len(self._ready), MOST_AT_ONCE)
        for _ in range(count):
            self._take(*self._ready.popleft())
        return count

    def _scan(self) -> None:
        away = not self._folder.is_dir()
        if away and not self._away:
            self._tell(Told("waiting", code="folder_away", message="The watched folder cannot be read."))
        self._away = away
        if away:  # files are not forgotten, so that nothing is read anew when it is back
            return
        stamps = {path: stamp for path in expand([self._folder])[0] if (stamp := _stamp(path))}
        for path, stamp in stamps.items():
            if self._stamps.get(path) == stamp and self._done.get(path) != stamp:
                self._ready.append((path, stamp))
        self._stamps = stamps
        self._done = {path: stamp for path, stamp in self._done.items() if path in stamps}
        self._failed = {path: code for path, code in self._failed.items() if path in stamps}

    def _take(self, path: Path, stamp: str) -> None:
        ledger, key = self._arrivals.ledger, self._arrivals.key_of("file", str(path.absolute()))
        if ledger.looked_at(key) == stamp:
            self._done[path] = stamp
            return
        started = time.monotonic()
        try:
            with path.open("rb") as file:
                taken = self._arrivals.take(iter(partial(file.read, CHUNK), b""))
        except OSError:  # removed meanwhile, or not ours to read
            code, reason, size, kept = "disk", "A file cannot be read.", 0, False
        else:
            code, reason, size, kept = taken.code, taken.reason, taken.size, taken.kept
        if code not in _TRY_AGAIN and _stamp(path) == stamp:
            ledger.look(key, stamp)
            self._done[path] = stamp
        elif self._failed.get(path) == code:  # said once
            return
        self._failed[path] = code
        kind = "received" if kept else "refused"
        self._tell(Told(kind, "", code, reason, 1, size, time.monotonic() - started))


def _stamp(path: Path) -> str:
    """Return size and time of change of a file; empty when it is gone."""
    try:
        facts = path.stat()
    except OSError:
        return ""
    return f"{facts.st_size} {facts.st_mtime_ns}"
