"""Whether a corpus is still what was added: its texts, its image files, and its sides apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from radrag.corpus.leaks import Leak, LeakFinder
from radrag.disk import sha256_of
from radrag.store.repository import Store
from radrag.store.values import ImageRecord

_THREADS = 8  # reading waits for disks and networks


@dataclass(frozen=True, slots=True)
class FileFault:
    """An image file that is not what was added; ``fault`` is "missing", "changed" or "unreadable"."""

    case_id: str
    path: str
    fault: str


@dataclass(slots=True)
class Verification:
    """What :func:`verify` found.

    Attributes:
        broken: ids of cases whose stored content does not fit its checksum.
        files: image files that are missing, changed or unreadable.
        leaks: see :mod:`radrag.corpus.leaks`; one side at least is of this corpus.
    """

    broken: list[str] = field(default_factory=list)
    files: list[FileFault] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)


def verify(
    store: Store,
    corpus: str,
    *,
    files: bool = True,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Verification:
    """Check one corpus against its checksums, its image files, and all corpora of the store for leaks.

    Args:
        files: whether image files are read again.
        seed: of the split by patient, where a collection has none.
        progress: called with the number of image files that were read since the last call.

    Raises:
        CorpusError: there is no such corpus.
    """
    found = Verification(broken=store.verify_corpus(corpus))
    if files:
        found.files += _check_files(store.iter_images(corpus), progress)
    finder = LeakFinder(corpus, seed=seed)
    for case_id, patient_key, split in store.iter_patients():
        finder.add_case(case_id, patient_key, split)
    finder.add_images(store.iter_images())
    found.leaks += finder.leaks()
    return found


def _check_files(records: Iterator[ImageRecord], progress: Callable[[int], object] | None) -> Iterator[FileFault]:
    """Read image files again, several at a time, few on the way."""
    waiting: deque[Future[FileFault | None]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for record in records:
            if record.image.path and record.image.file_sha256:
                waiting.append(pool.submit(_check_file, record))
            while len(waiting) > 4 * _THREADS:
                yield from _done(waiting.popleft(), progress)
        while waiting:
            yield from _done(waiting.popleft(), progress)


def _done(future: Future[FileFault | None], progress: Callable[[int], object] | None) -> Iterator[FileFault]:
    fault = future.result()
    if progress:
        progress(1)
    if fault is not None:
        yield fault


def _check_file(record: ImageRecord) -> FileFault | None:
    try:
        fault = "" if sha256_of(Path(record.image.path)) == record.image.file_sha256 else "changed"
    except FileNotFoundError:
        fault = "missing"
    except OSError:
        fault = "unreadable"
    return FileFault(record.case_id, record.image.path, fault) if fault else None
