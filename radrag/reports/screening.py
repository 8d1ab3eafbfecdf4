"""Sentences a draft must not take over: comparisons, de-identification marks, names, dates, calls, advice."""

from __future__ import annotations

import re
from functools import lru_cache

from radrag.reports.identifiers import has_identifier

_CACHED = 16_384  # sentences: reports repeat theirs, and a batch meets those of the same cases over and over


def _any_of(*patterns: str, flags: int = re.I) -> re.Pattern[str]:
    return re.compile("|".join(patterns), flags)


_COMPARISON = _any_of(
    r"\b(?:unchanged|stable|stably|new|newly|interval|since|again|still|residual|recurrent|evolving|baseline)\b",
    r"\b(?:priors?|previous|previously|compar(?:ed|ison|ing|able)|similar|no longer|as before)\b",
    r"\b(?:worse|worsen(?:ed|ing)|improv(?:ed|ing|ement)|progress(?:ed|ing|ion|ive)|enlarging|clearing|increasing)\b",
    r"\b(?:persist(?:s|ent|ently|ing|ed)?|resol(?:ved|ving|ution)|re-?demonstrat\w+|decreasing)\b",
    r"\b(?:remains?|remained|continue[sd]?)\b",
    r"\b(?:removal|removed|withdrawn|extubat(?:ed|ion)|replaced|repositioned|re-?inserted)\b",
    r"\b(?:larger|smaller)\b(?! than (?:on )?(?:the )?(?:left|right))",
    r"\b(?:in|de)creas(?:ed|e) (?:in|from|since)\b",
    r"\b(?:has|have) (?:\w+ )?(?:increased|decreased|enlarged|developed|grown|cleared)\b",
    r"\b(?:no|without|any) (?:\w+ ){0,3}changes? (?:in|from|of|since|is|has)\b",
    r"\b(?:no|without|any) (?:(?:significant|interval|definite|appreciable|acute) ){0,2}change\b(?!s)",
    r"\b(?:earlier|last|old) (?:study|exam|examination|films?|radiographs?)\b",
)
# "prior granulomatous disease", "previous sternotomy" speak of the patient's past, not of an earlier film.
_NO_COMPARISON = _any_of(
    r"\b(?:prior|previous|remote|old)\s+(?:\w+\s+)?(?:granulomatous|surgery|surgical|sternotomy|fractures?|trauma|cabg)\b",
    r"\b(?:prior|previous|remote|old)\s+(?:\w+\s+)?(?:infection|coronary|cholecystectomy|mastectomy|thoracotomy)\b",
    r"\b(?:prior|previous|remote|old)\s+(?:\w+\s+)?(?:lobectomy|tb|tuberculosis)\b",
    r"\bevidence of (?:prior|previous)\b",
)
_TOKEN = _any_of(
    r"X{3,}",
    r"_{2,}",
    r"\[\*\*.{0,200}?\*\*\]",
    r"\[(?:redacted|name|date|phi)\]",
    r"<(?:name|date|id|phi)>",
    flags=re.I | re.S,
)
_COMMUNICATION = _any_of(
    r"\b(?:discussed (?:with|by)|communicat\w+|notified|informed|telephoned|paged|verbally|phoned?|dictated|signed)\b",
    r"\b(?:called (?:to|by|in|at)|(?:was|were|are) called|attending|resident|ordering|referring)\b",
    r"\b(?:(?:read|reviewed) (?:by|with)|at the time of (?:interpretation|dictation|this))\b",
    r"\bfindings (?:were|are) (?:conveyed|relayed|reported)\b",
    r"\b(?:recommend\w*|follow-?\s?up|advis\w+|correlat(?:e|ion)|clinically indicated)\b",
    r"\bsuggest (?:ct|further|repeat|correlation|clinical)\b",
    r"\b(?:ct|mri|further|additional|repeat) (?:\w+ ){0,3}(?:is|are|may be|could be|would be|should be)"
    r" (?:helpful|useful|obtained|considered|suggested|warranted|indicated|performed|of benefit)\b",
    r"\bshould be (?:considered|obtained|performed)\b",
    r"\bif (?:clinically|symptoms|concern|there is)\b",
)


def is_comparison(text: str) -> bool:
    """Whether a sentence compares with an earlier study ("unchanged", "new", "compared with", "has improved")."""
    return bool(_COMPARISON.search(_NO_COMPARISON.sub(" ", text)))


def without_comparison(text: str) -> str:
    """Return a sentence without the words that compare: what is left is what it says of today, if not its polarity."""
    return " ".join(_COMPARISON.sub(" ", text).split())


def has_deidentification_token(text: str) -> bool:
    """Whether a sentence holds a mark where something was taken out (XXXX, ___, [** … **])."""
    return bool(_TOKEN.search(text))


def is_communication(text: str) -> bool:
    """Whether a sentence tells who was told, or advises what to do next, instead of what the image shows."""
    return bool(_COMMUNICATION.search(text))


@lru_cache(maxsize=_CACHED)
def is_fit_for_draft(text: str) -> bool:
    """Whether a sentence may be taken over into a draft of another patient without a prior study."""
    return not (
        is_comparison(text) or has_deidentification_token(text) or has_identifier(text) or is_communication(text)
    )
