"""Noise in what a generator is given while it learns, so that it does not believe all that it is shown.

Every function takes its random numbers and gives values back; the same numbers give the same noise.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from radrag.domain import Finding, Hit, ImageFinding, Polarity, Sentence, Side
from radrag.generation.plan import Plan

_OTHER = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}


def without_query(findings: Sequence[ImageFinding], share: float, draw: random.Random) -> tuple[ImageFinding, ...]:
    """Query dropout: leave out each finding of the image with a probability; what it shows is then unknown."""
    return tuple(finding for finding in findings if draw.random() >= share)


def with_wrong_neighbours(
    hits: Sequence[Hit], others: Sequence[str], count: int, draw: random.Random
) -> tuple[Hit, ...]:
    """Put ``count`` cases that were not found in the place of hits, at places drawn by chance; ranks stay.

    Args:
        others: case ids to draw from; hits among them are passed over.
    """
    held = {hit.case_id for hit in hits}
    strangers = [one for one in others if one not in held]
    count = min(count, len(hits), len(strangers))
    places = sorted(draw.sample(range(len(hits)), count))
    wrong = dict(zip(places, draw.sample(strangers, count), strict=True))
    return tuple(replace(hit, case_id=wrong.get(place, hit.case_id)) for place, hit in enumerate(hits))


def shuffled_evidence(evidence: Sequence[Sentence], draw: random.Random) -> tuple[Sentence, ...]:
    """Return the sentences in another order, so that a number says nothing of what stands behind it."""
    return tuple(draw.sample(evidence, len(evidence)))


def without_plan(plan: Plan, share: float, draw: random.Random) -> Plan:
    """Leave out each statement of the plan with a probability; what is shown for it stays."""
    return Plan(tuple(statement for statement in plan.statements if draw.random() >= share))


def with_hard_negatives(
    evidence: Sequence[Sentence], others: Sequence[Sentence], count: int, draw: random.Random
) -> tuple[Sentence, ...]:
    """Add up to ``count`` sentences that nearly say what the evidence says: other side, or the opposite.

    Args:
        others: sentences of other cases to choose from.
    """
    fitting = [one for one in others if one not in evidence and any(is_hard_negative(one, held) for held in evidence)]
    added = draw.sample(fitting, min(count, len(fitting)))
    return (*evidence, *added)


def is_hard_negative(sentence: Sentence, of: Sentence) -> bool:
    """Whether a sentence has a finding of another on the other side, or with the other polarity."""
    return any(_contrary(one, other) for one in sentence.findings for other in of.findings)


def _contrary(one: Finding, other: Finding) -> bool:
    if one.label != other.label or Polarity.UNCERTAIN in (one.polarity, other.polarity):
        return False
    if one.polarity is not other.polarity:
        return True
    return one.polarity is Polarity.POSITIVE and _OTHER.get(one.side) is other.side
