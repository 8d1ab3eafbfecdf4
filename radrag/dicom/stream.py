"""Many studies one after the other, decoded ahead in threads: pydicom, Pillow and numpy release Python's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from radrag.dicom.read import LoadedStudy, StudyFiles, load_study


def load_studies(studies: Iterable[StudyFiles], *, side: int | None = None, threads: int = 0) -> Iterator[LoadedStudy]:
    """Yield studies in order, as :func:`radrag.dicom.read.load_study` returns them.

    Memory does not grow with their number: no more than twice as many as there are threads are held.

    Args:
        studies: from :func:`radrag.dicom.read.find_studies`.
        side: as for :func:`radrag.dicom.read.load_image`.
        threads: how many decode at the same time; 0 for one a core.
    """
    count = threads or os.cpu_count() or 1
    waiting: deque[Future[LoadedStudy]] = deque()
    with ThreadPoolExecutor(count) as pool:
        for files in studies:
            waiting.append(pool.submit(load_study, files, side=side))
            if len(waiting) == 2 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
