"""The kinds of index, what each costs in memory, and which one suits a collection."""

from __future__ import annotations

from radrag.errors import BadIndex

FLAT, FP16, SQ8, HNSW, IVFPQ = "flat", "fp16", "sq8", "hnsw", "ivfpq"
KINDS = (FLAT, FP16, SQ8, HNSW, IVFPQ)
SCANS = (FLAT, FP16, SQ8)
"""Kinds that look at every vector; the others look at a part of them, and need unit vectors."""

SCAN_LIMIT = 4_000_000
"""Largest rows × dimension that is scanned: 7,812 vectors of 512, about 1 ms a query on one core (docs/indexes.md)."""

LINKS = 16
"""Neighbours a vertex keeps in the graph; twice that on its lowest level."""


def bytes_per_row(kind: str, dimension: int) -> int:
    """Return the memory that a kind needs for each vector to search at full speed.

    The originals, from which all kinds but ``flat`` take only the final scores, stay in a mapped file and are not
    counted. The graph and the inverted lists hold shortened vectors, taken here at half the dimension: seldom more.
    """
    check_kind(kind)
    short = max(32, dimension // 2)
    return {
        FLAT: 4 * dimension,
        FP16: 2 * dimension,
        SQ8: dimension,
        HNSW: short + 4 * 2 * LINKS + 40,  # a byte a value, links of four bytes, levels and offsets
        IVFPQ: short // 4 + 8,  # half a byte for two values, and the row number
    }[kind]


def choose_kind(rows: int, dimension: int, memory_bytes: int) -> str:
    """Return the most exact kind that answers fast and fits.

    Up to :data:`SCAN_LIMIT` values every vector is looked at: as float32, else as float16, else as bytes, whichever
    fits. Beyond it the graph, and where that does not fit the inverted lists.

    Raises:
        BadIndex: not even the smallest fits into ``memory_bytes``.
    """
    small = rows * dimension <= SCAN_LIMIT
    for kind in (FLAT, FP16, SQ8, IVFPQ) if small else (HNSW, IVFPQ):
        if rows * bytes_per_row(kind, dimension) <= memory_bytes:
            return kind
    least = rows * bytes_per_row(IVFPQ, dimension)
    raise BadIndex(
        f"{rows:,} vectors of {dimension} need at least {least / 1e6:,.1f} MB, allowed are {memory_bytes / 1e6:,.1f}.",
        hint="Allow more memory.",
    )


def check_kind(kind: str) -> str:
    """Return ``kind``.

    Raises:
        BadIndex: there is no such kind.
    """
    if kind not in KINDS:
        raise BadIndex(f"There is no index of kind {kind!r}.", hint=f"Kinds: {', '.join(KINDS)}.")
    return kind
