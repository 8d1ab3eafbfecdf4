"""Clinical text made comparable for search: abbreviations spelt out, ages and de-identification marks dropped."""

from __future__ import annotations

import re

# Abbreviations of requests and reports that have one meaning in chest radiography.
_ABBREVIATIONS = {
    "afib": "atrial fibrillation",
    "cabg": "coronary artery bypass graft",
    "chf": "congestive heart failure",
    "copd": "chronic obstructive pulmonary disease",
    "cp": "chest pain",
    "cta": "clear to auscultation",
    "cxr": "chest radiograph",
    "doe": "dyspnea on exertion",
    "esrd": "end stage renal disease",
    "ett": "endotracheal tube",
    "ggo": "ground glass opacity",
    "hx": "history",
    "lll": "left lower lobe",
    "lul": "left upper lobe",
    "ngt": "nasogastric tube",
    "picc": "peripherally inserted central catheter",
    "pna": "pneumonia",
    "ptx": "pneumothorax",
    "rll": "right lower lobe",
    "rml": "right middle lobe",
    "rul": "right upper lobe",
    "sob": "shortness of breath",
    "svc": "superior vena cava",
    "tb": "tuberculosis",
    "uri": "upper respiratory infection",
}
_ABBREVIATED = re.compile(rf"\b(?:{'|'.join(_ABBREVIATIONS)})\b", re.I)
_WITH_SLASHES = (  # "s/p", "r/o" and the like
    (re.compile(r"\bs/p\b", re.I), "status post"),
    (re.compile(r"\br/o\b", re.I), "rule out"),
    (re.compile(r"\bc/o\b", re.I), "complains of"),
    (re.compile(r"\bh/o\b", re.I), "history of"),
    (re.compile(r"\bw/o\b", re.I), "without"),
    (re.compile(r"\bw/(?=\s|\w)", re.I), "with "),
)
_AGE = re.compile(
    r"\b(?:\d{1,3}\s*-?\s*(?:years?|yrs?|y/?o|y\.o\.?|months?|weeks?|days?)\s*-?\s*(?:old)?"
    r"|y/o|y\.o\.|years?[-\s]old)(?!\w)\s*-?\s*(?:male|female|man|woman|[mf]\b)?",  # the number may be gone already
    re.I,
)
_DEIDENTIFIED = re.compile(r"\b[xX]{3,}\b|_{2,}|\[\*\*.{0,200}?\*\*\]", re.S)
_TERM = re.compile(r"[a-z0-9]+|[.;:,]")
_DENIAL = frozenset({"no", "not", "without", "denies", "negative", "absent", "free"})
_ENDS_DENIAL = frozenset({".", ";", ":", "but", "however", "except", "although", "with", "there", "is", "are"})
_STOP = frozenset([
    "a", "an", "and", "are", "as", "at", "be", "been", "by", "for", "from", "has", "have", "in", "is", "it", "its",
    "of", "on", "or", "otherwise", "seen", "that", "the", "there", "these", "this", "to", "was", "were", "which",
    "with", ",",
])  # fmt: skip


def normalise(text: str) -> str:
    """Return text for search: abbreviations spelt out, ages and de-identification marks dropped, blanks folded.

    Negations stay.
    """
    text = _AGE.sub(" ", _DEIDENTIFIED.sub(" ", text))
    for pattern, words in _WITH_SLASHES:
        text = pattern.sub(words, text)
    return " ".join(_ABBREVIATED.sub(lambda found: _ABBREVIATIONS[found.group().lower()], text).split())


def search_terms(text: str) -> list[str]:
    """Return the terms of a text for lexical search; a term under a denial begins with ``no:``.

    The scope of a denial ends with its clause, as in NegEx (Chapman et al. 2001).
    """
    terms: list[str] = []
    denied = False
    for term in _TERM.findall(normalise(text).lower()):
        if term in _DENIAL:
            denied = True
        elif term in _ENDS_DENIAL:
            denied = False
        if term not in _STOP and term not in _DENIAL and term not in _ENDS_DENIAL:
            terms.append(f"no:{term}" if denied else term)
    return terms
