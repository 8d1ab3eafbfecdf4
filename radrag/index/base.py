"""What every vector index can do, whichever library stands behind it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from radrag.errors import BadIndex

if TYPE_CHECKING:
    import numpy as np

Neighbour = tuple[str, float]
"""An id with its score; higher is nearer."""

SPARE = 32
"""How many results are fetched beyond k at first, to see whether a tie straddles the k-th place."""

TIE = 1e-5
"""Scores nearer than this may be equal at six decimals."""


class VectorIndex(Protocol):
    """Vectors under string ids, searched by inner product.

    Results are ordered by falling score; scores equal at six decimals come in ascending order of id, also where a tie
    straddles the k-th place, so that the same query gives the same answer from every exact implementation.
    Searching changes nothing: any number of threads may search while none adds, removes or compacts.
    """

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        ...

    def __len__(self) -> int:
        """Return how many vectors there are, removed ones not counted."""
        ...

    def add(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        """Add vectors float32 [n, d]. Raises BadIndex on a shape, a non-finite or zero vector or a known id."""
        ...

    def remove(self, ids: Sequence[str]) -> int:
        """Remove what is there under ``ids``; return how many that were. They are never found again."""
        ...

    def compact(self) -> None:
        """Give back what removed vectors still occupy."""
        ...

    def ids(self) -> list[str]:
        """Return every id that can be found."""
        ...

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return what is stored under ``ids``, float32 [n, d]. Raises BadIndex on an id that is not there."""
        ...

    def search(self, queries: np.ndarray, k: int) -> list[list[Neighbour]]:
        """Return the k nearest of each query float32 [q, d]; fewer where the index is smaller.

        Raises BadIndex on a shape, a non-finite value or k below 1.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write to ``folder``, which exists; all or nothing."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote. Raises BadIndex when it is missing or damaged."""
        ...


def in_order(found: Iterable[Neighbour]) -> list[Neighbour]:
    """Sort by falling score, then by id.

    Scores are compared at six decimals: libraries sum the same products in another order from row to row,
    and that last bit must not decide which of two equal cases comes first.
    """
    return sorted(found, key=lambda pair: (-round(pair[1], 6), pair[0]))


def check_vectors(vectors: np.ndarray, dimension: int, *, what: str) -> np.ndarray:
    """Return ``vectors`` as C-contiguous float32 [n, dimension].

    Raises:
        BadIndex: not an array of real numbers, another shape, or a value that is not finite as float32.
    """
    import numpy as np

    array = np.asarray(vectors)
    if array.dtype.kind not in "fiu":
        raise BadIndex(f"{what}: expected numbers, got an array of {array.dtype}.")
    if array.ndim != 2 or array.shape[1] != dimension:
        raise BadIndex(f"{what}: expected an array [n, {dimension}], got {list(array.shape)}.")
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused as that
        array = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(array).all():
        raise BadIndex(f"{what}: a value is not finite.")
    return array


def check_new(ids: Sequence[str], vectors: np.ndarray, dimension: int, present: Container[str]) -> np.ndarray:
    """Return ``vectors`` as float32 [n, dimension], one for each new, distinct id.

    Raises:
        BadIndex: as :func:`check_vectors`; a vector of zeros only, which nothing is near to; another number of ids
            than vectors; an id that is no text, or there already, or given twice.
    """
    array = check_vectors(vectors, dimension, what="add")
    if len(ids) != len(array):
        raise BadIndex(f"{len(ids)} ids were given for {len(array)} vectors.")
    if not array.any(axis=1).all():
        raise BadIndex("add: a vector is all zeros.", hint="Leave out what has nothing to be found by.")
    seen: set[str] = set()
    for name in ids:
        if not isinstance(name, str) or not name:
            raise BadIndex(f"Ids are texts with at least one character, not {name!r}.")
        if name in present or name in seen:
            raise BadIndex(f"Id {name!r} is in the index already.", hint="Remove it first.")
        seen.add(name)
    return array


def check_k(k: int) -> None:
    """Raise BadIndex when ``k`` is below 1."""
    if k < 1:
        raise BadIndex(f"search: k is at least 1, not {k}.")
