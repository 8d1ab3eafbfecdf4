"""Exact inner-product search in FAISS: the default index."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from radrag.errors import BadIndex
from radrag.index.base import Neighbour, check_ids, check_vectors, in_order

SPARE = 32
"""How many results are fetched beyond k at first, to see whether a tie straddles the k-th place."""


class FaissIndex:
    """A :class:`radrag.index.base.VectorIndex` on ``faiss.IndexFlatIP`` with string ids beside it."""

    def __init__(self, dimension: int) -> None:
        import faiss

        self._index: Any = faiss.IndexFlatIP(dimension)
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return int(self._index.d)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        """Add vectors float32 [n, d] under ``ids``."""
        array = check_vectors(vectors, self.dimension, what="add")
        check_ids(ids, array, self._rows)
        self._index.add(array)
        self._rows.update((name, len(self._ids) + row) for row, name in enumerate(ids))
        self._ids.extend(ids)

    def remove(self, ids: Sequence[str]) -> int:
        """Remove what is there under ``ids``; return how many that were."""
        rows = sorted({self._rows[name] for name in ids if name in self._rows})
        if rows:
            self._index.remove_ids(np.array(rows, dtype=np.int64))
            gone = set(rows)
            self._ids = [name for row, name in enumerate(self._ids) if row not in gone]
            self._rows = {name: row for row, name in enumerate(self._ids)}
        return len(rows)

    def search(self, queries: np.ndarray, k: int) -> list[list[Neighbour]]:
        """Return the k nearest of each query float32 [q, d], by falling score, then by id."""
        array = check_vectors(queries, self.dimension, what="search")
        return [self._search_one(query[None], min(k, len(self))) for query in array]

    def _search_one(self, query: np.ndarray, k: int) -> list[Neighbour]:
        if k == 0:
            return []
        fetch = min(k + SPARE, len(self))
        while True:
            scores, rows = self._index.search(query, fetch)
            # Below the k-th score nothing can belong to the answer; until such a score is seen, a tie may go on.
            if fetch == len(self) or scores[0, -1] < scores[0, k - 1] - 1e-5:
                break
            fetch = min(fetch * 4, len(self))
        return in_order((self._ids[row], float(score)) for row, score in zip(rows[0], scores[0], strict=True))[:k]

    def save(self, folder: Path) -> None:
        """Write ``vectors.faiss`` and ``ids.json`` to ``folder``."""
        import faiss

        faiss.write_index(self._index, str(folder / "vectors.faiss.part"))
        (folder / "ids.json.part").write_text(json.dumps(self._ids))
        for name in ("vectors.faiss", "ids.json"):
            os.replace(folder / f"{name}.part", folder / name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote."""
        import faiss

        try:
            ids = json.loads((folder / "ids.json").read_text())
            stored = faiss.read_index(str(folder / "vectors.faiss"))
        except (OSError, ValueError, RuntimeError) as error:  # faiss reports damage as RuntimeError
            raise BadIndex(f"{folder} holds no readable FAISS index.", hint="Build it anew.") from error
        if stored.ntotal != len(ids):
            raise BadIndex(f"{folder} has {stored.ntotal} vectors but {len(ids)} ids.", hint="Build it anew.")
        index = cls(stored.d)
        index._index, index._ids = stored, ids
        index._rows = {name: row for row, name in enumerate(ids)}
        return index
