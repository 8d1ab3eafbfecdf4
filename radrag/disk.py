"""Whole files: their checksum, and writing one so that nobody ever sees half of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def digest_of(path: Path, algorithm: str) -> str:
    """Return a file's digest, hex; ``algorithm`` is a name that hashlib knows."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hex."""
    return digest_of(path, "sha256")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write to; what was written takes its place, unless an error passes through."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
