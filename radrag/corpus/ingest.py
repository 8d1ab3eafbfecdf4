"""A collection into the store: streamed, in parallel, resumable, every rejected item on record."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from radrag.corpus.collection import Collection, Merge, Rejection, RejectionCode
from radrag.corpus.preparing import Preparer, Waiting
from radrag.corpus.workers import default_workers, in_order
from radrag.errors import UsageError
from radrag.store.repository import Store
from radrag.store.values import UNSTORABLE, AddReport, Arrival

TASK = 64
"""Cases that travel to a worker at once."""
BATCH = 500
"""Cases in one transaction."""
SECONDS = 10.0
"""A batch is written after this time even when it is not full, so that a kill loses little."""
SHOWN = 20
"""Rejections that a report carries as examples; all are in the store."""


@dataclass(slots=True)
class IngestReport:
    """What an addition did.

    Attributes:
        cases: how many were added, unchanged and updated.
        rejected: code → items that are lost; kept: code → items that were taken with a note.
        examples: the first rejections, lost ones only.
    """

    cases: AddReport = field(default_factory=AddReport)
    rejected: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    examples: list[Rejection] = field(default_factory=list)

    def note(self, rejections: Sequence[Rejection]) -> None:
        """Count rejections."""
        for rejection in rejections:
            (self.kept if rejection.kept else self.rejected)[str(rejection.code)] += 1
            if not rejection.kept and len(self.examples) < SHOWN:
                self.examples.append(rejection)


def ingest(
    collection: Collection,
    store: Store,
    *,
    workers: int | None = None,
    read_images: bool = True,
    progress: Callable[[int], object] | None = None,
) -> IngestReport:
    """Add a collection to the store.

    Cases that are there already, made from the same source, are passed over without being read again: a second run
    adds nothing, and a run after a kill goes on where the last written batch ended. Each batch is written whole or
    not at all, with its rejections. Memory does not grow with the collection but for 16 bytes a case.

    Args:
        workers: processes that read images and label texts; default one a core, 0 or 1 for none.
        read_images: whether image files are read and hashed.
        progress: called with the number of cases that were finished since the last call.

    Raises:
        CorpusError, StoreError: the collection as a whole cannot be read, or the store not written; batches written
            before stay, and the same command goes on from there.
        UsageError: ``workers`` is negative.
    """
    if workers is not None and workers < 0:
        raise UsageError(f"workers is {workers}; it must be 0 or more.")
    addition = _Addition(collection, store, Preparer(collection.root, collection.merge, read_images), progress)
    store.begin_addition(collection.info)
    for arrivals, rejections in in_order(
        addition.preparer,
        addition.tasks(),
        default_workers() if workers is None else workers,
        crashed=addition.after_crash,
    ):
        addition.take(arrivals, rejections)
    addition.write()
    store.finish_addition(collection.info.name, run=addition.run)
    return addition.report


class _Addition:
    """The state of one addition."""

    def __init__(
        self,
        collection: Collection,
        store: Store,
        preparer: Preparer,
        progress: Callable[[int], object] | None,
    ) -> None:
        self.run = uuid.uuid4().hex
        self.report = IngestReport()
        self.preparer = preparer
        self._collection = collection
        self._store = store
        self._progress = progress
        self._seen: dict[bytes, bytes] = {}
        self._arrivals: list[Arrival] = []
        self._rejections: list[Rejection] = []
        self._written = time.monotonic()

    def tasks(self) -> Iterator[list[Waiting]]:
        """Yield what is to be prepared, a group at a time; rejections of the reader are noted on the way."""
        group: list[Waiting] = []
        for item in self._collection.items:
            if len(self._rejections) >= BATCH:
                self.write()
            if isinstance(item, Rejection):
                self._rejections.append(item)
                continue
            if UNSTORABLE.search(item.case_id):
                message = "the id holds a NUL or a character that is none; the case was left out."
                self._rejections.append(Rejection(RejectionCode.BAD_VALUE, item.case_id, message))
                continue
            waiting = Waiting(item, self.preparer.source_sha256(item))
            if self._is_first(waiting):
                group.append(waiting)
            if len(group) == TASK:
                yield from self._unknown(group)
                group = []
        if group:
            yield from self._unknown(group)

    def _is_first(self, waiting: Waiting) -> bool:
        """Whether no case of this id came before in this addition; another content is a rejection."""
        key = hashlib.blake2b(waiting.case.case_id.encode(), digest_size=8).digest()
        content = bytes.fromhex(waiting.source_sha256[:16])
        before = self._seen.get(key)
        if before is None:
            self._seen[key] = content
            return True
        if before != content:
            message = "the id is given twice, with different content; the first one was taken."
            self._rejections.append(Rejection(RejectionCode.DUPLICATE_ID, waiting.case.case_id, message))
        else:
            self._count(AddReport(unchanged=1))
        return False

    def _unknown(self, group: Sequence[Waiting]) -> Iterator[list[Waiting]]:
        """Yield those of a group that the store does not have from the same source."""
        known = self._store.source_digests(waiting.case.case_id for waiting in group)
        left = [waiting for waiting in group if known.get(waiting.case.case_id) != waiting.source_sha256]
        self._count(AddReport(unchanged=len(group) - len(left)))
        if self._collection.merge is not Merge.REPLACE:
            stored = self._store.cases(waiting.case.case_id for waiting in left if waiting.case.case_id in known)
            left = [replace(waiting, stored=stored.get(waiting.case.case_id)) for waiting in left]
        if left:
            yield left

    def take(self, arrivals: Sequence[Arrival], rejections: Sequence[Rejection]) -> None:
        """Note what a worker has prepared; write when there is enough."""
        self._arrivals += arrivals
        self._rejections += rejections
        late = time.monotonic() - self._written > SECONDS
        if len(self._arrivals) >= BATCH or len(self._rejections) >= BATCH or late:
            self.write()

    def write(self) -> None:
        """Write what was noted, in one transaction."""
        arrivals, self._arrivals = self._arrivals, []
        rejections, self._rejections = self._rejections, []
        if arrivals or rejections:
            added = self._store.write_batch(self._collection.info, arrivals, rejections, run=self.run)
            self.report.note(rejections)
            self._count(added)
        self._written = time.monotonic()

    def _count(self, added: AddReport) -> None:
        self.report.cases += added
        if self._progress and added.total:
            self._progress(added.total)

    def after_crash(self, task: Sequence[Waiting]) -> tuple[list[Arrival], list[Rejection]]:
        """Return what is left of a task that ended its process: the cases without their images."""
        without = replace(self.preparer, read_images=False)
        arrivals, _ = without([replace(waiting, source_sha256="") for waiting in task])
        message = "reading a group of cases ended the process; the texts were added, the images not checked."
        return arrivals, [
            Rejection(RejectionCode.UNREADABLE_IMAGE, waiting.case.case_id, message)
            for waiting in task
            if waiting.case.images
        ]
