"""Several vectors for one case (its views, its report, its sentences), one hit for each case.

A vector's id is ``case#part``. Example::

    index.add([part_id(case.case_id, str(s.number)) for s in sentences], encoder.encode([s.text for s in sentences]))
    hits = search_cases(index, encoder.encode(["Small left pleural effusion."]), k=10)[0]   # ten different cases
"""

from __future__ import annotations

import numpy as np

from radrag.errors import BadIndex
from radrag.index.base import Neighbour, VectorIndex, check_k, in_order

MARK = "#"


def part_id(case_id: str, part: str) -> str:
    """Return the id of one of a case's vectors.

    Raises:
        BadIndex: the part's name is empty or contains the mark that separates the two.
    """
    if not part or MARK in part:
        raise BadIndex(f"{part!r} cannot name a part: it is empty or contains {MARK!r}.")
    return f"{case_id}{MARK}{part}"


def case_of(name: str) -> str:
    """Return the case of an id that :func:`part_id` made; an id without a part is its own case."""
    return name.rpartition(MARK)[0] or name


def search_cases(index: VectorIndex, queries: np.ndarray, k: int) -> list[list[Neighbour]]:
    """Return the k nearest cases of each query float32 [q, d]: a case scores what the best of its vectors scores.

    Ordered by falling score, then by case id, as a search is. Looks deeper until k cases are found or the index ends.

    Raises:
        BadIndex: as :meth:`radrag.index.base.VectorIndex.search`.
    """
    check_k(k)
    answers: list[list[Neighbour]] = [[] for _ in queries]
    pending, fetch = list(range(len(queries))), 4 * k
    while pending:
        left = []
        for at, found in zip(pending, index.search(queries[pending], fetch), strict=True):
            best: dict[str, float] = {}
            for name, score in found:
                best.setdefault(case_of(name), score)
            cases = in_order(best.items())
            # What was not fetched may tie with the last that was, and then belong before it.
            whole = len(found) < fetch or fetch >= len(index)
            if whole or (len(cases) > k and round(cases[k - 1][1], 6) > round(found[-1][1], 6)):
                answers[at] = cases[:k]
            else:
                left.append(at)
        pending, fetch = left, fetch * 4
    return answers
