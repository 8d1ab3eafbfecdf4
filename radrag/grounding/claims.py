"""What one stated finding says of another: supports it, contradicts it, or is silent.

The rules follow entailment along the label hierarchy of :mod:`radrag.reports.vocabulary`: a positive finding implies
its parents (pneumonia → lung opacity), a denied finding denies its children (no lung opacity → no pneumonia).
Attributes are then compared: evidence that says less than the claim (no side, no location) supports it in part,
evidence that says otherwise (the other side, mild against severe) contradicts it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from radrag.domain import Change, Finding, Polarity, Relation, Severity, Side
from radrag.reports.vocabulary import BY_NAME, NO_FINDING, Urgency, ancestors

FULL_SUPPORT = 0.8
"""From this strength on a claim counts as supported; below, as supported in part."""

WEAK_SUPPORT = 0.5
"""Below this strength evidence counts only where nothing stronger is there: another label, or several things open."""

POSSIBLE = 0.45
"""Strength of "possible edema" for "edema"."""

_APART = {"Cardiomegaly", "Enlarged Cardiomediastinum"}
"""A large heart widens the mediastinum, but who calls the mediastinum normal may have called the heart large before."""

_LEVEL = {Severity.MILD: 1, Severity.MODERATE: 2, Severity.SEVERE: 3}
_DIRECTION = {Change.NEW: 1, Change.WORSE: 1, Change.STABLE: 0, Change.BETTER: -1}
_ZONES = (
    ("upper", re.compile(r"\b(upper|apex|apices|apical|biapical|suprahilar)\b")),
    ("middle", re.compile(r"\b(middle|mid|lingula|lingular|perihilar|hilar|hilum)\b")),
    ("lower", re.compile(r"\b(lower|base|bases|basal|basilar|bibasilar|retrocardiac|costophrenic|infrahilar)\b")),
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One finding's relation to another; ``direct`` is False where only an attribute differs."""

    relation: Relation
    strength: float
    direct: bool = True


def judge(claim: Finding, evidence: Finding) -> Judgement | None:
    """Return what ``evidence`` says of ``claim``; None when it is silent. ``strength`` is in (0, 1]."""
    if NO_FINDING in (claim.label, evidence.label) and claim.label != evidence.label:
        return _judge_normality(claim, evidence)
    base = _judge_label(claim, evidence)
    if base is None:
        return None
    sides = _side_overlap(claim, evidence)
    if base.relation is Relation.CONTRADICTS:
        return base if _within_denial(claim, evidence) else None
    if claim.polarity is Polarity.NEGATIVE:
        if not sides:
            return None
        return Judgement(Relation.SUPPORTS, base.strength * (0.5 if _denies_less(claim, evidence) else 1.0))
    if not sides:
        return Judgement(Relation.CONTRADICTS, 0.9, direct=False)
    return _judge_attributes(claim, evidence, base.strength)


def _judge_label(claim: Finding, evidence: Finding) -> Judgement | None:
    """Compare label and polarity alone."""
    said, found = claim.polarity, evidence.polarity
    denied = found is Polarity.NEGATIVE
    if claim.label == evidence.label:
        if said is found:
            return Judgement(Relation.SUPPORTS, 1.0)
        if Polarity.UNCERTAIN not in (said, found):
            return Judgement(Relation.CONTRADICTS, 1.0)
        if Polarity.NEGATIVE in (said, found):
            return Judgement(Relation.CONTRADICTS, 0.6)
        # "effusion" is more than "possible effusion" and less the other way round
        return Judgement(Relation.SUPPORTS, 0.8 if said is Polarity.UNCERTAIN else POSSIBLE)
    if {claim.label, evidence.label} == _APART and Polarity.NEGATIVE in (said, found):
        return None
    if claim.label in ancestors(evidence.label):  # the evidence is more specific
        if said is Polarity.NEGATIVE:
            return Judgement(Relation.SUPPORTS, 0.4) if denied else _contradiction(found)
        if denied:
            return None
        return Judgement(Relation.SUPPORTS, POSSIBLE if found is Polarity.UNCERTAIN and said is not found else 0.9)
    if evidence.label in ancestors(claim.label):  # the evidence is more general
        if said is Polarity.NEGATIVE:
            return Judgement(Relation.SUPPORTS, 0.9) if denied else None
        return _contradiction(said) if denied else Judgement(Relation.SUPPORTS, 0.4)
    return None


