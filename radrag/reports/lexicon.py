"""How reports name findings: direct terms, and parts of the chest that combine with states.

The phrases are in ``lexicon.toml``. Terms name a finding by themselves; parts and states name one together
("heart" + "enlarged", in either order), by the table :data:`RULES`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from itertools import product
from typing import Any

from radrag.domain import Polarity

_CHOICE = re.compile(r"\{([^{}]*)\}")


def expand(pattern: str) -> Iterator[str]:
    """Yield every phrase a pattern stands for (``{a|b|}`` is a choice); the choices multiply."""
    pieces = _CHOICE.split(pattern)  # odd positions are choices
    options = [piece.split("|") if n % 2 else [piece] for n, piece in enumerate(pieces)]
    for chosen in product(*options):
        yield " ".join("".join(chosen).split())


def phrases(patterns: str) -> list[str]:
    """Return the phrases of a comma-separated list of patterns, without repeats."""
    return list(
        dict.fromkeys(phrase for pattern in patterns.split(",") for phrase in expand(pattern.strip()) if phrase)
    )


def read_table(name: str) -> dict[str, Any]:
    """Read one of this package's TOML tables."""
    return tomllib.loads(files("radrag.reports").joinpath(name).read_text(encoding="utf-8"))


_TABLE = read_table("lexicon.toml")

IGNORED: list[str] = phrases(_TABLE["ignored"])
"""Phrases that look like a term and are none."""

TERMS: dict[str, list[str]] = {name: phrases(text) for name, text in _TABLE["terms"].items()}
"""Label, or labels joined by ``|`` → phrases that name it."""

PARTS: dict[str, list[str]] = {name: phrases(text) for name, text in _TABLE["parts"].items()}
"""Part of the chest → its names."""

STATES: dict[str, list[str]] = {name: phrases(text) for name, text in _TABLE["states"].items()}
"""State of a part → its names."""

ELSEWHERE = frozenset(
    phrases(
        "knee, knees, foot, feet, midfoot, ankle, hip, hips, femur, femoral, tibia, fibula, pelvis, pelvic, acetabulum,"
        "calcaneal, calcaneus, wrist, hand, finger, elbow, patella, compartment, compartments, skull, mandible, facial,"
        "toe, sacrum, sacroiliac, synovial"
    )
)
"""Words of films of other parts of the body: bones named beside them are not the chest's."""

_P, _N, _Q = Polarity.POSITIVE, Polarity.NEGATIVE, Polarity.UNCERTAIN
Outcome = tuple[tuple[str, Polarity], ...]

RULES: dict[tuple[str, str], Outcome] = {
    ("chest", "normal"): (("No Finding", _P),),
    ("heart", "normal"): (("Cardiomegaly", _N),),
    ("heart", "borderline"): (("Cardiomegaly", _Q),),
    ("heart", "enlarged"): (("Cardiomegaly", _P),),
    ("mediastinum", "normal"): (("Enlarged Cardiomediastinum", _N),),
    ("mediastinum", "borderline"): (("Enlarged Cardiomediastinum", _Q),),
    ("mediastinum", "enlarged"): (("Enlarged Cardiomediastinum", _P),),
    ("mediastinum", "deviated"): (("Mediastinal Shift", _P),),
    ("mediastinum", "calcified"): (("Calcified Lymph Nodes", _P),),
    ("cardiomediastinum", "normal"): (("Cardiomegaly", _N), ("Enlarged Cardiomediastinum", _N)),
    ("cardiomediastinum", "borderline"): (("Enlarged Cardiomediastinum", _Q),),
    ("cardiomediastinum", "enlarged"): (("Enlarged Cardiomediastinum", _P),),
    ("lungs", "normal"): (("Lung Opacity", _N),),
    ("lungs", "inflated"): (("Low Lung Volumes", _N),),
    ("volumes", "inflated"): (("Low Lung Volumes", _N),),
    ("lungs", "calcified"): (("Lung Calcification", _P),),
    ("volumes", "normal"): (("Low Lung Volumes", _N), ("Hyperinflation", _N)),
    ("volumes", "borderline"): (("Low Lung Volumes", _Q),),
    ("volumes", "low"): (("Low Lung Volumes", _P),),
    ("volumes", "enlarged"): (("Hyperinflation", _P),),
    ("pleura", "normal"): (("Pleural Effusion", _N), ("Pneumothorax", _N)),
    ("pleura", "enlarged"): (("Pleural Thickening", _P),),
    ("pleura", "calcified"): (("Pleural Other", _P),),
    ("angle", "normal"): (("Blunted Costophrenic Angle", _N),),
    ("angle", "blunted"): (("Blunted Costophrenic Angle", _P),),
    ("diaphragm", "normal"): (("Elevated Diaphragm", _N),),
    ("diaphragm", "elevated"): (("Elevated Diaphragm", _P),),
    ("diaphragm", "flattened"): (("Flattened Diaphragm", _P),),
    ("aorta", "normal"): (("Tortuous Aorta", _N),),
    ("aorta", "tortuous"): (("Tortuous Aorta", _P),),
    ("aorta", "calcified"): (("Atherosclerosis", _P),),
    ("hila", "normal"): (("Hilar Enlargement", _N),),
    ("hila", "borderline"): (("Hilar Enlargement", _Q),),
    ("hila", "enlarged"): (("Hilar Enlargement", _P),),
    ("hila", "calcified"): (("Calcified Lymph Nodes", _P),),
    ("vessels", "normal"): (("Pulmonary Congestion", _N),),
    ("vessels", "borderline"): (("Pulmonary Congestion", _Q),),
    ("vessels", "enlarged"): (("Pulmonary Congestion", _P),),
    ("vessels", "calcified"): (("Atherosclerosis", _P),),
    ("markings", "normal"): (("Increased Lung Markings", _N),),
    ("markings", "enlarged"): (("Increased Lung Markings", _P),),
    ("nodes", "enlarged"): (("Lymphadenopathy", _P),),
    ("nodes", "calcified"): (("Calcified Lymph Nodes", _P),),
    ("bones", "normal"): (("Fracture", _N),),
    ("ribs", "normal"): (("Fracture", _N),),
    ("ribs", "deformed"): (("Rib Deformity", _P),),
    ("spine", "normal"): (("Vertebral Compression", _N),),
    ("spine", "degenerative"): (("Degenerative Spine", _P),),
    ("spine", "deformed"): (("Vertebral Compression", _P),),
    ("spine", "low"): (("Vertebral Compression", _P),),
    ("joints", "degenerative"): (("Arthritis", _P),),
    ("bones", "degenerative"): (("Degenerative Spine", _P),),
    ("joints", "arthritic"): (("Arthritis", _P),),
    ("bones", "arthritic"): (("Arthritis", _P),),
    ("spine", "arthritic"): (("Degenerative Spine", _P),),
    ("", "arthritic"): (("Arthritis", _P),),
    ("", "degenerative"): (("Degenerative Spine", _P),),
    ("trachea", "normal"): (("Mediastinal Shift", _N),),
    ("trachea", "deviated"): (("Mediastinal Shift", _P),),
    ("Pulmonary Congestion", "normal"): (("Pulmonary Congestion", _N),),
    ("Granuloma", "calcified"): (("Calcified Granuloma", _P),),
    ("Nodule", "calcified"): (("Lung Calcification", _P), ("Nodule", _P)),
    ("Lymphadenopathy", "calcified"): (("Calcified Lymph Nodes", _P),),
}
"""(part, state) → findings; a denied abnormality counts as the state ``normal``, part ``""`` as no part named."""
