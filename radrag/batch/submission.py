"""Files to jobs: grouped into studies by their headers, each with the key under which it is drafted once."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from radrag.dicom.read import StudyFiles, find_studies
from radrag.dicom.views import view_in_name
from radrag.disk import sha256_of
from radrag.errors import RefusalCode, StudyRefused, UsageError
from radrag.store.canonical import sha256
from radrag.store.job_values import NewJob

MANIFESTS = (".txt", ".csv")
Known = Mapping[str, tuple[int, int, str]]
"""Path → size, time of change in nanoseconds, SHA-256, as they were when the file was submitted before."""


def read_manifest(path: Path) -> dict[str, list[Path]]:
    """Return indication → files and folders of a manifest; paths in it are relative to its folder.

    Args:
        path: a ``.txt`` file of one path a line, or a ``.csv`` file with a column ``path`` and, if you like,
            ``indication``.

    Raises:
        UsageError: it cannot be read, or has no such column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The manifest {path} cannot be read: {type(error).__name__}.") from None
    if path.suffix.lower() == ".txt":
        lines = [line.strip() for line in text.splitlines()]
        return {"": [path.parent / line for line in lines if line and not line.startswith("#")]}
    rows = csv.DictReader(text.splitlines())
    if "path" not in (rows.fieldnames or ()):
        raise UsageError(f"The manifest {path} has no column 'path'.", hint="Its first line names the columns.")
    found: dict[str, list[Path]] = {}
    for row in rows:
        if row["path"]:
            found.setdefault((row.get("indication") or "").strip(), []).append(path.parent / row["path"])
    return found


def jobs_of(
    paths: Sequence[Path],
    *,
    batch: str,
    versions: str,
    salt: str,
    indication: str = "",
    known: Known | None = None,
    progress: Callable[[Path], None] | None = None,
) -> Iterator[NewJob]:
    """Yield a job a study, and one a refused file.

    Args:
        versions: from :func:`radrag.batch.versions.versions_of`.
        salt: secret for patient keys.
        known: files whose content need not be read again while size and time of change are the same.
        progress: called with each file before it is looked at.
    """
    studies, refusals = find_studies(
        [path.absolute() for path in paths], salt=salt, indication=indication, progress=progress
    )
    for refusal in refusals:
        yield _refused(batch, versions, refusal)
    while studies:
        yield _job(batch, versions, studies.pop(0), known or {})


def paths_of(source: Mapping[str, Any]) -> list[Path]:
    """Return the files of a job."""
    return [Path(path) for path, *_ in source["files"]]


def _job(batch: str, versions: str, study: StudyFiles, known: Known) -> NewJob:
    files: dict[str, list[Any]] = {}  # by content: copies of a file are one
    for path in study.paths:
        try:
            digest, seen = _digest(path, known)
        except OSError as error:
            message = f"the file cannot be read: {error.strerror}."
            return _refused(batch, versions, StudyRefused(RefusalCode.NOT_FOUND, str(path), message))
        files.setdefault(digest, [str(path), *seen, digest])
    # A file's name may tell the projection, and so decide what is drafted.
    content = sorted((digest, view_in_name(Path(file[0])).value) for digest, file in files.items())
    indication = study.study.indication
    key = sha256([versions, study.study.patient_key, indication, content])
    source = {"files": list(files.values()), "indication": indication}
    replaced = tuple(_refused_key(batch, str(path)) for path in study.paths)
    return NewJob(key, versions, source, uuid.uuid4().hex, replaces=replaced)


def _digest(path: Path, known: Known) -> tuple[str, tuple[int, int]]:
    facts = path.stat()
    seen = (facts.st_size, facts.st_mtime_ns)
    *before, digest = known.get(str(path), (0, 0, ""))
    return (digest if tuple(before) == seen and digest else sha256_of(path)), seen


def _refused(batch: str, versions: str, refusal: StudyRefused) -> NewJob:
    source = {"files": [[refusal.path]], "indication": ""}
    reason = f"{refusal.reason} {refusal.hint}".strip()
    key = _refused_key(batch, refusal.path)
    return NewJob(key, versions, source, uuid.uuid4().hex, refused=(refusal.code, reason))


def _refused_key(batch: str, path: str) -> str:
    return sha256(["refused", batch, path])
