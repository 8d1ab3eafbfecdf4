"""The same patient, or the same image, on two sides of a split: within a corpus and between corpora."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from radrag.corpus.splits import SPLITS, split_of
from radrag.store.values import ImageRecord

if TYPE_CHECKING:
    import numpy as np

NEAR = 8
"""Bits of 256 by which the hashes of near-identical images differ at most.

Measured on 1,207 NIH images: copies as JPEG of quality 40, at half size or with another gamma differ by at most 14 bits
(95 in 100 by at most 6); of 728,000 pairs of different patients the nearest differ by 17. Cropped copies are not found.
"""


@dataclass(frozen=True, slots=True)
class Leak:
    """Two cases on two sides of a split that share a patient or an image.

    Attributes:
        kind: "patient", "image" (the same pixels) or "near_image".
        distance: bits by which the perceptual hashes differ; 0 for patients and equal pixels.
    """

    kind: str
    case_a: str
    split_a: str
    case_b: str
    split_b: str
    distance: int = 0


class LeakFinder:
    """Collects what cases and images there are, in 100 bytes an image, then compares the sides."""

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed
        self._patients: dict[str, dict[str, str]] = {}
        self._cases: list[tuple[str, str]] = []
        self._hashes: dict[str, list[bytes]] = {split: [] for split in SPLITS}
        self._owners: dict[str, list[tuple[int, str]]] = {split: [] for split in SPLITS}

    def add_case(self, case_id: str, patient_key: str, split: str) -> str:
        """Take note of a case; return its side."""
        side = split_of(split, patient_key, case_id, seed=self._seed)
        if patient_key:
            self._patients.setdefault(patient_key, {}).setdefault(side, case_id)
        return side

    def add_images(self, records: Iterable[ImageRecord]) -> None:
        """Take note of images that were hashed; those of one case come one after another."""
        for record in records:
            if not record.image.perceptual_hash:
                continue
            side = split_of(record.split, record.patient_key, record.case_id, seed=self._seed)
            if not self._cases or self._cases[-1][0] != record.case_id:
                self._cases.append((record.case_id, record.patient_key))
            self._hashes[side].append(bytes.fromhex(record.image.perceptual_hash))
            self._owners[side].append((len(self._cases) - 1, record.image.pixel_sha256))

    def leaks(self) -> list[Leak]:
        """Return what was found: each patient once, and each image with its nearest on another side."""
        return [*self._patient_leaks(), *self._image_leaks()]

    def _patient_leaks(self) -> Iterable[Leak]:
        for sides in self._patients.values():
            for a, b in combinations(sorted(sides, key=SPLITS.index), 2):
                yield Leak("patient", sides[a], a, sides[b], b)

    def _image_leaks(self) -> Iterable[Leak]:
        for a, b in combinations(SPLITS, 2):
            if self._hashes[a] and self._hashes[b]:
                # The smaller side asks the larger one.
                few, many = sorted((a, b), key=lambda side: len(self._hashes[side]))
                yield from self._compare(few, many)

    def _compare(self, few: str, many: str) -> Iterable[Leak]:
        import faiss

        held = _bits(self._hashes[many])
        index = faiss.IndexBinaryFlat(held.shape[1] * 8)
        index.add(held)
        distances, places = index.search(_bits(self._hashes[few]), 1)
        for query, (distance, place) in enumerate(zip(distances[:, 0].tolist(), places[:, 0].tolist(), strict=True)):
            if distance > NEAR:
                continue
            (case_a, pixels_a), (case_b, pixels_b) = self._owners[few][query], self._owners[many][place]
            same = bool(pixels_a) and pixels_a == pixels_b
            kind = "image" if same else "near_image"
            yield Leak(kind, self._cases[case_a][0], few, self._cases[case_b][0], many, distance)


def _bits(hashes: list[bytes]) -> np.ndarray:
    """Return hashes as uint8 [n, bytes]."""
    import numpy as np

    return np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), -1)
