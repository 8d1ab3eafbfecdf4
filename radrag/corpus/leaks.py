"""The same patient, or the same image, on two sides of a split: within a corpus and between corpora."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    """Collects what cases and images there are, in 100 bytes an image, then compares the sides.

    Args:
        corpus: only leaks that a case of this one is part of are wanted; empty for all.
        seed: of the split by patient, where a collection has none.
    """

    def __init__(self, corpus: str = "", *, seed: int = 0) -> None:
        self._prefix = f"{corpus}:" if corpus else ""
        self._seed = seed
        self._patients: dict[str, dict[str, str]] = {}
        self._cases: list[str] = []
        self._hashes: dict[str, list[bytes]] = {split: [] for split in SPLITS}
        self._owners: dict[str, list[tuple[int, str]]] = {split: [] for split in SPLITS}

    def add_case(self, case_id: str, patient_key: str, split: str) -> None:
        """Take note of a case."""
        if not patient_key:
            return
        side = split_of(split, patient_key, case_id, seed=self._seed)
        sides = self._patients.setdefault(patient_key, {})
        if side not in sides or (self._wanted(case_id) and not self._wanted(sides[side])):
            sides[side] = case_id

    def add_images(self, records: Iterable[ImageRecord]) -> None:
        """Take note of images that were hashed; those of one case come one after another."""
        for record in records:
            if not record.image.perceptual_hash:
                continue
            side = split_of(record.split, record.patient_key, record.case_id, seed=self._seed)
            if not self._cases or self._cases[-1] != record.case_id:
                self._cases.append(record.case_id)
            self._hashes[side].append(bytes.fromhex(record.image.perceptual_hash))
            self._owners[side].append((len(self._cases) - 1, record.image.pixel_sha256))

    def leaks(self) -> list[Leak]:
        """Return what was found: each patient once, and each image with its nearest on another side."""
        return [*self._patient_leaks(), *self._image_leaks()]

    def _wanted(self, case_id: str) -> bool:
        return case_id.startswith(self._prefix)

    def _patient_leaks(self) -> Iterable[Leak]:
        for sides in self._patients.values():
            for a, b in combinations(sorted(sides, key=SPLITS.index), 2):
                if self._wanted(sides[a]) or self._wanted(sides[b]):
                    yield Leak("patient", sides[a], a, sides[b], b)

    def _image_leaks(self) -> Iterable[Leak]:
        for a, b in combinations(SPLITS, 2):
            # The smaller side asks the larger one; what is not wanted is asked, but asks nothing.
            few, many = sorted((a, b), key=lambda side: len(self._hashes[side]))
            wanted, others = self._rows(few)
            yield from self._compare(few, wanted, many, range(len(self._hashes[many])))
            yield from self._compare(many, self._rows(many)[0], few, others)

    def _rows(self, side: str) -> tuple[list[int], list[int]]:
        """Return the places of a side's images that are of the wanted corpus, and of the others."""
        wanted: list[int] = []
        others: list[int] = []
        for row, (case, _) in enumerate(self._owners[side]):
            (wanted if self._wanted(self._cases[case]) else others).append(row)
        return wanted, others

    def _compare(self, a: str, asking: Sequence[int], b: str, asked: Sequence[int]) -> Iterable[Leak]:
        """Yield, for images of side ``a``, the nearest among images of side ``b`` where it is near enough."""
        if not asking or not asked:
            return
        import faiss

        held = _bits([self._hashes[b][row] for row in asked])
        index = faiss.IndexBinaryFlat(held.shape[1] * 8)
        index.add(held)
        distances, places = index.search(_bits([self._hashes[a][row] for row in asking]), 1)
        for row, distance, place in zip(asking, distances[:, 0].tolist(), places[:, 0].tolist(), strict=True):
            if distance > NEAR:
                continue
            (case_a, pixels_a), (case_b, pixels_b) = self._owners[a][row], self._owners[b][asked[place]]
            same = bool(pixels_a) and pixels_a == pixels_b
            kind = "image" if same else "near_image"
            yield Leak(kind, self._cases[case_a], a, self._cases[case_b], b, distance)


def _bits(hashes: list[bytes]) -> np.ndarray:
    """Return hashes as uint8 [n, bytes]."""
    import numpy as np

    return np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), -1)
