"""Findings in plain words: what is written when every evidence sentence says more than the image can know."""

from __future__ import annotations

from collections.abc import Sequence

PHRASES = {
    "Airspace Disease": "airspace disease",
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "consolidation",
    "Edema": "pulmonary edema",
    "Emphysema": "emphysema",
    "Enlarged Cardiomediastinum": "widening of the mediastinum",
    "Fibrosis": "pulmonary fibrosis",
    "Fracture": "a fracture",
    "Hernia": "a hiatal hernia",
    "Infiltration": "a pulmonary infiltrate",
    "Lung Lesion": "a lung lesion",
    "Lung Opacity": "a pulmonary opacity",
    "Mass": "a lung mass",
    "Nodule": "a pulmonary nodule",
    "Pleural Effusion": "a pleural effusion",
    "Pleural Other": "pleural disease",
    "Pleural Thickening": "pleural thickening",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "a pneumothorax",
    "Support Devices": "a support device",
}
"""Label → words after "There is"; every label that an image encoder of radrag is trained for has an entry."""


def plain_statement(label: str) -> str:
    """Return a sentence that states one finding and nothing else."""
    return f"There is {PHRASES.get(label, label.lower())}."


def plain_list(labels: Sequence[str]) -> str:
    """Return a sentence that names findings, for an impression; ``labels`` has one at least."""
    words = [PHRASES.get(label, label.lower()).removeprefix("a ") for label in labels]
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return f"{listed[:1].upper()}{listed[1:]}."
