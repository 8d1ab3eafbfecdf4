"""What every vector index can do, whichever library stands behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from radrag.errors import BadIndex

if TYPE_CHECKING:
    import numpy as np

Neighbour = tuple[str, float]
"""An id with its score; higher is nearer."""


class VectorIndex(Protocol):
    """Vectors under string ids, searched by inner product.

    Results are ordered by falling score; scores equal at six decimals come in ascending order of id, also where a tie
    straddles the k-th place, so that the same query gives the same answer from every implementation.
    """

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        ...

    def __len__(self) -> int:
        """Return how many vectors there are."""
        ...

    def add(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        """Add vectors float32 [n, d]. Raises BadIndex on a shape, a non-finite value or an id already there."""
        ...

    def remove(self, ids: Sequence[str]) -> int:
        """Remove what is there under ``ids``; return how many that were."""
        ...

    def search(self, queries: np.ndarray, k: int) -> list[list[Neighbour]]:
        """Return the k nearest of each query float32 [q, d]; fewer where the index is smaller."""
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
        BadIndex: another shape, or a value that is not finite.
    """
    import numpy as np

    array = np.ascontiguousarray(vectors, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != dimension:
        raise BadIndex(f"{what}: expected an array [n, {dimension}], got {list(array.shape)}.")
    if not np.isfinite(array).all():
        raise BadIndex(f"{what}: a value is not finite.")
    return array


def check_ids(ids: Sequence[str], vectors: np.ndarray, present: dict[str, int]) -> None:
    """Check that there is one new, distinct id a vector.

    Raises:
        BadIndex: another number of ids than vectors, or an id twice.
    """
    if len(ids) != len(vectors):
        raise BadIndex(f"{len(ids)} ids were given for {len(vectors)} vectors.")
    seen: set[str] = set()
    for name in ids:
        if name in present or name in seen:
            raise BadIndex(f"Id {name!r} is in the index already.", hint="Remove it first.")
        seen.add(name)
