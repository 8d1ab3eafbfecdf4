"""The part of a file that has come so far: what it is a part of, who writes it, and what the disk says."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from radrag.errors import FetchCode, FetchError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Origin:
    """What a ``.part`` file is a part of; kept beside it. ``size`` is None while the server does not say."""

    url: str
    etag: str
    last_modified: str
    size: int | None

    def validator(self) -> str:
        """The value for If-Range; empty when nothing identifies the version. Weak ETags may not be used (RFC 9110)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.last_modified


@contextlib.contextmanager
def locked(part: Path) -> Iterator[IO[bytes]]:
    """Open a part for appending, alone. The lock is on the part itself, so no lock file is left behind."""
    while True:
        with part.open("ab") as file:
            if sys.platform != "win32":
                import fcntl

                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise FetchError(
                        FetchCode.BUSY, f"Another process is fetching {part.name}.", hint="Wait for it, or stop it."
                    ) from None
            # Whoever held it may have given it its name in between: then this is no longer the part.
            if part.exists() and os.path.samestat(os.fstat(file.fileno()), part.stat()):
                yield file
                return


def _beside(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def read_origin(part: Path) -> Origin | None:
    """Return what a part is a part of; None when that is not known."""
    try:
        return Origin(**json.loads(_beside(part).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_origin(part: Path, origin: Origin) -> None:
    """Keep beside a part what it is a part of."""
    fresh = part.with_name(f"{part.name}.json.new")
    fresh.write_text(json.dumps(asdict(origin)))
    fresh.replace(_beside(part))


def forget_origin(part: Path) -> None:
    """Remove what is kept beside a part."""
    _beside(part).unlink(missing_ok=True)


def forget(part: Path) -> None:
    """Remove a part and what is kept beside it."""
    part.unlink(missing_ok=True)
    forget_origin(part)


@contextlib.contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    """Turn the system's errors about a file or folder into ours.

    Raises:
        FetchError: ``disk_full`` or ``disk``.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise FetchError(
                FetchCode.DISK_FULL,
                f"The disk of {target} is full.",
                hint="What came so far is kept. Make room and run the same command again.",
            ) from None
        reason = error.strerror or type(error).__name__
        raise FetchError(FetchCode.DISK, f"{target} cannot be written ({reason}).") from None
