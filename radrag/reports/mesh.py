"""From the MeSH codes of the Indiana University collection to radrag's labels.

A code is a heading and qualifiers joined by ``/`` (``Opacity/lung/base/left``). The map is written from what the
headings mean (docs/labels.md gives the table), not from what any labeler finds in the reports' text.
"""

from __future__ import annotations

from collections.abc import Iterable

NORMAL = "normal"
UNCODED = frozenset({"No Indexing", "Technical Quality of Image Unsatisfactory"})
"""Headings that say nothing about the patient: not indexed, or the film could not be judged."""

_HEADINGS: dict[str, tuple[str, ...]] = {
    "normal": ("No Finding",),
    "Airspace Disease": ("Airspace Disease",),
    "Aortic Aneurysm": ("Aortic Aneurysm",),
    "Arthritis": ("Arthritis",),
    "Atherosclerosis": ("Atherosclerosis",),
    "Blister": ("Bulla",),
    "Bone Diseases, Metabolic": ("Osteopenia",),
    "Bronchiectasis": ("Bronchiectasis",),
    "Bullous Emphysema": ("Emphysema",),
    "Calcified Granuloma": ("Calcified Granuloma",),
    "Cardiomegaly": ("Cardiomegaly",),
    "Catheters, Indwelling": ("Support Devices",),
    "Cavitation": ("Cavitation",),
    "Cicatrix": ("Scarring",),
    "Consolidation": ("Consolidation",),
    "Diaphragmatic Eventration": ("Diaphragmatic Eventration",),
    "Emphysema": ("Emphysema",),
    "Fibrosis": ("Fibrosis",),
    "Foreign Bodies": ("Foreign Body",),
    "Fractures, Bone": ("Fracture",),
    "Granuloma": ("Granuloma",),
    "Granulomatous Disease": ("Granulomatous Disease",),
    "Heart Failure": ("Heart Failure",),
    "Hemopneumothorax": ("Pneumothorax", "Pleural Effusion"),
    "Hemothorax": ("Pleural Effusion",),
    "Hernia, Diaphragmatic": ("Hernia",),
    "Hernia, Hiatal": ("Hernia",),
    "Hydropneumothorax": ("Pneumothorax", "Pleural Effusion"),
    "Hyperostosis, Diffuse Idiopathic Skeletal": ("Degenerative Spine",),
    "Hypertension, Pulmonary": ("Pulmonary Hypertension",),
    "Implanted Medical Device": ("Support Devices",),
    "Infiltrate": ("Infiltration",),
    "Kyphosis": ("Kyphosis",),
    "Lung Diseases, Interstitial": ("Interstitial Lung Disease",),
    "Markings": ("Increased Lung Markings",),
    "Mass": ("Mass",),
    "Mastectomy": ("Surgical Change",),
    "Mediastinal Emphysema": ("Pneumomediastinum",),
    "Medical Device": ("Support Devices",),
    "Nodule": ("Nodule",),
    "Osteophyte": ("Degenerative Spine",),
    "Osteoporosis": ("Osteopenia",),
    "Pericardial Effusion": ("Pericardial Effusion",),
    "Pleural Effusion": ("Pleural Effusion",),
    "Pneumonectomy": ("Surgical Change",),
    "Pneumonia": ("Pneumonia",),
    "Pneumoperitoneum": ("Pneumoperitoneum",),
    "Pneumothorax": ("Pneumothorax",),
    "Pulmonary Atelectasis": ("Atelectasis",),
    "Pulmonary Congestion": ("Pulmonary Congestion",),
    "Pulmonary Disease, Chronic Obstructive": ("COPD",),
    "Pulmonary Edema": ("Edema",),
    "Pulmonary Emphysema": ("Emphysema",),
    "Pulmonary Fibrosis": ("Fibrosis",),
    "Scoliosis": ("Scoliosis",),
    "Shift": ("Mediastinal Shift",),
    "Spinal Fusion": ("Surgical Material",),
    "Spondylosis": ("Degenerative Spine",),
    "Stents": ("Support Devices",),
    "Subcutaneous Emphysema": ("Subcutaneous Emphysema",),
    "Surgical Instruments": ("Surgical Material",),
    "Sutures": ("Surgical Material",),
    "Tube, Inserted": ("Support Devices",),
    "Tuberculosis": ("Tuberculosis",),
    "Volume Loss": ("Volume Loss",),
}

