"""Vectors with their ids, in the order of adding: what the files of an index hold, and what exact scores come from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from radrag.errors import BadIndex
from radrag.index.base import check_new
from radrag.index.files import REBUILD, Saved, check_sha256


class Rows:
    """A growing float32 [n, d] matrix whose first part may be mapped from a file; removed rows are only marked.

    Attributes:
        alive: bool [n], False where a row was removed.
    """

    def __init__(self, dimension: int) -> None:
        self._base = np.empty((0, dimension), dtype=np.float32)
        self._tail = np.empty((0, dimension), dtype=np.float32)  # with room at its end
        self._names: list[str] = []
        self.alive = np.empty(0, dtype=bool)

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return int(self._base.shape[1])

    @property
    def total(self) -> int:
        """How many rows there are, removed ones counted."""
        return len(self._names)

    @property
    def count(self) -> int:
        """How many rows there are, removed ones not counted."""
        return int(np.count_nonzero(self.alive))

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self._names) if self.alive[row]}

    def add(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        """Append vectors; see :func:`radrag.index.base.check_new` for what is refused."""
        array = check_new(ids, vectors, self.dimension, self._row_of)
        used = self.total - len(self._base)
        if used + len(array) > len(self._tail):
            grown = np.empty((max(used + len(array), 2 * len(self._tail)), self.dimension), dtype=np.float32)
            grown[:used] = self._tail[:used]
            self._tail = grown
        self._tail[used : used + len(array)] = array
        self._row_of.update((name, self.total + row) for row, name in enumerate(ids))
        self._names.extend(ids)
        self.alive = np.concatenate([self.alive, np.ones(len(array), dtype=bool)])

    def remove(self, ids: Sequence[str]) -> int:
        """Mark what is there under ``ids`` as removed; return how many that were."""
        rows = [row for row in (self._row_of.pop(name, None) for name in dict.fromkeys(ids)) if row is not None]
        self.alive[rows] = False
        return len(rows)

    def compact(self) -> None:
        """Copy the rows that are left into memory, without the removed."""
        if self.alive.all():
            return
        left = np.flatnonzero(self.alive)
        self._tail = self.take(left)
        self._base = self._base[:0]
        self._names = [self._names[row] for row in left]
        self.alive = np.ones(len(left), dtype=bool)
        self.__dict__.pop("_row_of", None)  # the table may not have been asked for yet

    def ids(self) -> list[str]:
        """Return the ids of rows that were not removed, in the order of adding."""
        return [name for name, alive in zip(self._names, self.alive, strict=True) if alive]

    def name(self, row: int) -> str:
        """Return a row's id."""
        return self._names[row]

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return the vectors of ids, float32 [n, d].

        Raises:
            BadIndex: one is not there.
        """
        try:
            rows = np.array([self._row_of[name] for name in ids], dtype=np.int64)
        except KeyError as error:
            raise BadIndex(f"Id {error.args[0]!r} is not in the index.") from error
        return self.take(rows)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return the vectors of row numbers int64 [n], float32 [n, d]."""
        split = len(self._base)
        if not len(self._tail):
            return np.asarray(self._base[rows])
        if not split:
            return np.asarray(self._tail[rows])
        taken = np.empty((len(rows), self.dimension), dtype=np.float32)
        early = rows < split
        taken[early] = self._base[rows[early]]
        taken[~early] = self._tail[rows[~early] - split]
        return taken

    def parts(self, start: int = 0) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, float32 [m, d]) of the contiguous stretches from row ``start`` on, without a copy."""
        split = len(self._base)
        if start < split:
            yield start, self._base[start:]
        if self.total > max(start, split):
            first = max(start, split)
            yield first, self._tail[first - split : self.total - split]

    def scan(self, queries: np.ndarray, k: int, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return exact scores float32 [q, m] and row numbers int64 [q, m] of the k best rows of each part.

        Removed rows are among them; the columns are in no order.
        """
        import faiss

        found = [
            (scores, rows + first)
            for first, part in self.parts(start)
            for scores, rows in [faiss.knn(queries, part, min(k, len(part)), metric=faiss.METRIC_INNER_PRODUCT)]
        ]
        if not found:
            return np.empty((len(queries), 0), dtype=np.float32), np.empty((len(queries), 0), dtype=np.int64)
        return np.concatenate([s for s, _ in found], axis=1), np.concatenate([r for _, r in found], axis=1)

    def writers(self) -> dict[str, Callable[[Path], None]]:
        """Return what :func:`radrag.index.files.replace_files` needs to write these rows."""
        return {
            "vectors.npy": self._write_vectors,
            "ids.json": lambda path: _write_text(path, json.dumps(self._names)),
            "removed.json": lambda path: _write_text(path, json.dumps(np.flatnonzero(~self.alive).tolist())),
        }

    def _write_vectors(self, path: Path) -> None:
        with path.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (self.total, self.dimension)}
            np.lib.format.write_array_header_1_0(file, header)
            for _, part in self.parts():
                file.write(np.ascontiguousarray(part, dtype="<f4").data)

    @classmethod
    def read(cls, saved: Saved) -> Rows:
        """Read what :meth:`writers` wrote; the vectors are mapped, not read.

        Raises:
            BadIndex: the files are damaged or do not belong together.
        """
        check_sha256(saved, "ids", "removed")
        try:
            vectors = np.load(saved.files["vectors"], mmap_mode="r", allow_pickle=False)
            names = json.loads(saved.files["ids"].read_text())
            removed = np.array(json.loads(saved.files["removed"].read_text()), dtype=np.int64)
            dimension = int(saved.values["dimension"])
        except FileNotFoundError:
            raise  # a writer replaced the files: open_files tries again
        except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
            raise BadIndex(f"{saved.folder} is damaged.", hint=REBUILD) from error
        if vectors.dtype != np.float32 or vectors.shape != (len(names), dimension):
            raise BadIndex(
                f"{saved.folder} has {len(names)} ids but vectors {list(vectors.shape)} of {vectors.dtype}.",
                hint=REBUILD,
            )
        rows = cls(dimension)
        rows._base = np.asarray(vectors)
        rows._names = names
        rows.alive = np.ones(len(names), dtype=bool)
        rows.alive[removed] = False
        return rows


def _write_text(path: Path, text: str) -> None:
    path.write_text(text)
