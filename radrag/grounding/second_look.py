"""What a draft says without evidence is looked up once more, and only those sentences are checked again.

Cases found for a claim are not neighbours of the image, which has three consequences. They are sought on both sides
(:mod:`radrag.retrieval.feedback`), since a search for what was written would confirm anything. They have a say only on
the sentences whose claims they were sought for. And their number means nothing, since it was chosen: they outvote
nobody. Where one supports the sentence, it is supported in part, because some report says so and not because this
patient's image is like that report's; where none does, it stays unsupported. Both sides are quoted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from radrag.domain import DraftSentence, EvidenceLink, Finding, Hit, ImageFinding, Relation, Sentence, Status
from radrag.grounding.verify import Verifier

ROUNDS = 1
EXTRA = 12
"""Cases that may be added to a draft's evidence, over all its claims."""

PER_CLAIM = 4
"""Cases sought for one claim, two of each side; even, or one side would outvote the other by design."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """One claim that was looked up, and what was found.

    Attributes:
        claim: label, polarity and side; nothing else is searched.
        round: from 1.
        hits: cases that speak of it; empty when there are none.
    """

    claim: Finding
    round: int
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class SecondLook:
    """Checked sentences after the look-ups, and the sentences of the cases that these found."""

    sentences: tuple[DraftSentence, ...]
    look_ups: tuple[LookUp, ...] = ()
    read: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a second look finds things.

    Attributes:
        find: (claim, cases not wanted, how many) → cases that speak of it.
        allow: raises when the text of a case must not be used; asked before any is read.
        sentences_of: case ids → their sentences.
    """

    find: Callable[[Finding, frozenset[str], int], tuple[Hit, ...]]
    allow: Callable[[Sequence[str]], None]
    sentences_of: Callable[[Sequence[str]], Mapping[str, Sequence[Sentence]]]


def look_again(
    sentences: Sequence[DraftSentence],
    evidence: Sequence[Sentence],
    image_findings: Sequence[ImageFinding],
    verifier: Verifier,
    sources: Sources,
    *,
    rounds: int = ROUNDS,
    extra: int = EXTRA,
) -> SecondLook:
    """Look up the claims of unsupported sentences, at most ``rounds`` times and ``extra`` cases.

    Each round asks for cases that no earlier one found, for the sentences that are still unsupported.

    Args:
        evidence: sentences of the cases found for the image.
    """
    held = frozenset(sentence.case_id for sentence in evidence)
    look_ups: list[LookUp] = []
    read: dict[str, Sequence[Sentence]] = {}
    checked = list(sentences)
    for number in range(1, rounds + 1):
        weak = [place for place, sentence in enumerate(checked) if sentence.status is Status.UNSUPPORTED]
        for claim in dict.fromkeys(_searched(claim) for place in weak for claim in checked[place].findings):
            room = min(PER_CLAIM, extra - len(read)) // 2 * 2
            if room:
                hits = sources.find(claim, held | read.keys(), room)
                found = [hit.case_id for hit in hits]
                sources.allow(found)
                texts = sources.sentences_of(found) if found else {}
                read |= {case_id: texts.get(case_id, ()) for case_id in found}
                look_ups.append(LookUp(claim, number, hits))
        for place in weak:
            one = checked[place]
            own = {_searched(claim) for claim in one.findings}
            cases = [hit.case_id for look_up in look_ups if look_up.claim in own for hit in look_up.hits]
            if cases:
                more = [sentence for case_id in cases for sentence in read[case_id]]
                again = verifier.verify([(one.section, one.text)], [*evidence, *more], image_findings)[0]
                checked[place] = replace(again, status=_without_votes(again.links))
    return SecondLook(tuple(checked), tuple(look_ups), tuple(one for of_case in read.values() for one in of_case))


def look_up_to_dict(look_up: LookUp) -> dict[str, Any]:
    """Return a look-up as plain values, for a draft's provenance."""
    claim = look_up.claim
    return {
        "claim": {"label": claim.label, "polarity": claim.polarity.value, "side": claim.side.value},
        "round": look_up.round,
        "cases": [hit.case_id for hit in look_up.hits],
    }


def _searched(claim: Finding) -> Finding:
    """Return what of a claim is searched, wherever and however it was said."""
    return Finding(claim.label, claim.polarity, claim.side)


def _without_votes(links: Sequence[EvidenceLink]) -> Status:
    """Return the status by whether there is support at all.

    Reports rarely deny a hernia, and state it where there is one: by votes, "no hernia" would always be contradicted.
    """
    return Status.PARTIAL if any(link.relation is Relation.SUPPORTS for link in links) else Status.UNSUPPORTED
