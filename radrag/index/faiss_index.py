"""The default index: exact scores for what FAISS proposes, or for everything where that is fast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from radrag.errors import BadIndex
from radrag.index.base import SPARE, TIE, Neighbour, check_k, check_vectors, in_order
from radrag.index.files import REBUILD, Saved, open_files, replace_files
from radrag.index.first_pass import FEWEST, FirstPass
from radrag.index.kinds import FLAT, KINDS, SCANS, check_kind
from radrag.index.rows import Rows

DEEP = 32
"""Where more than one vector in so many is a candidate, scoring all of them is faster."""

UNIT = 1e-3
"""How far a vector's length may be from 1."""


class FaissIndex:
    """A :class:`radrag.index.base.VectorIndex`; see docs/indexes.md for the kinds.

    Kind ``flat`` is exact. The other kinds learn from the data in :meth:`build`, which :meth:`save` and
    :meth:`compact` call: what was added since then is scored in full, so that it is found at once, and slower.
    Scores are exact in every kind, and a removed id is never found.
    """

    def __init__(self, dimension: int, kind: str = FLAT) -> None:
        self._kind = check_kind(kind)
        if kind not in SCANS and dimension < 32:
            raise BadIndex(f"Kind {kind} is for vectors of 32 values or more, not {dimension}.", hint="Use flat.")
        self._rows = Rows(dimension)
        self._first: FirstPass | None = None

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return self._rows.dimension

    @property
    def kind(self) -> str:
        """One of :data:`radrag.index.kinds.KINDS`."""
        return self._kind

    def __len__(self) -> int:
        return self._rows.count

    def add(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        """Add vectors float32 [n, d] under ``ids``; of unit length for the kinds that do not scan."""
        array = check_vectors(vectors, self.dimension, what="add")
        if self._kind not in SCANS and np.any(np.abs(np.linalg.norm(array, axis=1) - 1) > UNIT):
            raise BadIndex(f"add: a vector is not of unit length, which kind {self._kind} needs.")
        self._rows.add(ids, array)

    def remove(self, ids: Sequence[str]) -> int:
        """Remove what is there under ``ids``; return how many that were."""
        return self._rows.remove(ids)

    def build(self) -> None:
        """Take what was added into the first pass; train that anew when there is more than twice as much as before."""
        if self._kind == FLAT or self._rows.total < FEWEST:
            return
        if self._first is None or self._rows.total > 2 * self._first.trained:
            self._first = FirstPass.best(self._kind, self._rows)
        else:
            self._first.extend(self._rows)

    def compact(self) -> None:
        """Drop removed vectors for good, and train anew if there were any."""
        if not self._rows.alive.all():
            self._rows.compact()
            self._first = None
        self.build()

    def ids(self) -> list[str]:
        """Return every id that can be found, in the order of adding."""
        return self._rows.ids()

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return what is stored under ``ids``, float32 [n, d]."""
        return self._rows.vectors(ids)

    def search(self, queries: np.ndarray, k: int) -> list[list[Neighbour]]:
        """Return the k nearest of each query float32 [q, d], by falling score, then by id."""
        check_k(k)
        array = check_vectors(queries, self.dimension, what="search")
        k = min(k, len(self))
        answers: list[list[Neighbour]] = [[] for _ in array]
        pending, fetch = list(range(len(array))) if k else [], k + SPARE
        while pending:
            everything = fetch >= self._rows.total
            left = []
            for at, (scores, rows) in zip(pending, self._score(array[pending], fetch), strict=True):
                # Below the k-th score nothing can belong to the answer; until such a score is seen, a tie may go on.
                if everything or (len(scores) > k and scores[-1] < scores[k - 1] - TIE):
                    near = rows[: int(np.searchsorted(-scores, TIE - scores[k - 1], side="right"))]
                    answers[at] = in_order(
                        (self._rows.name(row), float(score)) for row, score in zip(near, scores, strict=False)
                    )[:k]
                else:
                    left.append(at)
            pending, fetch = left, fetch * 4
        return answers

    def _score(self, queries: np.ndarray, fetch: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return scores, falling, and row numbers of about ``fetch`` rows near each query; removed ones left out."""
        first = self._first
        if first is None or fetch * DEEP > first.covered:
            scores, rows = self._rows.scan(queries, fetch)
            return [self._best(s, r, fetch) for s, r in zip(scores, rows, strict=True)]
        proposed = first.candidates(queries, fetch)
        fresh_scores, fresh = self._rows.scan(queries, fetch, first.covered)
        sure = fetch if fresh.shape[1] >= fetch else None
        found = []
        for query, near, score, row in zip(queries, proposed, fresh_scores, fresh, strict=True):
            exact = self._rows.take(near) @ query
            found.append(self._best(np.concatenate([exact, score]), np.concatenate([near, row]), sure))
        return found

    def _best(self, scores: np.ndarray, rows: np.ndarray, fetch: int | None) -> tuple[np.ndarray, np.ndarray]:
        # Each part gave its own best; of all together only so many are sure to have nothing better left out.
        order = np.argsort(-scores, kind="stable")[:fetch]
        order = order[self._rows.alive[rows[order]]]
        return scores[order], rows[order]

    def save(self, folder: Path) -> None:
        """Write to ``folder``, all or nothing.

        Kind ``flat`` leaves removed vectors out; the other kinds keep them in the file until :meth:`compact`.
        """
        if self._kind == FLAT:
            self._rows.compact()
        self.build()
        values: dict[str, Any] = {"kind": self._kind, "dimension": self.dimension, "count": len(self)}
        writers = self._rows.writers()
        if self._first is not None:
            values |= self._first.header()
            writers |= self._first.writers()
        replace_files(folder, values, writers)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map what :meth:`save` wrote: processes that load the same folder share its pages."""
        return open_files(folder, cls._read)

    @classmethod
    def _read(cls, saved: Saved) -> Self:
        kind = saved.values.get("kind")
        if kind not in KINDS:
            raise BadIndex(f"{saved.folder} holds an index of kind {kind!r}.", hint=REBUILD)
        rows = Rows.read(saved)
        index = cls(rows.dimension, kind)
        index._rows = rows
        if "first" in saved.files:
            index._first = FirstPass.read(saved, rows)
        if len(index) != saved.values.get("count"):
            raise BadIndex(f"{saved.folder} does not hold as many vectors as it says.", hint=REBUILD)
        return index
