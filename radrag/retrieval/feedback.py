"""Cases that speak of one claim: what a draft says without evidence is looked up once more, on both sides.

A search for reports that state a claim finds some for nearly any claim: a loop of that kind would confirm whatever was
written. So as many cases that deny the finding are sought as cases that state it, and neither side is filled up with
the other's. What is found still only says that such reports exist, not that they are like this image; who uses it must
not treat it as more than that (see :mod:`radrag.grounding.second_look`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from radrag.corpus.catalogue import IndexedCase
from radrag.domain import Finding, Hit, Polarity, Side
from radrag.reports.vocabulary import NO_FINDING
from radrag.retrieval.query import Query

LOOKED_THROUGH = 50
"""Best cases of each side's search in which speaking ones are looked for: beyond, they have little else in common
with the claim."""


class Searcher(Protocol):
    """Searches an index; :class:`radrag.retrieval.engine.Retriever` does."""

    def search(self, query: Query, k: int) -> tuple[Hit, ...]:
        """Return the ``k`` best cases."""
        ...


def retrieve_for_claim(
    retriever: Searcher,
    cases: Mapping[str, IndexedCase],
    claim: Finding,
    *,
    exclude_patient: str = "",
    exclude_cases: frozenset[str] = frozenset(),
    k: int = 6,
) -> tuple[Hit, ...]:
    """Return up to ``k`` cases that speak of a claim, half of them stating its finding and half denying it.

    Of an odd number, the side that the claim itself takes has one more. Cases come alternately, the claim's own side
    first, ranked from 1; fewer where the corpus has fewer on a side. None for a claim of normality: reports are full
    of it, and none denies it as such, so they could only confirm it.

    Args:
        cases: what the index remembers of its cases.
        claim: label, polarity and side of what is to be looked up.
    """
    if claim.label == NO_FINDING:
        return ()
    own = claim.polarity is not Polarity.NEGATIVE
    wanted = {own: (k + 1) // 2, not own: k // 2}
    sides = []
    for states in (own, not own):
        query = replace(
            _claim_query(claim, states=states), exclude_patient=exclude_patient, exclude_cases=exclude_cases
        )
        found = [hit for hit in retriever.search(query, LOOKED_THROUGH) if _says(cases, hit, claim.label, states)]
        sides.append(found[: wanted[states]])
    mixed = [hits[place] for place in range(k) for hits in sides if place < len(hits)]
    said = claim_words(claim)
    return tuple(
        replace(hit, rank=rank, why=f"found for the claim “{said}”; {hit.why}")
        for rank, hit in enumerate(mixed, start=1)
    )


def claim_words(claim: Finding) -> str:
    """Return a claim in words, as it is searched: "no left pleural effusion"."""
    named = claim.label.lower() if claim.side is Side.NONE else f"{claim.side.value} {claim.label.lower()}"
    before = {Polarity.POSITIVE: "", Polarity.NEGATIVE: "no ", Polarity.UNCERTAIN: "possible "}
    return before[claim.polarity] + named


def _claim_query(claim: Finding, *, states: bool) -> Query:
    """Ask for reports that state one finding (or deny it) and little else."""
    polarity = Polarity.POSITIVE if states else Polarity.NEGATIVE
    words = claim_words(replace(claim, polarity=polarity))
    return Query(
        {claim.label: 1.0 if states else -1.0},
        f"{words.capitalize()}.",
        probabilities={claim.label: 1.0 if states else 0.0},
        sides={claim.label: claim.side} if states and claim.side is not Side.NONE else {},
    )


def _says(cases: Mapping[str, IndexedCase], hit: Hit, label: str, states: bool) -> bool:
    """Whether a hit's report states the label, or denies it."""
    weight = cases[hit.case_id].labels.get(label, 0.0)
    return weight > 0 if states else weight < 0
