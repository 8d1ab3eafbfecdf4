"""Train, val and test: the collection's own split, else one by patient that needs no list."""

from __future__ import annotations

import hashlib

SPLITS = ("train", "val", "test")
_TRAIN, _VAL = 0.8, 0.1  # what is left is test


def split_of(given: str, patient_key: str, case_id: str, *, seed: int = 0) -> str:
    """Return "train", "val" or "test".

    A split that the collection gave is kept. Else a hash of seed and patient decides (of the case, where the patient
    is unknown): 80, 10 and 10 in a hundred patients. So all cases of a patient, in all corpora that know the patient
    under one key, are on one side; and adding cases never moves another.
    """
    if given:
        return given
    digest = hashlib.sha256(f"{seed}\0{patient_key or case_id}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < _TRAIN:
        return "train"
    return "val" if place < _TRAIN + _VAL else "test"
