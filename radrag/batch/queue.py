"""The queue of a workspace: studies go in, and how far they are can be asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radrag.batch.query import Asked, Query, chosen
from radrag.batch.remote import is_url
from radrag.batch.remote_submission import headers_of, remote_jobs
from radrag.batch.submission import MANIFESTS, jobs_of, known_files, read_manifest
from radrag.batch.values import Submission, inbox_of
from radrag.batch.versions import versions_of
from radrag.dicom.views import view_in_name
from radrag.disk import replacing
from radrag.domain import View
from radrag.errors import UsageError
from radrag.store.job_values import BatchStatus, NewJob

if TYPE_CHECKING:
    from radrag.store.repository import Store
    from radrag.workspace import Workspace

PRIORITY = 100
"""Of a batch; lower comes first. Someone who waits at a screen asks for less."""


class Queue:
    """Submits studies for drafting by whatever workers there are."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @property
    def store(self) -> Store:
        """The database that holds the queue."""
        return self._workspace.store

    @property
    def versions(self) -> str:
        """Hash of the parts that are to draft now: an index may be built while a server runs."""
        return versions_of(self._workspace)

    def submit(
        self,
        paths: Sequence[Path | str],
        *,
        batch: str,
        query: Query | None = None,
        priority: int = PRIORITY,
        indication: str = "",
        prior: Sequence[Path] = (),
        limit: int | None = None,
        progress: Callable[[Path], None] | None = None,
    ) -> Submission:
        """Let a batch ask for all studies in some files, folders and manifests.

        A study that was submitted before with the same content, for the same parts, is not drafted again. What the
        batch waits for of other parts (before an index was built anew, say) is let go.

        Args:
            paths: DICOM, PNG, JPEG; folders of them; manifests (:func:`radrag.batch.submission.read_manifest`); and
                addresses of files and folders in a store (:func:`radrag.batch.remote.is_url`).
            query: studies that are submitted too, of those that the store knows.
            priority: lower comes first.
            indication: the requester's free text, given to every study that a manifest says nothing of.
            prior: images of an earlier study, with which the studies of its patient are compared.
            limit: studies and refused files that are submitted, the first ones found; None for all.
            progress: called with each file before it is looked at.

        Raises:
            UsageError: the batch has no name, a manifest cannot be read, or the prior is not one study.
            StudyRefused: the prior is no chest radiograph.
            StoreError: the database cannot be reached.
            StorageError: a store cannot be listed.
        """
        if not batch.strip():
            raise UsageError("A batch needs a name.")
        refused = studies = 0
        groups: dict[Asked, list[Path | str]] = {}
        for path in paths:
            manifest = isinstance(path, Path) and path.is_file() and path.suffix.lower() in MANIFESTS
            for about, named in (read_manifest(Path(path)) if manifest else {"": [path]}).items():
                groups.setdefault(Asked(about or indication, tuple(prior)), []).extend(named)
        versions = self.versions
        if query is not None:
            for said, named in chosen(self.store.known_jobs(query.batch), query, versions).items():
                groups.setdefault(Asked(said.indication or indication, said.prior), []).extend(named)
        dropped = self.store.cancel_batch(batch, now=self.store.now(), but=versions)

        def counted() -> Iterator[NewJob]:
            nonlocal refused, studies
            found = self._jobs_of(groups, batch=batch, versions=versions, progress=progress)
            for job in islice(found, limit):
                refused, studies = refused + bool(job.refused), studies + (not job.refused)
                yield job

        written = self.store.add_jobs(batch, counted(), now=self.store.now(), priority=priority)
        return Submission(batch, studies, written.added, refused, dropped)

    def receive(self, name: str, content: bytes) -> Path:
        """Copy an uploaded file into the workspace's inbox, under the hash of its content; return where it lies.

        Args:
            name: what it was called; only its ending, and a projection that it tells, are kept.
        """
        view, suffix = view_in_name(Path(name)), Path(name).suffix.lower()
        told = "" if view is View.UNKNOWN else f"_{view.value.lower()}"
        ending = suffix if suffix.removeprefix(".").isalnum() and len(suffix) <= 6 else ""
        folder = inbox_of(self._workspace.settings.workspace)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{hashlib.sha256(content).hexdigest()}{told}{ending}"
        if not path.exists():
            with replacing(path) as part:
                part.write_bytes(content)
        return path

    def status(self, batch: str) -> BatchStatus:
        """Return how far a batch is."""
        return self.store.batch_status(batch)

    def _jobs_of(self, groups: Mapping[Asked, Sequence[Path | str]], **how: Any) -> Iterator[NewJob]:
        """Yield the jobs of files and of addresses; what the batch asked for before is not read again."""
        how["salt"] = self._workspace.settings.salt()
        named = [one for group in groups.values() for one in group]
        before = partial(self.store.iter_jobs, how["batch"])
        known = known_files(before() if any(not is_url(str(one)) for one in named) else ())
        headers = headers_of(before() if any(is_url(str(one)) for one in named) else ())
        for said, group in groups.items():
            about = {**how, "indication": said.indication}
            if paths := [Path(one) for one in group if not is_url(str(one))]:
                yield from jobs_of(paths, prior=said.prior, known=known, **about)
            if urls := [str(one) for one in group if is_url(str(one))]:
                yield from remote_jobs(urls, known=headers, **about)
