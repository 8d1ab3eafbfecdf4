"""The label set: every finding radrag can name, in one frozen table.

Names are Title Case. The first fourteen are CheXpert's (Irvin et al. 2019, table 1), the next seven NIH ChestX-ray14's
(Wang et al. 2017) that CheXpert lacks, the rest are frequent codes of the Indiana University collection and findings a
reader must not miss. ``parents`` follow the CheXpert hierarchy (figure 1 of the paper), extended in the same spirit: a
positive finding implies its parents, a denied finding denies its children. Pneumonia hangs under opacity, not under
consolidation, since who denies a consolidation does not deny every pneumonia.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

REGIONS = ("devices", "lungs", "pleura", "heart", "mediastinum", "bones", "abdomen", "summary")
"""Order in which a report names things."""


class Urgency(StrEnum):
    """How fast a reader must know; ``CRITICAL`` follows the usual lists of communicable critical results."""

    CRITICAL = "critical"
    URGENT = "urgent"
    ROUTINE = "routine"


@dataclass(frozen=True, slots=True)
class Label:
    """One finding's entry.

    Attributes:
        name: Title Case name, unique.
        region: one of :data:`REGIONS`.
        parents: labels of which this one is a kind.
        urgency: how fast a reader must know.
        sided: whether left and right make sense for it.
    """

    name: str
    region: str
    parents: tuple[str, ...] = ()
    urgency: Urgency = Urgency.ROUTINE
    sided: bool = True


_C, _U = Urgency.CRITICAL, Urgency.URGENT

LABELS: tuple[Label, ...] = (
    # CheXpert
    Label("Atelectasis", "lungs", ("Lung Opacity",)),
    Label("Cardiomegaly", "heart", ("Enlarged Cardiomediastinum",), sided=False),
    Label("Consolidation", "lungs", ("Lung Opacity",), _U),
    Label("Edema", "lungs", ("Lung Opacity",), _U, sided=False),
    Label("Enlarged Cardiomediastinum", "mediastinum", (), _U, sided=False),
    Label("Fracture", "bones", (), _U),
    Label("Lung Lesion", "lungs", ("Lung Opacity",), _U),
    Label("Lung Opacity", "lungs"),
    Label("No Finding", "summary", sided=False),
    Label("Pleural Effusion", "pleura", (), _U),
    Label("Pleural Other", "pleura"),
    Label("Pneumonia", "lungs", ("Lung Opacity",), _U),
    Label("Pneumothorax", "pleura", (), _C),
    Label("Support Devices", "devices"),
    # NIH
    Label("Infiltration", "lungs", ("Lung Opacity",), _U),
    Label("Mass", "lungs", ("Lung Lesion",), _U),
    Label("Nodule", "lungs", ("Lung Lesion",), _U),
    Label("Emphysema", "lungs"),
    Label("Fibrosis", "lungs"),
    Label("Pleural Thickening", "pleura", ("Pleural Other",)),
    Label("Hernia", "abdomen", sided=False),
    # Indiana University
    Label("Airspace Disease", "lungs", ("Lung Opacity",), _U),
    Label("Arthritis", "bones"),
    Label("Atherosclerosis", "mediastinum", sided=False),
    Label("Blunted Costophrenic Angle", "pleura"),
    Label("Calcified Granuloma", "lungs", ("Granuloma",)),
    Label("Calcified Lymph Nodes", "mediastinum"),
    Label("COPD", "lungs", sided=False),
    Label("Degenerative Spine", "bones", sided=False),
    Label("Diaphragmatic Eventration", "abdomen", ("Elevated Diaphragm",)),
    Label("Elevated Diaphragm", "abdomen"),
    Label("Flattened Diaphragm", "lungs"),
    Label("Foreign Body", "devices", (), _U),
    Label("Granuloma", "lungs"),
    Label("Granulomatous Disease", "lungs", sided=False),
    Label("Hilar Enlargement", "mediastinum", (), _U),
    Label("Hyperinflation", "lungs"),
    Label("Increased Lung Markings", "lungs"),
    Label("Kyphosis", "bones", sided=False),
    Label("Low Lung Volumes", "lungs"),
    Label("Lung Calcification", "lungs"),
    Label("Osteopenia", "bones", sided=False),
    Label("Pulmonary Congestion", "lungs", (), _U, sided=False),
    Label("Rib Deformity", "bones"),
    Label("Scarring", "lungs"),
    Label("Scoliosis", "bones", sided=False),
    Label("Surgical Change", "devices"),
    Label("Surgical Material", "devices", ("Surgical Change",)),
    Label("Tortuous Aorta", "mediastinum", sided=False),
    Label("Vertebral Compression", "bones", sided=False),
    # Rare in that collection, but named in reports everywhere
    Label("Aortic Aneurysm", "mediastinum", (), _C, sided=False),
    Label("Bronchiectasis", "lungs"),
    Label("Bulla", "lungs", ("Emphysema",)),
    Label("Cavitation", "lungs", ("Lung Lesion",), _U),
    Label("Heart Failure", "heart", (), _U, sided=False),
    Label("Interstitial Lung Disease", "lungs"),
    Label("Lymphadenopathy", "mediastinum", (), _U),
    Label("Mediastinal Shift", "mediastinum", (), _C),
    Label("Pericardial Effusion", "heart", (), _C, sided=False),
    Label("Pneumomediastinum", "mediastinum", (), _C, sided=False),
    Label("Pneumoperitoneum", "abdomen", (), _C, sided=False),
    Label("Pulmonary Hypertension", "heart", (), _U, sided=False),
    Label("Subcutaneous Emphysema", "pleura", (), _U),
    Label("Tuberculosis", "lungs", (), _U),
    Label("Volume Loss", "lungs"),
)

NO_FINDING = "No Finding"
"""The one label that names no finding: the report as a whole is normal."""

BY_NAME: dict[str, Label] = {label.name: label for label in LABELS}
NAMES: tuple[str, ...] = tuple(label.name for label in LABELS)
CHEXPERT: tuple[str, ...] = NAMES[:14]
NIH: tuple[str, ...] = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Hernia", "Infiltration",
    "Mass", "Nodule", "Pleural Effusion", "Pleural Thickening", "Pneumonia", "Pneumothorax",
)  # fmt: skip
"""NIH ChestX-ray14's labels under radrag's names, in alphabetical order."""

_NIH_SPELLINGS = {"Effusion": "Pleural Effusion", "Pleural_Thickening": "Pleural Thickening"}

_TO_CHEXPERT = {
    "Airspace Disease": "Lung Opacity", "Infiltration": "Lung Opacity", "Increased Lung Markings": "Lung Opacity",
    "Interstitial Lung Disease": "Lung Opacity", "Mass": "Lung Lesion", "Nodule": "Lung Lesion",
    "Cavitation": "Lung Lesion", "Pleural Thickening": "Pleural Other", "Pulmonary Congestion": "Edema",
    "Rib Deformity": "Fracture", "Vertebral Compression": "Fracture",
}  # fmt: skip


def from_nih(name: str) -> str:
    """Return radrag's name of an NIH ChestX-ray14 label (``Effusion`` → ``Pleural Effusion``)."""
    return _NIH_SPELLINGS.get(name, name.replace("_", " "))


