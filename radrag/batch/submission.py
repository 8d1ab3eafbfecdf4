"""Files to jobs: grouped into studies by their headers, each with the key under which it is drafted once."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from radrag.batch.remote import is_url
from radrag.batch.spilled import Spilled
from radrag.dicom.files import listed
from radrag.dicom.read import find_studies, study_of
from radrag.dicom.views import view_in_name
from radrag.disk import sha256_of
from radrag.errors import RefusalCode, StudyRefused, UsageError
from radrag.store.canonical import sha256
from radrag.store.job_values import Job, NewJob

MANIFESTS = (".txt", ".csv")
Known = Mapping[str, Sequence[Any]]
"""Path → size, time of change in nanoseconds, SHA-256, as they were when the file was submitted before."""


def read_manifest(path: Path) -> dict[str, list[Path | str]]:
    """Return indication → files, folders and addresses of a manifest; paths in it are relative to its folder.

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
        return {"": [_named(path.parent, line) for line in lines if line and not line.startswith("#")]}
    rows = csv.DictReader(text.splitlines())
    if "path" not in (rows.fieldnames or ()):
        raise UsageError(f"The manifest {path} has no column 'path'.", hint="Its first line names the columns.")
    found: dict[str, list[Path | str]] = {}
    for row in rows:
        if row["path"]:
            found.setdefault((row.get("indication") or "").strip(), []).append(_named(path.parent, row["path"]))
    return found


def _named(folder: Path, name: str) -> Path | str:
    return name if is_url(name) else folder / name


def known_files(jobs: Iterable[Job]) -> Known:
    """Return what is known of files that some jobs asked for before."""
    known = Spilled()
    for job in jobs:
        for path, *facts in job.source["files"]:
            if len(facts) == 3:
                known[path] = facts
    return known


def jobs_of(
    paths: Iterable[Path],
    *,
    batch: str,
    versions: str,
    salt: str,
    indication: str = "",
    prior: Sequence[Path] = (),
    known: Known | None = None,
    progress: Callable[[Path], None] | None = None,
) -> Iterator[NewJob]:
    """Yield a job a refused file, and a job a study when all files were seen; memory does not grow with the files.

    Args:
        versions: from :func:`radrag.batch.versions.versions_of`.
        salt: secret for patient keys.
        prior: images of an earlier study; only studies of the same patient are compared with it.
        known: files whose content need not be read again while size and time of change are the same.
        progress: called with each file before it is looked at.
    """
    whose, earlier = _prior_of(prior, salt=salt) if prior else ("", [])
    seen, studies = Spilled(), Spilled()
    for one in listed(path.absolute() for path in paths):
        if isinstance(one, StudyRefused):
            yield refused_job(batch, versions, one)
            continue
        place = str(one.resolve())
        if place in seen:  # named twice, or linked to
            continue
        seen[place] = True
        if progress is not None:
            progress(one)
        try:
            _check_name(one)
            study = study_of(one, salt=salt)
        except StudyRefused as refusal:
            yield refused_job(batch, versions, refusal)
            continue
        # Files of one study UID but of different patients stay apart.
        group = json.dumps([study.patient_key, study.study_instance_uid])
        studies[group] = [*studies.get(group, ()), str(one)]
    for group, names in studies.items():
        patient, _ = json.loads(group)
        try:
            files = [_file(Path(name), known or {}) for name in names]
        except OSError as error:
            message, name = f"the file cannot be read: {error.strerror}.", error.filename or names[0]
            yield refused_job(batch, versions, StudyRefused(RefusalCode.NOT_FOUND, str(name), message))
            continue
        compared = earlier if whose and whose == patient else ()
        yield job_of(batch, versions, patient, indication, files, prior=compared)


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        message = "the name of the file, or of a folder on its way, is not UTF-8, and drafts could not be kept with it."
        raise StudyRefused(RefusalCode.NOT_FOUND, str(path), message, hint="Rename it.") from None


def paths_of(source: Mapping[str, Any]) -> list[Path]:
    """Return the files of a job that lie on this machine."""
    return [Path(path) for path, *_ in source["files"] if not is_url(path)]


def prior_of(source: Mapping[str, Any]) -> list[Path]:
    """Return the images of the earlier study that a job's study is compared with; none for most."""
    return [Path(path) for path, *_ in source.get("prior", ())]


def addresses_of(source: Mapping[str, Any]) -> list[str]:
    """Return the addresses of a job's files that lie in a store."""
    return [path for path, *_ in source["files"] if is_url(path)]


def _prior_of(paths: Sequence[Path], *, salt: str) -> tuple[str, list[list[Any]]]:
    """Return the patient of an earlier study, and its files as a job keeps them.

    Raises:
        UsageError: the files are of several studies, of nobody in particular, or cannot be read.
        StudyRefused: none of them is a chest radiograph.
    """
    studies, refusals = find_studies([path.absolute() for path in paths], salt=salt)
    if not studies and refusals:
        raise refusals[0]
    if len(studies) != 1 or not studies[0].study.patient_key:
        raise UsageError("A prior is one study of one patient.", hint="Name the images of one earlier study.")
    try:
        files = [_file(path, {}) for path in studies[0].paths]
    except OSError as error:
        raise UsageError(f"An image of the prior cannot be read: {error.strerror}.") from None
    return studies[0].study.patient_key, files


def job_of(
    batch: str,
    versions: str,
    patient_key: str,
    indication: str,
    files: Sequence[Sequence[Any]],
    *,
    prior: Sequence[Sequence[Any]] = (),
) -> NewJob:
    """Return the job of one study.

    Args:
        files: path or address, size, time of change (or another mark of it), SHA-256 of each.
        prior: the same of the images of the patient's earlier study.
    """
    by_content: dict[str, list[Any]] = {}  # copies of a file are one
    for file in files:
        by_content.setdefault(file[3], list(file))
    # A file's name may tell the projection, and so decide what is drafted.
    content = sorted((digest, view_in_name(Path(file[0])).value) for digest, file in by_content.items())
    compared = [sorted(digest for *_, digest in prior)] if prior else []
    key = sha256([versions, patient_key, indication, content, *compared])
    source: dict[str, Any] = {"files": list(by_content.values()), "indication": indication}
    if prior:
        source["prior"] = [list(file) for file in prior]
    replaced = tuple(_refused_key(batch, file[0]) for file in files)
    return NewJob(key, versions, source, uuid.uuid4().hex, replaces=replaced)


def _file(path: Path, known: Known) -> list[Any]:
    """Return a file as a job keeps it: path, size, time of change, SHA-256."""
    facts = path.stat()
    seen = [facts.st_size, facts.st_mtime_ns]
    *before, digest = known.get(str(path), (0, 0, ""))
    return [str(path), *seen, digest if before == seen and digest else sha256_of(path)]


def refused_job(batch: str, versions: str, refusal: StudyRefused) -> NewJob:
    """Return the job of a file that cannot be drafted, kept for the report."""
    source = {"files": [[refusal.path]], "indication": ""}
    reason = f"{refusal.reason} {refusal.hint}".strip()
    key = _refused_key(batch, refusal.path)
    return NewJob(key, versions, source, uuid.uuid4().hex, refused=(refusal.code, reason))


def _refused_key(batch: str, path: str) -> str:
    return sha256(["refused", batch, path])
