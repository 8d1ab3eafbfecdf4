"""Which of the fused cases become hits: the best ones, and some for every finding that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from radrag.retrieval.fusion import Fused

AT_LEAST = 3
"""Cases wanted for each finding; without them a finding that is rare beside the others would have no evidence."""


def select(fused: Sequence[Fused], k: int, wanted: Iterable[str], states: Callable[[str, str], bool]) -> list[Fused]:
    """Return ``k`` cases in fused order, at least :data:`AT_LEAST` for each wanted finding where there are as many.

    Room for a finding's cases is made by leaving out the last ones that no finding needs.

    Args:
        fused: cases, best first.
        wanted: labels that the query asks for.
        states: whether a case (id) states a label.
    """
    needed: set[str] = set()
    for label in sorted(wanted):
        needed |= {item.id for item in [item for item in fused if states(item.id, label)][:AT_LEAST]}
    chosen = {item.id for item in [item for item in fused if item.id in needed][:k]}
    for item in fused:
        if len(chosen) >= k:
            break
        chosen.add(item.id)
    return [item for item in fused if item.id in chosen]
