"""Several files of one index, replaced all together or not at all.

Each file carries its checksum in its name and ``index.json`` names the files that belong together. A writer adds files
under new names and then replaces ``index.json`` in one step; whoever is stopped before that leaves the old index whole,
and a reader that opened the old files keeps them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from radrag.disk import sha256_of
from radrag.errors import BadIndex

SCHEMA = "radrag.vectors/1"
HEADER = "index.json"
_OURS = re.compile(r"(\w+-[0-9a-f]{16}\.\w+|.+\.part)")
_ATTEMPTS = 20
_T = TypeVar("_T")
REBUILD = "Build it anew: radrag index build"


@dataclass(frozen=True, slots=True)
class Saved:
    """What ``index.json`` says.

    Attributes:
        folder: where it lies.
        values: the whole header.
        files: role (``vectors``, ``ids``, …) → path.
    """

    folder: Path
    values: Mapping[str, Any]
    files: Mapping[str, Path]


def replace_files(folder: Path, values: Mapping[str, Any], writers: Mapping[str, Callable[[Path], None]]) -> None:
    """Write a new set of files to ``folder`` and make it the current one.

    Args:
        writers: file name → what writes that file to a path. The part before the dot is the file's role.
    """
    files = {}
    for name, write in writers.items():
        role, suffix = name.split(".")
        part = folder / f"{name}.part"
        write(part)
        _to_disk(part)
        digest = sha256_of(part)
        named = f"{role}-{digest[:16]}.{suffix}"
        os.replace(part, folder / named)
        files[role] = {"file": named, "bytes": (folder / named).stat().st_size, "sha256": digest}
    part = folder / f"{HEADER}.part"
    part.write_text(json.dumps({"schema": SCHEMA, **values, "files": files}, indent=1, sort_keys=True) + "\n")
    _to_disk(part)
    _to_disk(folder)  # the new names must be on disk before the header that relies on them
    os.replace(part, folder / HEADER)
    _to_disk(folder)
    current = {entry["file"] for entry in files.values()}
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in current:
            path.unlink(missing_ok=True)


def open_files(folder: Path, read: Callable[[Saved], _T]) -> _T:
    """Return ``read`` of the current set; again from the start when a writer replaced the set meanwhile.

    Raises:
        BadIndex: there is no such index, it is of another schema, or a file is missing or of another size.
    """
    for _ in range(_ATTEMPTS):
        before = _header_text(folder)
        saved = _parse(folder, before)
        try:
            for role, path in saved.files.items():
                if path.stat().st_size != saved.values["files"][role]["bytes"]:
                    raise BadIndex(f"{path} was cut off or changed.", hint=REBUILD)
            return read(saved)
        except FileNotFoundError as error:
            if _header_text(folder) == before:
                raise BadIndex(f"{folder} has lost a file.", hint=REBUILD) from error
    raise BadIndex(f"{folder} is replaced faster than it can be read.", hint="Try again when the writer has finished.")


def check_sha256(saved: Saved, *roles: str) -> None:
    """Compare files with their checksums.

    Raises:
        BadIndex: one was changed, or there is none of that role.
    """
    for role in roles:
        if role not in saved.files:
            raise BadIndex(f"{saved.folder / HEADER} names no {role}.", hint=REBUILD)
        if sha256_of(saved.files[role]) != saved.values["files"][role]["sha256"]:
            raise BadIndex(f"{saved.files[role]} was changed after it was written.", hint=REBUILD)


def _header_text(folder: Path) -> str:
    try:
        return (folder / HEADER).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadIndex(f"{folder} holds no readable index.", hint=REBUILD) from error


def _parse(folder: Path, text: str) -> Saved:
    try:
        values = json.loads(text)
        schema = values["schema"]
        files = {role: folder / Path(entry["file"]).name for role, entry in values["files"].items()}
        for entry in values["files"].values():
            int(entry["bytes"]), str(entry["sha256"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadIndex(f"{folder / HEADER} is damaged.", hint=REBUILD) from error
    if schema != SCHEMA:
        raise BadIndex(f"{folder} is of schema {schema}, not {SCHEMA}.", hint=REBUILD)
    return Saved(folder, values, files)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
