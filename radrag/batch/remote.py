"""Object storage by fsspec: list it, fetch a study's files for as long as they are read, put results whole."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit

from radrag.errors import MissingDependency, RadragError, UsageError
from radrag.optional import require

Item = TypeVar("Item")
Result = TypeVar("Result")

TOGETHER = 8  # files that are on their way at the same time, since each waits for its answer first
WHOLE = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"}
"""Stores in which an object is there once all of it is: nothing is gained by another name first, which is a copy."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_SIGNED = re.compile(r"[?&](?:x-(?:amz|goog)-(?:signature|credential)|sig|signature|token|access_token)=", re.I)
_CHANGED = ("ETag", "etag", "md5Hash", "generation", "LastModified", "last_modified", "mtime", "created")


class StorageError(RadragError):
    """Object storage cannot be reached, or does not give or take a file.

    Attributes:
        reason: what happened, without the address, which a log may not hold.
    """

    code = "storage"

    def __init__(self, url: str, reason: str, *, hint: str = "") -> None:
        super().__init__(f"{url}: {reason}", hint=hint)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in a store.

    Attributes:
        size: bytes.
        changed: a number that is another one after the file was replaced.
    """

    url: str
    size: int
    changed: int


def is_url(text: str) -> bool:
    """Whether something names a place in a store (``s3://…``, ``gs://…``, ``file://…``), and not a path."""
    return bool(_URL.match(text))


def join(url: str, name: str) -> str:
    """Return the address of a name below an address."""
    return f"{url.rstrip('/')}/{name}"


def files_in(url: str) -> list[RemoteFile]:
    """Return the files at and below an address, by name, without hidden ones; empty if there is nothing.

    Raises:
        StorageError: the store does not answer.
        MissingDependency: the package for this kind of store is not installed.
        UsageError: the address holds a password or a signature, or names no known kind of store.
    """
    store, path = _opened(url)
    with _reaching(url):
        store.invalidate_cache()  # or what came after an earlier look would be missed
        found = store.find(path, detail=True)
    files = []
    for name, facts in sorted(found.items()):
        if not PurePosixPath(name).name.startswith(".") and facts["type"] == "file":
            mark = next((facts[key] for key in _CHANGED if facts.get(key) is not None), "")
            changed = int(hashlib.sha256(str(mark).encode()).hexdigest()[:12], 16)
            files.append(RemoteFile(store.unstrip_protocol(name), int(facts["size"] or 0), changed))
    return files


def fetch(url: str, folder: Path) -> Path:
    """Copy a file into a folder, under its own name, which may tell a projection; return where it lies.

    Raises:
        StorageError: it is not there, or the store does not answer.
    """
    store, path = _opened(url)
    target = folder / PurePosixPath(path).name
    with _reaching(url):
        store.get_file(path, str(target))
    return target


def put(file: Path, url: str) -> None:
    """Copy a file to an address, where it is the old one or the new one at any moment, never half of it.

    Raises:
        StorageError: the store does not take it.
    """
    store, path = _opened(url)
    parent = str(PurePosixPath(path).parent)
    with _reaching(url):
        store.makedirs(parent, exist_ok=True)
        if _kind(url) in WHOLE:
            store.put_file(str(file), path)
            return
        part = f"{parent}/.{PurePosixPath(path).name}.{secrets.token_hex(4)}.part"
        try:
            store.put_file(str(file), part)
            store.mv(part, path)
        finally:
            if store.exists(part):
                store.rm_file(part)


def ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` of each item in order, while the next few are on their way."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(TOGETHER, "fetch") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) == TOGETHER:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _kind(url: str) -> str:
    return url.split("://", 1)[0].lower()


def _opened(url: str) -> tuple[Any, str]:
    if urlsplit(url).password is not None or _SIGNED.search(url):
        raise UsageError(
            f"An address of kind {_kind(url)} holds a password or a signature, which would be kept with its studies.",
            hint="Give it as that store's own settings have it: environment, profile or role.",
        )
    fsspec = require("fsspec", extra="cluster")
    try:
        store, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise MissingDependency(f"{url} needs a package: {error}.") from None
    except ValueError:
        raise UsageError(f"No kind of store is called {_kind(url)}://.") from None
    return store, str(path)


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Let whatever a store's package raises pass as an error of ours, without its text: it may quote credentials."""
    try:
        yield
    except FileNotFoundError:
        raise StorageError(url, "there is no such file.") from None
    except Exception as error:  # noqa: BLE001 - each store's package has errors of its own; raised again as ours
        hint = "Are address, credentials and network right?"
        raise StorageError(url, f"the store failed ({type(error).__name__}).", hint=hint) from None