def to_nih(name: str) -> str | None:
    """Return NIH's own spelling of a label, or None where NIH has no such label."""
    if name not in NIH:
        return None
    return {ours: theirs for theirs, ours in _NIH_SPELLINGS.items()}.get(name, name)


def to_chexpert(name: str) -> str | None:
    """Return the CheXpert-14 label a finding counts as, or None where CheXpert has none for it."""
    return name if name in CHEXPERT else _TO_CHEXPERT.get(name)


@lru_cache(maxsize=1024)
def ancestors(name: str) -> frozenset[str]:
    """Return every label that a positive ``name`` implies, without itself; empty for unknown names."""
    found: set[str] = set()
    open_names = list(BY_NAME[name].parents) if name in BY_NAME else []
    while open_names:
        parent = open_names.pop()
        if parent not in found:
            found.add(parent)
            open_names.extend(BY_NAME[parent].parents)
    return frozenset(found)


@lru_cache(maxsize=1024)
def descendants(name: str) -> frozenset[str]:
    """Return every label that a denied ``name`` denies too, without itself."""
    return frozenset(other for other in NAMES if name in ancestors(other))


@lru_cache(maxsize=1024)
def related(name: str) -> frozenset[str]:
    """Return every label that may imply or deny ``name``, or be implied or denied by it: its line, and "no finding"."""
    return frozenset({name, NO_FINDING}) | ancestors(name) | descendants(name)


def region(name: str) -> str:
    """Return a label's anatomy region; unknown names belong to ``summary``."""
    return BY_NAME[name].region if name in BY_NAME else "summary"


def report_order(name: str) -> tuple[int, int]:
    """Sort key that puts labels in the order a report names them."""
    return REGIONS.index(region(name)), NAMES.index(name) if name in BY_NAME else len(NAMES)
