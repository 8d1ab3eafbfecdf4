"""How unusual images are against those of the index: to the encoder, in their layout, and upside down.

An encoder's vector alone does not tell: networks put noise close to what they know (Nguyen et al., "Deep neural
networks are easily fooled", CVPR 2015), and the shipped one does so too (docs/retrieval_evidence.md). The perceptual
hash, which knows where an image is bright and dark and nothing else, finds what is no upright radiograph. Both are
measured alike: the mean similarity to the k nearest of a fixed sample of indexed images, against what those images have
to each other across patients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from radrag.corpus.snapshot import IMAGE, Snapshot
from radrag.dicom.likeness import SIDE
from radrag.domain import Case, DraftWarning
from radrag.index.cases import MARK, case_of

if TYPE_CHECKING:
    import numpy as np

SAMPLE = 1000
"""Indexed images that are compared with: their own distances are known to about a tenth of a percent at the tail."""

NEAREST = 10
LEAST = 100
"""Indexed images below which nothing is said: a 99th percentile of fewer is their largest value."""

UNUSUAL = 0.99
"""Percentile above which the reader is told: one in a hundred of the indexed images would be."""


@dataclass(frozen=True, slots=True)
class Unusual:
    """How unusual a study's images are; percentiles in [0, 1] are shares of indexed images that are more usual.

    Attributes:
        vector: of the study's vector; None where the index was made by another encoder.
        layout: of the perceptual hash, the most unusual image's; None where images have no hash.
        upside_down: an image is nearer to the indexed ones turned over, by more than 99 % of those are.
    """

    vector: float | None
    layout: float | None
    upside_down: bool = False

    def warnings(self) -> tuple[DraftWarning, ...]:
        """Return what a reader must know."""
        found = []
        parts = [
            f"{name} is less like the indexed images than {share:.1%} of those are like each other"
            for name, share in (("what the encoder sees", self.vector), ("the layout", self.layout))
            if share is not None and share > UNUSUAL
        ]
        if parts:
            text = f"The image is unusual: {'; '.join(parts)}. Retrieved cases may say little of it."
            found.append(DraftWarning("unusual_image", text))
        if self.upside_down:
            found.append(DraftWarning("upside_down", "The image fits the indexed ones better when turned upside down."))
        return tuple(found)


class Novelty:
    """Compares images with a sample of indexed ones.

    Args:
        vectors: float32 [n, d], unit rows.
        hashes: perceptual hash of each image, hex; empty where there is none.
        patients: patient of each image; images of one patient are not compared.
    """

    def __init__(self, vectors: np.ndarray, hashes: Sequence[str], patients: Sequence[str]) -> None:
        import numpy as np

        names = np.array(patients)
        hashed = np.array([bool(value) for value in hashes], dtype=bool)
        self._vectors = _Reference(vectors, names)
        signs = np.array([_signs(value) for value in hashes if value], dtype=np.float32).reshape(-1, SIDE * SIDE)
        self._hashes = _Reference(signs, names[hashed])
        self._turned = self._hashes.among_themselves(_upside_down(signs)) - self._hashes.usual

    @classmethod
    def of_index(
        cls, snapshot: Snapshot, cases_of: Callable[[Iterable[str]], Mapping[str, Case]], *, sample: int = SAMPLE
    ) -> Self | None:
        """Sample the images of an index; None where it has no image channel.

        Args:
            cases_of: case ids → cases; reads the corpus for the images' hashes.
        """
        if IMAGE not in snapshot.vectors:
            return None
        index = snapshot.vectors[IMAGE]
        known = sorted(name for name in index.ids() if case_of(name) in snapshot.cases)
        step = max(1, -(-len(known) // sample))
        ids = known[::step]
        cases = cases_of(dict.fromkeys(case_of(name) for name in ids))
        # A case without a patient stands for one of its own.
        patients = [snapshot.cases[case_of(name)].patient_key or case_of(name) for name in ids]
        return cls(index.vectors(ids), [_hash_of(cases.get(case_of(name)), name) for name in ids], patients)

    def __call__(self, vector: np.ndarray | None, hashes: Iterable[str]) -> Unusual:
        """Measure a study.

        Args:
            vector: float32 [d] of unit length, of the index's encoder; None where there is none.
            hashes: perceptual hash of each of its images, hex; empty ones are passed over.
        """
        import numpy as np

        signs = np.array([_signs(value) for value in hashes if value], dtype=np.float32).reshape(-1, SIDE * SIDE)
        if not len(signs) or not self._hashes.enough:
            layout, turned = None, False
        else:
            near, over = self._hashes.nearness(signs), self._hashes.nearness(_upside_down(signs))
            layout = max(self._hashes.percentile(value) for value in near)
            turned = bool(((over - near) > max(float(np.quantile(self._turned, UNUSUAL)), 0.0)).any())
        seen = None
        if vector is not None and self._vectors.enough:
            seen = self._vectors.percentile(self._vectors.nearness(vector[None])[0])
        return Unusual(seen, layout, turned)


class _Reference:
    """Rows [n, d] to be near to, and how near each is to those of other patients."""

    def __init__(self, rows: np.ndarray, patients: np.ndarray) -> None:
        import numpy as np

        self._rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        self._patients = patients
        others = (patients[:, None] != patients[None]).sum(axis=1)
        self.enough = len(rows) >= LEAST and bool((others >= NEAREST).all())
        self.usual = self.among_themselves(rows)

    def among_themselves(self, rows: np.ndarray) -> np.ndarray:
        """Return how near each row [n, d], which stands for the reference row of its place, is to other patients'."""
        import numpy as np

        if not self.enough:
            return np.zeros(0, dtype=np.float32)
        same = self._patients[:, None] == self._patients[None]
        return _top_mean(np.where(same, -np.inf, self._cosine(rows)))

    def nearness(self, rows: np.ndarray) -> np.ndarray:
        """Return the mean cosine of each row [q, d] with its nearest reference rows, [q]."""
        return _top_mean(self._cosine(rows))

    def percentile(self, nearness: float) -> float:
        """Return the share of reference rows that are nearer to the others than this."""
        return float((self.usual > nearness).mean())

    def _cosine(self, rows: np.ndarray) -> np.ndarray:
        import numpy as np

        cosine: np.ndarray = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)) @ self._rows.T
        return cosine


def _top_mean(scores: np.ndarray) -> np.ndarray:
    import numpy as np

    mean: np.ndarray = np.sort(scores, axis=1)[:, -NEAREST:].mean(axis=1)
    return mean


def _signs(value: str) -> np.ndarray:
    """Return the bits of a perceptual hash as -1 and 1, float32 [256]; their cosine is the share of equal bits."""
    import numpy as np

    return np.unpackbits(np.frombuffer(bytes.fromhex(value), dtype=np.uint8)).astype(np.float32) * 2 - 1


def _upside_down(signs: np.ndarray) -> np.ndarray:
    """Return the hashes [n, 256] of the images turned over: a bit compares two cells of one row, so rows swap."""
    return signs.reshape(-1, SIDE, SIDE)[:, ::-1].reshape(-1, SIDE * SIDE)


def _hash_of(case: Case | None, name: str) -> str:
    """Return the hash of the image that a vector was made of; empty when the case is gone or has none."""
    number = name.rpartition(MARK)[2]
    if case is None or not number.isdigit() or int(number) >= len(case.images):
        return ""
    return case.images[int(number)].perceptual_hash
