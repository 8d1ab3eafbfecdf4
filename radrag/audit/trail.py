"""From each sentence of a draft back: its evidence as it is now, how that was found, what readers made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from radrag.domain import PRIOR, Case, Draft, EvidenceLink
from radrag.errors import ReviewError
from radrag.review.decisions import begin, replay

if TYPE_CHECKING:
    from radrag.review.values import Review
    from radrag.store.values import ReviewEvent


class Standing(StrEnum):
    """What has become of a quoted text."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class LinkTrail:
    """One evidence sentence.

    Attributes:
        standing: whether the corpus holds the quote at these very offsets, byte for byte.
        rank: of the case among the hits; None for the patient's own prior.
        found_for: ``image``, the claim it was looked up for, such as ``no Edema``, or ``prior``.
        channels: channel → (rank, score).
    """

    case_id: str
    section: str
    start: int
    end: int
    quote: str
    relation: str
    strength: float
    standing: Standing
    rank: int | None
    found_for: str
    channels: Mapping[str, tuple[int, float]]


@dataclass(frozen=True, slots=True)
class SentenceTrail:
    """One sentence.

    Attributes:
        number: from 1, in reading order.
        decision: what readers made of it: ``pending``, ``accepted``, ``edited`` or ``rejected``.
        reason: why it was rejected; empty otherwise.
        stands_as: the words that the report has in its place; empty where it was rejected.
        image: label → (probability, threshold) of the image findings that it rests on.
    """

    number: int
    section: str
    text: str
    status: str
    findings: tuple[str, ...]
    decision: str
    reason: str
    stands_as: str
    image: Mapping[str, tuple[float, float]]
    links: tuple[LinkTrail, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ActTrail:
    """One act of a person on the draft; ``item`` is the sentence's number in the draft, None for others."""

    version: int
    at: str
    who: str
    role: str
    act: str
    item: int | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def sentences_back(draft: Draft, review: Review, cases: Mapping[str, Case]) -> tuple[SentenceTrail, ...]:
    """Return where each sentence of a draft comes from.

    Args:
        review: what readers made of the draft.
        cases: those that its links name, as the corpus holds them now; removed ones are not there.
    """
    found_for = _found_for(draft)
    items = {item.key: item for item in review.items}
    seen = {one.label: (one.probability, one.threshold) for one in draft.image_findings}
    return tuple(
        SentenceTrail(
            number=place + 1,
            section=sentence.section,
            text=sentence.text,
            status=sentence.status.value,
            findings=tuple(f"{one.polarity.value} {one.label}" for one in sentence.findings),
            decision=items[f"d{place}"].decision.value,
            reason=items[f"d{place}"].reason,
            stands_as="" if items[f"d{place}"].decision == "rejected" else items[f"d{place}"].text,
            image={label: seen[label] for label in sentence.image_findings if label in seen},
            links=tuple(_link(draft, link, cases, found_for) for link in sentence.links),
        )
        for place, sentence in enumerate(draft.sentences)
    )


def acts(events: Iterable[ReviewEvent]) -> tuple[ActTrail, ...]:
    """Return what was done to a draft, oldest first."""
    return tuple(
        ActTrail(one.version, one.at, one.who, one.role, one.act, _number(one.payload.get("item"))) for one in events
    )


def review_of(draft: Draft, events: Sequence[ReviewEvent]) -> Review:
    """Return what the events come to; an untouched review where they were changed outside radrag beyond sense."""
    try:
        return replay(draft, events)
    except ReviewError:  # which acts were changed is found by their hashes
        return begin(draft)


def standing(draft: Draft, link: EvidenceLink, cases: Mapping[str, Case]) -> Standing:
    """Return whether a quote is still where it was taken from, byte for byte."""
    if link.case_id == PRIOR:
        sections: Mapping[str, str] | None = (draft.provenance.get("prior") or {}).get("sections")
    else:
        case = cases.get(link.case_id)
        sections = None if case is None else case.sections
    if sections is None:
        return Standing.GONE
    return Standing.SAME if sections.get(link.section, "")[link.start : link.end] == link.quote else Standing.CHANGED


def _found_for(draft: Draft) -> dict[str, str]:
    """Return case → the claim that it was looked up for, of the cases that were not found for the image."""
    claims: dict[str, str] = {}
    for one in draft.provenance.get("feedback", ()):
        claim = one["claim"]
        words = f"{'no ' if claim['polarity'] == 'negative' else ''}{claim['label']}"
        for case_id in one["cases"]:
            claims.setdefault(case_id, words)
    return claims


def _link(draft: Draft, link: EvidenceLink, cases: Mapping[str, Case], found_for: Mapping[str, str]) -> LinkTrail:
    hit = next((one for one in draft.hits if one.case_id == link.case_id), None)
    return LinkTrail(
        link.case_id,
        link.section,
        link.start,
        link.end,
        link.quote,
        link.relation.value,
        link.strength,
        standing(draft, link, cases),
        hit.rank if hit else None,
        "prior" if link.case_id == PRIOR else found_for.get(link.case_id, "image"),
        dict(hit.channels) if hit else {},
    )


def _number(key: object) -> int | None:
    """Return the number of a drafted sentence from its key, such as 4 for ``d3``."""
    return int(key[1:]) + 1 if isinstance(key, str) and key.startswith("d") and key[1:].isdigit() else None