_SPINE = ("thoracic vertebrae", "lumbar vertebrae", "cervical vertebrae", "spine")
_OUTSIDE = frozenset(
    (
        *_SPINE,
        "ribs",
        "clavicle",
        "humerus",
        "scapula",
        "shoulder",
        "sternum",
        "thorax",
        "breast",
        "heart",
        "neck",
        "abdomen",
        "mediastinum",
        "pleura",
        "trachea",
        "aorta",
        "diaphragm",
    )
)
_INSIDE = frozenset(["lung", "base", "apex", "hilum", "lingula", "upper lobe", "middle lobe", "lower lobe"])

_QUALIFIED: tuple[tuple[str, tuple[str, ...], str], ...] = (
    # heading, any of these qualifiers, label; the first row that fits wins
    ("Aorta", ("tortuous",), "Tortuous Aorta"),
    ("Aorta, Thoracic", ("tortuous",), "Tortuous Aorta"),
    ("Calcinosis", ("lymph nodes", "hilum", "mediastinum", "paratracheal", "trachea, carina"), "Calcified Lymph Nodes"),
    ("Calcinosis", ("aorta", "aorta, thoracic", "blood vessels"), "Atherosclerosis"),
    ("Calcinosis", ("pleura",), "Pleural Other"),
    ("Calcinosis", ("lung",), "Lung Calcification"),
    ("Cardiac Shadow", ("enlarged", "borderline", "prominent"), "Cardiomegaly"),
    ("Cervical Vertebrae", ("degenerative",), "Degenerative Spine"),
    ("Costophrenic Angle", ("blunted",), "Blunted Costophrenic Angle"),
    ("Deformity", _SPINE, "Vertebral Compression"),
    ("Deformity", ("ribs",), "Rib Deformity"),
    ("Diaphragm", ("elevated",), "Elevated Diaphragm"),
    ("Diaphragm", ("flattened",), "Flattened Diaphragm"),
    ("Heart", ("enlarged",), "Cardiomegaly"),
    ("Lumbar Vertebrae", ("degenerative",), "Degenerative Spine"),
    ("Lung", ("hypoinflation",), "Low Lung Volumes"),
    ("Lung", ("hyperdistention",), "Hyperinflation"),
    ("Lung", ("lymph nodes",), "Lymphadenopathy"),
    ("Lung", ("interstitial",), "Increased Lung Markings"),
    ("Lymph Nodes", ("enlarged",), "Lymphadenopathy"),
    ("Mediastinum", ("lymph nodes",), "Lymphadenopathy"),
    ("Mediastinum", ("prominent", "enlarged"), "Enlarged Cardiomediastinum"),
    ("Shoulder", ("degenerative",), "Arthritis"),
    ("Spine", ("degenerative",), "Degenerative Spine"),
    ("Thickening", ("pleura",), "Pleural Thickening"),
    ("Thickening", ("bronchi", "bronchovascular", "interstitial"), "Increased Lung Markings"),
    ("Thoracic Vertebrae", ("degenerative",), "Degenerative Spine"),
)


def from_mesh(code: str) -> tuple[str, ...]:
    """Return the labels one MeSH code stands for, empty where radrag has none for it.

    Args:
        code: heading and qualifiers joined by ``/``; spacing and the case of qualifiers do not matter.
    """
    heading, *rest = (" ".join(part.split()) for part in code.split("/"))
    qualifiers = {part.lower() for part in rest}
    if heading in {"Opacity", "Density"}:
        if heading == "Density" and qualifiers & _OUTSIDE and not qualifiers & _INSIDE:
            return ()
        # A rounded opacity is a nodule (Fleischner glossary, Hansell et al. 2008).
        return ("Lung Opacity", "Nodule") if "round" in qualifiers else ("Lung Opacity",)
    if heading in _HEADINGS:
        return _HEADINGS[heading]
    if heading == "Lung" and "hilum" in qualifiers and qualifiers & {"prominent", "enlarged"}:
        return ("Hilar Enlargement",) if "lymph nodes" not in qualifiers else ("Lymphadenopathy",)
    for wanted, any_of, label in _QUALIFIED:
        if heading.lower() == wanted.lower() and qualifiers & set(any_of):
            return (label,)
    return ()


def labels_of(codes: Iterable[str]) -> frozenset[str]:
    """Return the labels that a report's MeSH codes state; a finding coded ``borderline`` is doubted, not stated."""
    return frozenset(label for code in codes if "/borderline" not in code for label in from_mesh(code))


def is_coded(codes: Iterable[str]) -> bool:
    """Whether coders judged the report at all (it has a code that is not in :data:`UNCODED`)."""
    return any(" ".join(code.split()) not in UNCODED for code in codes)
