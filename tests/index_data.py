"""Vectors for index tests."""

import numpy as np


def clustered(n: int, d: int = 64, *, seed: int = 0, clusters: int = 40) -> np.ndarray:
    """Unit vectors float32 [n, d] around seeded centres; the same seed starts with the same vectors."""
    centres = np.random.default_rng(1).standard_normal((clusters, d)) / np.sqrt(np.arange(1, d + 1))
    random = np.random.default_rng(seed)
    vectors = centres[random.integers(clusters, size=n)]
    vectors = vectors + 0.5 * random.standard_normal((n, d)) / np.sqrt(np.arange(1, d + 1))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def names(n: int, start: int = 0) -> list[str]:
    return [f"case:{i:06d}" for i in range(start, start + n)]
