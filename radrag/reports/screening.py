"""Sentences a draft must not take over: comparisons, de-identification marks, names, dates, calls, advice."""

from __future__ import annotations

import re

_COMPARISON = re.compile(
    r"\b(?:unchanged|stable|stably|new|newly|interval|prior|priors|previous|previously|compar(?:ed|ison|ing|able)|since"
    r"|worse|worsen(?:ed|ing)|improv(?:ed|ing|ement)|progress(?:ed|ing|ion|ive)|persist(?:s|ent|ently|ing|ed)?"
    r"|resol(?:ved|ving|ution)|redemonstrat\w+|re-demonstrat\w+|again|still|remains?|remained|continue[sd]?|similar"
    r"|no longer|increas(?:ed|ing|e) (?:in|from|since)|decreas(?:ed|ing|e) (?:in|from|since)|increasing|decreasing"
    r"|has (?:increased|decreased|enlarged|developed|grown|cleared)|have (?:increased|decreased|enlarged|developed|grown"
    r"|cleared)|(?:no|without|any) (?:\w+ ){0,3}change|as before|enlarging|earlier (?:study|exam|film|radiograph)|last"
    r" (?:study|exam|film|radiograph)|old (?:study|exam|film|films)|smaller than|larger than before|baseline|clearing)\b",
    re.I,
)
# "prior granulomatous disease", "previous sternotomy" speak of the patient's past, not of an earlier film.
_NO_COMPARISON = re.compile(
    r"\b(?:prior|previous|remote|old)\s+(?:\w+\s+)?(?:granulomatous|surgery|sternotomy|fractures?|trauma|cabg|infection"
    r"|cholecystectomy|mastectomy|thoracotomy|lobectomy|coronary|surgical|tb|tuberculosis)\b"
    r"|\bevidence of (?:prior|previous)\b",
    re.I,
)
_TOKEN = re.compile(r"X{3,}|_{2,}|\[\*\*.*?\*\*\]|\[(?:redacted|name|date|phi)\]|<(?:name|date|id|phi)>", re.I | re.S)
_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|(?-i:May)|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
_IDENTIFIER = re.compile(
    r"\b(?i:dr|drs|mr|mrs|ms|prof|doctor|nurse)\b\.?\s+[A-Z_]"
    r"|\b(?i:mrn|accession|date of birth|dob|ssn|medical record)\b"
    r"|\b\d{1,2}[/.-]\d{1,2}[/.-](?:\d{2}|\d{4})\b|\b(?:19|20)\d{2}-\d{2}-\d{2}\b|\b\d{1,2}/(?:19|20)\d{2}\b"
    rf"|\b(?i:{_MONTH})\.?\s+\d{{1,2}}(?:st|nd|rd|th)?\b|\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?i:{_MONTH})\b"
    rf"|\b(?i:{_MONTH})\.?,?\s+(?:19|20)\d{{2}}\b"
    r"|\b\d{1,2}:\d{2}\b|\b\d{1,2}\s?(?i:[ap]\.?m)\b|\b\d{3}[-.\s]\d{3}[-.\s]\d{4}\b|\(\d{3}\)\s?\d{3}-\d{4}|\b\d{7,}\b"
    r"|[\w.+-]+@[\w-]+\.\w+|\b\d{1,3}\s?-?\s?(?i:year|yr)s?\s?-?\s?(?i:old)\b",
)
_COMMUNICATION = re.compile(
    r"\b(?:discussed (?:with|by)|communicat\w+|notified|informed|telephoned|paged|called (?:to|by|in|at)|(?:was|were|are) called"
    r"|phone[d]?|dictated|signed|attending|resident|read by|reviewed (?:by|with)|verbally|at the time of (?:interpretation"
    r"|dictation|this)|recommend\w*|follow-?\s?up|suggest (?:ct|further|repeat|correlation|clinical)|advis\w+|correlat(?:e|ion)"
    r"|(?:ct|mri|further|additional|repeat) (?:\w+ ){0,3}(?:is|are|may be|could be|would be|should be) (?:helpful|useful|obtained"
    r"|considered|suggested|warranted|indicated|performed|of benefit)|clinically indicated|if (?:clinically|symptoms|concern|there"
    r" is)|should be (?:considered|obtained|performed)|findings (?:were|are) (?:conveyed|relayed|reported)|ordering|referring)\b",
    re.I,
)


def is_comparison(text: str) -> bool:
    """Whether a sentence compares with an earlier study ("unchanged", "new", "compared with", "has improved")."""
    return bool(_COMPARISON.search(_NO_COMPARISON.sub(" ", text)))


def has_deidentification_token(text: str) -> bool:
    """Whether a sentence holds a mark where something was taken out (XXXX, ___, [** … **])."""
    return bool(_TOKEN.search(text))


def has_identifier(text: str) -> bool:
    """Whether a sentence seems to name a person, a date, a time, a telephone or record number, or an age."""
    return bool(_IDENTIFIER.search(text))


def is_communication(text: str) -> bool:
    """Whether a sentence tells who was told, or advises what to do next, instead of what the image shows."""
    return bool(_COMMUNICATION.search(text))
