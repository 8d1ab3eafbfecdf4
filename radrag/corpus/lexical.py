"""BM25 over the terms of reports."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from radrag.errors import BadIndex

if TYPE_CHECKING:
    import numpy as np

NAME = "lexical"


class LexicalIndex:
    """The term statistics of a list of documents, by position (Lucene's BM25; Robertson and Zaragoza 2009)."""

    def __init__(self, index: Any, rows: int) -> None:
        self._index = index
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    @classmethod
    def build(cls, documents: Sequence[Sequence[str]]) -> Self:
        """Index documents given as terms."""
        bm25s = _bm25s()
        index = bm25s.BM25(method="lucene")
        # bm25s cannot hold a collection without any term.
        index.index([list(terms) or [""] for terms in documents] or [[""]], show_progress=False)
        return cls(index, len(documents))

    def scores(self, terms: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the score of every document, float32 [n]; 0 where no term is shared."""
        import numpy as np

        known = [term for term in terms if term in self._index.vocab_dict]
        if not known:
            return np.zeros(self._rows, dtype=np.float32)
        scores: np.ndarray[Any, np.dtype[np.float32]] = self._index.get_scores(known)[: self._rows]
        return scores.astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write to ``folder``, which exists."""
        self._index.save(str(folder), show_progress=False)

    @classmethod
    def load(cls, folder: Path, rows: int) -> Self:
        """Read what :meth:`save` wrote, memory-mapped.

        Raises:
            BadIndex: it is missing or damaged.
        """
        try:
            return cls(_bm25s().BM25.load(str(folder), mmap=True), rows)
        except (OSError, ValueError, KeyError) as error:
            hint = "Rebuild it with: radrag index build"
            raise BadIndex(f"The word index at {folder} cannot be read.", hint=hint) from error


def _bm25s() -> Any:
    import bm25s

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it logs each build
    return bm25s