def _contradiction(stated: Polarity) -> Judgement:
    return Judgement(Relation.CONTRADICTS, 0.6 if stated is Polarity.UNCERTAIN else 1.0)


def _judge_normality(claim: Finding, evidence: Finding) -> Judgement | None:
    """Compare "no abnormality" with one finding: only an urgent finding speaks against it, and it against that."""
    finding, summary = (evidence, claim) if claim.label == NO_FINDING else (claim, evidence)
    urgent = finding.label in BY_NAME and BY_NAME[finding.label].urgency is not Urgency.ROUTINE
    if urgent and finding.polarity is Polarity.POSITIVE and summary.polarity is Polarity.POSITIVE:
        return Judgement(Relation.CONTRADICTS, 0.8)
    return None


def _side_overlap(claim: Finding, evidence: Finding) -> bool:
    """Whether the two may speak of the same side."""
    return {claim.side, evidence.side} != {Side.LEFT, Side.RIGHT}


def _denies_less(claim: Finding, evidence: Finding) -> bool:
    """Whether the evidence denies one side, place or size only, and the claim denies more."""
    return (
        (evidence.side not in (Side.NONE, Side.BILATERAL, claim.side))
        or (evidence.severity not in (Severity.NONE, claim.severity))
        or bool(zones(evidence.location) - zones(claim.location))
    )


def _within_denial(claim: Finding, evidence: Finding) -> bool:
    """Whether one denies just what the other states.

    "No left effusion" says nothing of an effusion on the right or of one without a side, "no large effusion" nothing
    of one that may be small, "the bases are clear" nothing of an opacity elsewhere.
    """
    denied, stated = (claim, evidence) if claim.polarity is Polarity.NEGATIVE else (evidence, claim)
    if denied.side in (Side.LEFT, Side.RIGHT) and stated.side not in (denied.side, Side.BILATERAL):
        return False
    if _LEVEL.get(denied.severity, 0) > 1 and _LEVEL.get(stated.severity, 0) < _LEVEL[denied.severity]:
        return False
    place = zones(denied.location)
    return not place or bool(place & zones(stated.location))


def _judge_attributes(claim: Finding, evidence: Finding, strength: float) -> Judgement:
    """Weaken support by what the evidence leaves open; turn it where the evidence says otherwise."""
    if claim.side is not Side.NONE and claim.side is not evidence.side:
        strength *= 0.95 if evidence.side is Side.BILATERAL else 0.6
    ours, theirs = zones(claim.location), zones(evidence.location)
    if ours and theirs and not ours & theirs:
        return Judgement(Relation.CONTRADICTS, 0.7, direct=False)
    if ours and not theirs:
        strength *= 0.7
    if claim.severity is not Severity.NONE and claim.severity is not evidence.severity:
        if evidence.severity is Severity.NONE:
            strength *= 0.75
        elif abs(_LEVEL[claim.severity] - _LEVEL[evidence.severity]) > 1:
            return Judgement(Relation.CONTRADICTS, 0.6, direct=False)
        else:
            strength *= 0.75
    if claim.change is not Change.NONE and claim.change is not evidence.change:
        if evidence.change is Change.NONE:
            strength *= 0.6
        elif _DIRECTION[claim.change] != _DIRECTION[evidence.change]:
            return Judgement(Relation.CONTRADICTS, 0.6, direct=False)
    elif claim.change is not evidence.change:
        strength *= 0.95  # "smaller than before" is there, but says it of another time
    return Judgement(Relation.SUPPORTS, strength)


@lru_cache(maxsize=4096)
def zones(words: str) -> frozenset[str]:
    """Return the zones of the lung (upper, middle, lower) that a location or any other words name."""
    lowered = words.lower()
    return frozenset(zone for zone, pattern in _ZONES if pattern.search(lowered))
