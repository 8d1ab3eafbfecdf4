"""Whether an index is whole and finds what it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radrag.index.base import TIE, VectorIndex
from radrag.index.files import check_sha256, open_files


def verify_files(folder: Path) -> None:
    """Compare every file of an index with its checksum.

    Raises:
        BadIndex: one is missing, cut off or changed.
    """
    open_files(folder, lambda saved: check_sha256(saved, *saved.files))


def self_recall(index: VectorIndex, sample: int = 1000, seed: int = 0) -> float:
    """Return the share of sampled stored vectors for which a search finds themselves, or something no farther.

    Args:
        sample: how many are tried; all where there are fewer.

    Returns:
        0 to 1; 1 for an empty index. An exact index gives 1.
    """
    names = sorted(index.ids())
    if not names:
        return 1.0
    chosen = np.random.default_rng(seed).choice(len(names), size=min(sample, len(names)), replace=False)
    vectors = index.vectors([names[at] for at in chosen])
    own = np.einsum("ij,ij->i", vectors, vectors)
    best = index.search(vectors, 1)
    return float(np.mean([bool(found) and found[0][1] >= score - TIE for found, score in zip(best, own, strict=True)]))
