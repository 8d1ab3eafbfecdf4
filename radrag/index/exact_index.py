"""Exact search by one matrix product in numpy: the oracle that other indexes are tested against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from radrag.errors import BadIndex
from radrag.index.base import Neighbour, check_k, check_vectors, in_order
from radrag.index.files import REBUILD, open_files, replace_files
from radrag.index.rows import Rows

KIND = "exact"


class ExactIndex:
    """A :class:`radrag.index.base.VectorIndex` that scores every vector for every query."""

    def __init__(self, dimension: int) -> None:
        self._rows = Rows(dimension)

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return self._rows.dimension

    def __len__(self) -> int:
        return self._rows.count

    def add(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        """Add vectors float32 [n, d] under ``ids``."""
        self._rows.add(ids, vectors)

    def remove(self, ids: Sequence[str]) -> int:
        """Remove what is there under ``ids``; return how many that were."""
        removed = self._rows.remove(ids)
        self._rows.compact()
        return removed

    def compact(self) -> None:
        """Do nothing: :meth:`remove` leaves nothing behind."""

    def ids(self) -> list[str]:
        """Return every id, in the order of adding."""
        return self._rows.ids()

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return what is stored under ``ids``, float32 [n, d]."""
        return self._rows.vectors(ids)

    def search(self, queries: np.ndarray, k: int) -> list[list[Neighbour]]:
        """Return the k nearest of each query float32 [q, d], by falling score, then by id."""
        check_k(k)
        array = check_vectors(queries, self.dimension, what="search")
        names = self._rows.ids()
        scores = np.concatenate([array[:, :0], *(array @ part.T for _, part in self._rows.parts())], axis=1)
        return [in_order(zip(names, map(float, row), strict=True))[:k] for row in scores]

    def save(self, folder: Path) -> None:
        """Write to ``folder``, all or nothing."""
        replace_files(folder, {"kind": KIND, "dimension": self.dimension}, self._rows.writers())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""
        saved, rows = open_files(folder, lambda saved: (saved, Rows.read(saved)))
        if saved.values.get("kind") != KIND:
            raise BadIndex(f"{folder} holds an index of kind {saved.values.get('kind')!r}, not {KIND!r}.", hint=REBUILD)
        index = cls(rows.dimension)
        index._rows = rows
        return index
