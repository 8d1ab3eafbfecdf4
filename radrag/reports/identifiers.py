"""What in a text seems to name a person: names, dates, times, ages, telephone and record numbers, addresses."""

from __future__ import annotations

import re

from radrag.reports.sentences import split_sentences

_MONTH = (
    r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|(?-i:May)|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_IDENTIFIER = re.compile(
    "|".join(
        (
            r"\b(?i:dr|drs|mr|mrs|ms|prof|doctor|nurse)\b\.?\s+[A-Z_]",  # a title and a name
            r"\b(?i:mrn|accession|date of birth|dob|ssn|medical record)\b",
            r"\b\d{1,2}[/.-]\d{1,2}[/.-](?:\d{2}|\d{4})\b",  # dates
            r"\b(?:19|20)\d{2}-\d{2}-\d{2}\b",
            r"\b\d{1,2}/(?:19|20)\d{2}\b",
            rf"\b{_MONTH}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?\b",
            rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}\b",
            rf"\b{_MONTH}\.?,?\s+(?:19|20)\d{{2}}\b",
            r"\b\d{1,2}:\d{2}\b",  # times
            r"\b\d{1,2}\s?(?i:[ap]\.?m)\b",
            r"\b\d{3}[-.\s]\d{3}[-.\s]\d{4}\b",  # telephone and record numbers
            r"\(\d{3}\)\s?\d{3}-\d{4}",
            r"\b\d{7,}\b",
            r"\b[\w.+-]{1,64}@[\w-]{1,64}\.\w+",
            r"\b\d{1,3}\s?-?\s?(?i:year|yr)s?\s?-?\s?(?i:old)\b",  # an age
        )
    )
)
_AGE = re.compile(
    r"\b\d{1,3}\s?-?\s?(?:(?i:y\s?/?\.?\s?o\b\.?|(?:years?|yrs?)\b(?! ago)|(?:months?|mos?|weeks?|days?)[ -](?=old))"
    r"(?:[\s-]*(?:old|of age)\b)?(?:[\s-]*(?:(?i:male|female|man|woman|boy|girl)|[MF])\b)?|[MF]\b)"
    r"|\b(?i:aged?):?\s*\d+"
)
_PERSONAL = re.compile(
    r"\b(?i:born)\b|\w\^\w|\b(?:19|20)\d{2}\b|\b\d{3}-(?:\d{2}-)?\d{4}\b|\b[A-Z]{1,3}\d{4,}\b|\b\d+(?:\.\d+){4,}\b"
    r"|(?i:https?://|www\.)|\b(?i:acc|id|patient|record|no)\b\s?[.:#]*\s?[A-Z]*\d{3,}"
    r"|\b[A-Z][a-z]+,?\s(?:M\.?D\b|D\.?O\b|R\.?N\b)"
)
"""Years, DICOM names, numbers of people and studies, addresses, signatures."""


def has_identifier(text: str) -> bool:
    """Whether a text seems to name a person, a date, a time, an age, an address, or a telephone or record number."""
    return any(pattern.search(text) for pattern in (_IDENTIFIER, _AGE, _PERSONAL))


def without_ages(text: str) -> str:
    """Return a text without the ages in it, which most requests begin with."""
    return " ".join(_AGE.sub(" ", text).split())


def without_identifiers(text: str) -> str:
    """Return a free text without its sentences that seem to name a person, date, age or number.

    Nothing is left where the rest seems to name one only as a whole, because a sentence was split within it.
    """
    parts = (text[start:end] for start, end in split_sentences(text))
    kept = " ".join(part for part in parts if not has_identifier(part))
    return "" if has_identifier(kept) else kept
