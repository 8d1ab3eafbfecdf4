"""A hospital's report as its document gives it (SR, HL7, plain text), and whether it may be of a chest film."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from radrag.reports.sections import section_name

# PS3.16 CID 7001 and 7002 in their DCM codes (until 2019) and LOINC codes, which HL7 uses too, → section.
_HEADINGS = {
    **dict.fromkeys(("121070", "121071", "59776-5"), "findings"),
    **dict.fromkeys(("121072", "121073", "19005-8"), "impression"),
    **dict.fromkeys(("121076", "121077", "55110-1"), "impression"),  # conclusions
    **dict.fromkeys(("121111", "55112-7"), "impression"),  # summary
    **dict.fromkeys(("121062", "55115-0", "121109", "18785-6"), "indication"),  # request, indications for procedure
    **dict.fromkeys(("121060", "11329-0", "55752-0", "121110", "55108-5"), "history"),
    **dict.fromkeys(("121064", "121065", "55111-9", "29549-3", "73569-6"), "technique"),
    **dict.fromkeys(("121066", "55114-3", "121068", "121069", "18834-2"), "comparison"),
    **dict.fromkeys(("121074", "121075", "18783-1"), "recommendation"),
    **dict.fromkeys(("121078", "55107-7"), "addendum"),
    **dict.fromkeys(("73568-8",), "notification"),
}
_CHEST = re.compile(r"(?<![a-z])(?:chest|cxr|thorax|thoracic cage|lungs?|ribs?|torax|brustkorb)(?![a-z])", re.I)
_OTHER = re.compile(
    r"(?<![a-z])(?:ct|cta|cat scan|computed tomography|tomo\w*|mri?|mra|magnetic|nmr|nms|[corv]?us|ultraso\w+|"
    r"sono\w+|echo\w*|doppler|pet|spect|nm|nuclear|scintigra\w+|v/?q|mammo\w*|mg|dexa|dxa|fluoro\w*|angio\w*|"
    r"biopsy|aspiration|drainage|swallow|spine|spinal|vertebra\w*)(?![a-z])",
    re.I,
)
_ELSEWHERE = re.compile(
    r"(?<![a-z])(?:abdom\w*|kub|pelvi\w*|hips?|femur|knees?|tibia|ankles?|foot|feet|toes?|shoulders?|humerus|elbows?|"
    r"forearm|wrists?|hands?|fingers?|skull|face|facial|sinus\w*|neck)(?![a-z])",
    re.I,
)
# What a service or an examination is called that names no body part (HL7 table 0074 and DICOM modalities).
_FILMS = {"RAD", "RX", "XR", "CR", "DX", "RG", "RADIOLOGY", "X-RAY", "XRAY"}


class Status(IntEnum):
    """How far a report is; a higher one supersedes a lower."""

    WITHDRAWN = 0
    PRELIMINARY = 1
    FINAL = 2


@dataclass(frozen=True, slots=True)
class Report:
    """One report.

    Attributes:
        sections: name → text; empty when the document has no text.
        study_uids: of the study itself first, then of those it refers to as its own.
        accessions: accession and order numbers, the likeliest first.
        patients: patient ids, the main one first.
        issuer: issuer of the first as DICOM has it; empty when not given.
        when: issued at, ``YYYYMMDDHHMMSS``; empty when unknown.
        procedure: name of the examination; empty when not given.
        service: code of the department or modality (HL7 table 0074); empty when not given.
        attached: whether the text is said to be in a file inside (PDF) that is not read.
    """

    sections: Mapping[str, str]
    study_uids: tuple[str, ...] = ()
    accessions: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    issuer: str = ""
    status: Status = Status.FINAL
    when: str = ""
    procedure: str = ""
    service: str = ""
    sex: str = ""
    age: float | None = None
    studied_at: str = ""
    attached: bool = False

    @property
    def is_addendum(self) -> bool:
        """Whether it only adds to an earlier report."""
        return set(self.sections) == {"addendum"}


def heading(code: str, *meanings: str) -> str:
    """Return the section that a coded heading means, by its code, else by its words; empty for none."""
    if code in _HEADINGS:
        return _HEADINGS[code]
    return next((found for meaning in meanings if (found := section_name(meaning))), "")


def may_be_chest_film(procedure: str, service: str = "") -> bool:
    """Whether an examination's name says chest radiograph, or nothing says what it was."""
    words = procedure.replace("_", " ").strip()
    if _OTHER.search(f"{words} {service}"):
        return False
    if words and words.upper() not in _FILMS:
        return bool(_CHEST.search(words))
    return service.upper() in {"", *_FILMS}


def names_another_examination(words: str) -> bool:
    """Whether words about the technique speak of another modality, or of another region and not of the chest."""
    return bool(_OTHER.search(words) or (_ELSEWHERE.search(words) and not _CHEST.search(words)))
