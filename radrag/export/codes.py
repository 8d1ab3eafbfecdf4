"""Codes that the exports speak in, only where the meaning is sure; the rest keeps radrag's own names.

Sources: DICOM PS3.16 context groups as pydicom ships them (``pydicom.sr.codedict``: CID 240 presence, 244 laterality,
3716 severity, 6104 and 6105 opacities and lucencies in chest radiographs, 7000 to 7002 report titles, headings and
elements); for disorders that no context group names, the SNOMED CT concept of the same name. RadLex ids are not given:
each finding has one code, and SNOMED CT is what DICOM and FHIR ask for. A label that is vaguer or wider than any
concept (such as "Lung Lesion", "Hernia" or "Support Devices") has none.
"""

from __future__ import annotations

from dataclasses import dataclass

from radrag.domain import Polarity, Severity, Side, Study

OWN_SCHEME = "99RADRAG"  # private schemes begin with 99 (PS3.3 8.2)
SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
}
"""DICOM's name of a coding scheme → FHIR's."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A coded concept: value, coding scheme as DICOM names it, meaning."""

    value: str
    scheme: str
    meaning: str


def own(value: str, meaning: str) -> Coded:
    """Return a concept of radrag's own scheme."""
    return Coded(value[:16], OWN_SCHEME, meaning[:64])  # SH and LO (PS3.5 table 6.2-1)


_LABELS = {
    # CID 6104 and 6105
    "Infiltration": Coded("112121", "DCM", "Infiltrate"),
    "Lung Opacity": Coded("112001", "DCM", "Opacity"),
    "Nodule": Coded("27925004", "SCT", "Nodule"),
    "Pneumomediastinum": Coded("16838000", "SCT", "Pneumomediastinum"),
    "Pneumothorax": Coded("36118008", "SCT", "Pneumothorax"),
    # in pydicom's dictionary of PS3.16
    "Edema": Coded("19242006", "SCT", "Pulmonary edema"),
    "Heart Failure": Coded("84114007", "SCT", "Heart failure"),
    "Pericardial Effusion": Coded("373945007", "SCT", "Pericardial effusion"),
    "Pleural Effusion": Coded("60046008", "SCT", "Pleural effusion"),
    "Pulmonary Hypertension": Coded("70995007", "SCT", "Pulmonary hypertension"),
    # SNOMED CT
    "Atelectasis": Coded("46621007", "SCT", "Atelectasis"),
    "Bronchiectasis": Coded("12295008", "SCT", "Bronchiectasis"),
    "COPD": Coded("13645005", "SCT", "Chronic obstructive pulmonary disease"),
    "Cardiomegaly": Coded("8186001", "SCT", "Cardiomegaly"),
    "Consolidation": Coded("95436008", "SCT", "Lung consolidation"),
    "Emphysema": Coded("87433001", "SCT", "Pulmonary emphysema"),
    "Fibrosis": Coded("51615001", "SCT", "Pulmonary fibrosis"),
    "Fracture": Coded("125605004", "SCT", "Fracture of bone"),
    "Interstitial Lung Disease": Coded("233703007", "SCT", "Interstitial lung disease"),
    "Mass": Coded("309529002", "SCT", "Lung mass"),
    "Pneumonia": Coded("233604007", "SCT", "Pneumonia"),
    "Scoliosis": Coded("298382003", "SCT", "Scoliosis deformity of spine"),
    "Tuberculosis": Coded("154283005", "SCT", "Pulmonary tuberculosis"),
}

PRESENCE = {
    Polarity.POSITIVE: Coded("52101004", "SCT", "Present"),
    Polarity.NEGATIVE: Coded("272519000", "SCT", "Absent"),
    Polarity.UNCERTAIN: Coded("373068000", "SCT", "Undetermined"),
}
LATERALITY = {
    Side.LEFT: Coded("7771000", "SCT", "Left"),
    Side.RIGHT: Coded("24028007", "SCT", "Right"),
    Side.BILATERAL: Coded("51440002", "SCT", "Bilateral"),
}
SEVERITY = {
    Severity.MILD: Coded("255604002", "SCT", "Mild"),
    Severity.MODERATE: Coded("6736007", "SCT", "Moderate"),
    Severity.SEVERE: Coded("24484000", "SCT", "Severe"),
}
CHEST_RADIOGRAPH = Coded("399208008", "SCT", "Plain chest X-ray")

TWO_VIEWS = Coded("36643-5", "LN", "XR Chest 2 Views")
ANY_STUDY = Coded("18748-4", "LN", "Diagnostic imaging study")


def study_code(study: Study) -> Coded:
    """Return the LOINC code of what was done: two views where they are a frontal and a lateral, else any study."""
    views = sorted(image.view for image in study.images)
    return TWO_VIEWS if views in (["LATERAL", "PA"], ["AP", "LATERAL"]) else ANY_STUDY


def finding_code(label: str) -> Coded:
    """Return the code of a label; one of radrag's own scheme where no other is sure."""
    return _LABELS.get(label) or own("F-" + "".join(part[:5] for part in label.split())[:14], label)


def is_standard(code: Coded) -> bool:
    """Whether others know the scheme."""
    return code.scheme != OWN_SCHEME
