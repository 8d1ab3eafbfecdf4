"""Findings in plain words: what is written when every evidence sentence says more than the image can know."""

from __future__ import annotations

from collections.abc import Sequence

from radrag.domain import Change, Finding, Polarity, Severity, Side
from radrag.reports.vocabulary import BY_NAME, NO_FINDING

PHRASES = {
    "Airspace Disease": "airspace disease",
    "Aortic Aneurysm": "aneurysm of the aorta",
    "Arthritis": "arthritis",
    "Atelectasis": "atelectasis",
    "Atherosclerosis": "atherosclerosis",
    "Blunted Costophrenic Angle": "blunting of the costophrenic angle",
    "Bronchiectasis": "bronchiectasis",
    "Bulla": "a bulla",
    "COPD": "COPD",
    "Calcified Granuloma": "a calcified granuloma",
    "Calcified Lymph Nodes": "a calcified lymph node",
    "Cardiomegaly": "cardiomegaly",
    "Cavitation": "cavitation",
    "Consolidation": "consolidation",
    "Degenerative Spine": "degenerative disease of the spine",
    "Diaphragmatic Eventration": "eventration of the diaphragm",
    "Edema": "pulmonary edema",
    "Elevated Diaphragm": "elevation of the diaphragm",
    "Emphysema": "emphysema",
    "Enlarged Cardiomediastinum": "widening of the mediastinum",
    "Fibrosis": "pulmonary fibrosis",
    "Flattened Diaphragm": "flattening of the diaphragm",
    "Foreign Body": "a foreign body",
    "Fracture": "a fracture",
    "Granuloma": "a granuloma",
    "Granulomatous Disease": "granulomatous disease",
    "Heart Failure": "heart failure",
    "Hernia": "a hiatal hernia",
    "Hilar Enlargement": "hilar enlargement",
    "Hyperinflation": "hyperinflation",
    "Increased Lung Markings": "prominence of the lung markings",
    "Infiltration": "a pulmonary infiltrate",
    "Interstitial Lung Disease": "interstitial lung disease",
    "Kyphosis": "kyphosis",
    "Low Lung Volumes": "low lung volume",
    "Lung Calcification": "a pulmonary calcification",
    "Lung Lesion": "a pulmonary lesion",
    "Lung Opacity": "a pulmonary opacity",
    "Lymphadenopathy": "lymphadenopathy",
    "Mass": "a lung mass",
    "Mediastinal Shift": "mediastinal shift",
    "Nodule": "a pulmonary nodule",
    "Osteopenia": "osteopenia",
    "Pericardial Effusion": "a pericardial effusion",
    "Pleural Effusion": "a pleural effusion",
    "Pleural Other": "pleural disease",
    "Pleural Thickening": "pleural thickening",
    "Pneumomediastinum": "pneumomediastinum",
    "Pneumonia": "pneumonia",
    "Pneumoperitoneum": "pneumoperitoneum",
    "Pneumothorax": "a pneumothorax",
    "Pulmonary Congestion": "pulmonary vascular congestion",
    "Pulmonary Hypertension": "pulmonary hypertension",
    "Rib Deformity": "a rib deformity",
    "Scarring": "scarring",
    "Scoliosis": "scoliosis",
    "Subcutaneous Emphysema": "subcutaneous emphysema",
    "Support Devices": "a support device",
    "Surgical Change": "postoperative change",
    "Surgical Material": "surgical material",
    "Tortuous Aorta": "tortuosity of the aorta",
    "Tuberculosis": "tuberculosis",
    "Vertebral Compression": "a compression deformity of the spine",
    "Volume Loss": "volume loss",
}
"""Label → words after "There is"; every label but "No Finding" has an entry that the labeler reads back as just it."""

_NORMALITY = {
    Polarity.POSITIVE: "There is no acute cardiopulmonary abnormality.",
    Polarity.UNCERTAIN: "The chest may be normal.",
    Polarity.NEGATIVE: "The chest is not normal.",
}

_CHANGE = {Change.NEW: "new", Change.WORSE: "worsening", Change.BETTER: "improving"}


def statement(finding: Finding) -> str:
    """Return a sentence that says just what a finding says: polarity, side, severity and change; no place.

    A side is left out where the label has none. A denial says at most that nothing is new: "no worsening edema" would
    not deny edema.
    """
    if finding.label == NO_FINDING:
        return _NORMALITY[finding.polarity]
    phrase = PHRASES.get(finding.label, finding.label.lower())
    noun = phrase.removeprefix("a ")
    denied = finding.polarity is Polarity.NEGATIVE
    words = ["" if denied and finding.change is not Change.NEW else _CHANGE.get(finding.change, "")]
    words.append("" if finding.severity is Severity.NONE else finding.severity.value)
    sided = finding.side is not Side.NONE and (finding.label not in BY_NAME or BY_NAME[finding.label].sided)
    words.append(finding.side.value if sided else "")
    said = " ".join([word for word in words if word] + [noun])
    if denied:
        return f"There is no {said}."
    counted = f"a{'n' if said[0] in 'aeiou' else ''} {said}" if noun != phrase else said
    verb = "may be" if finding.polarity is Polarity.UNCERTAIN else "is"
    return f"There {verb} {'again ' if finding.change is Change.STABLE else ''}{counted}."


def plain_statement(label: str) -> str:
    """Return a sentence that states one finding and nothing else."""
    return statement(Finding(label))


def no_longer(label: str) -> str:
    """Return a sentence that says of a finding of a prior study that it is not there now."""
    return f"There is no longer {PHRASES.get(label, label.lower())}."


def plain_list(labels: Sequence[str]) -> str:
    """Return a sentence that names findings, for an impression; ``labels`` has one at least."""
    words = [PHRASES.get(label, label.lower()).removeprefix("a ") for label in labels]
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return f"{listed[:1].upper()}{listed[1:]}."
