"""Exact search by one matrix product in numpy: the oracle that other indexes are tested against."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from radrag.errors import BadIndex
from radrag.index.base import Neighbour, check_ids, check_vectors, in_order


class ExactIndex:
    """A :class:`radrag.index.base.VectorIndex` over one float32 array in memory."""

    def __init__(self, dimension: int) -> None:
        self._ids: list[str] = []
        self._vectors = np.zeros((0, dimension), dtype=np.float32)

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return int(self._vectors.shape[1])

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        """Add vectors float32 [n, d] under ``ids``."""
        array = check_vectors(vectors, self.dimension, what="add")
        check_ids(ids, array, {name: row for row, name in enumerate(self._ids)})
        self._ids.extend(ids)
        self._vectors = np.concatenate([self._vectors, array])

    def remove(self, ids: Sequence[str]) -> int:
        """Remove what is there under ``ids``; return how many that were."""
        gone = set(ids)
        keep = [row for row, name in enumerate(self._ids) if name not in gone]
        removed = len(self._ids) - len(keep)
        self._ids = [self._ids[row] for row in keep]
        self._vectors = self._vectors[keep]
        return removed

    def search(self, queries: np.ndarray, k: int) -> list[list[Neighbour]]:
        """Return the k nearest of each query float32 [q, d], by falling score, then by id."""
        array = check_vectors(queries, self.dimension, what="search")
        return [in_order(zip(self._ids, map(float, row), strict=True))[:k] for row in array @ self._vectors.T]

    def save(self, folder: Path) -> None:
        """Write ``vectors.npy`` and ``ids.json`` to ``folder``."""
        with (folder / "vectors.npy.part").open("wb") as file:
            np.save(file, self._vectors)
        (folder / "ids.json.part").write_text(json.dumps(self._ids))
        for name in ("vectors.npy", "ids.json"):
            os.replace(folder / f"{name}.part", folder / name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""
        try:
            vectors = np.load(folder / "vectors.npy", allow_pickle=False)
            ids = json.loads((folder / "ids.json").read_text())
        except (OSError, ValueError) as error:
            raise BadIndex(f"{folder} holds no readable exact index: {error}.", hint="Build it anew.") from error
        index = cls(vectors.shape[1])
        index.add(ids, vectors)
        return index
