"""Files of a store to jobs: each is fetched once, for its header and hash, and not kept."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from radrag.batch.remote import RemoteFile, StorageError, ahead, fetch, files_in
from radrag.batch.spilled import Spilled
from radrag.batch.submission import job_of, refused_job
from radrag.dicom.read import find_studies
from radrag.disk import sha256_of
from radrag.errors import RefusalCode, StudyRefused
from radrag.store.canonical import sha256
from radrag.store.job_values import Job, NewJob


@dataclass(frozen=True, slots=True)
class Header:
    """What submission knows of a file.

    Attributes:
        study: the same for all files of one study of one patient, and for no others.
    """

    file: RemoteFile
    digest: str
    study: str
    patient_key: str


Known = Mapping[str, Sequence[Any]]
"""Address → size, mark of change, and digest, study and patient of a :class:`Header`."""


def headers_of(jobs: Iterable[Job]) -> Known:
    """Return what was known of files when they were submitted before."""
    known = Spilled()
    for job in jobs:
        if "study" in job.source:
            for url, *facts in job.source["files"]:
                known[url] = [*facts, *job.source["study"]]
    return known


def remote_jobs(
    urls: Sequence[str],
    *,
    batch: str,
    versions: str,
    salt: str,
    indication: str = "",
    known: Known | None = None,
    progress: Callable[[Path], None] | None = None,
) -> Iterator[NewJob]:
    """Yield a job a study, and one a refused file, of what lies at and below some addresses.

    Args:
        known: files that are not fetched while size and mark of change are the same, from :func:`headers_of`.
        progress: called with each file's name before it is looked at.

    Raises:
        StorageError: a store cannot be listed. A file that cannot be fetched is refused.
        MissingDependency: the package for a kind of store is not installed.
    """

    def look(found: tuple[RemoteFile, bool]) -> Header | StudyRefused | None:
        file, named = found
        size, changed, *before = (known or {}).get(file.url, (0, 0))
        if before and (size, changed) == (file.size, file.changed):
            return Header(file, *before)
        return _read(file, salt, named=named)

    studies = Spilled()
    for seen in ahead(look, _listed(urls, progress)):
        if isinstance(seen, StudyRefused):
            yield refused_job(batch, versions, seen)
        elif seen is not None:
            file = [seen.file.url, seen.file.size, seen.file.changed, seen.digest]
            _, files = studies.get(seen.study, (seen.patient_key, []))
            studies[seen.study] = [seen.patient_key, [*files, file]]
    for study, (patient_key, files) in studies.items():
        job = job_of(batch, versions, patient_key, indication, files)
        yield replace(job, source={**job.source, "study": [study, patient_key]})


def _listed(urls: Sequence[str], progress: Callable[[Path], None] | None) -> Iterator[tuple[RemoteFile, bool]]:
    """Yield each file once, and whether it was named itself and not found in a folder."""
    given: set[str] = set()
    for url in urls:
        files = files_in(url)
        if not files:
            raise StorageError(url, "there is no file at or below it.")
        named = len(files) == 1 and files[0].url.rsplit("/", 1)[-1] == url.rstrip("/").rsplit("/", 1)[-1]
        for file in files:
            if file.url not in given:
                given.add(file.url)
                if progress is not None:
                    progress(Path(file.url.rsplit("/", 1)[-1]))
                yield file, named


def _read(file: RemoteFile, salt: str, *, named: bool) -> Header | StudyRefused | None:
    """Fetch a file and look at its header; None for what is passed over in folders."""
    with tempfile.TemporaryDirectory(prefix="radrag-") as name:
        folder = Path(name)
        try:
            path = fetch(file.url, folder)
        except StorageError as error:
            return StudyRefused(RefusalCode.NOT_FOUND, file.url, f"the file cannot be fetched: {error.reason}")
        studies, refusals = find_studies([path if named else folder], salt=salt)
        if studies:
            study = studies[0].study
            return Header(
                file, sha256_of(path), sha256([study.study_instance_uid, study.patient_key]), study.patient_key
            )
        (refusal,) = refusals
        if refusal.code == RefusalCode.EMPTY_FOLDER:
            return None
        return StudyRefused(RefusalCode(refusal.code), file.url, refusal.reason, hint=refusal.hint)
