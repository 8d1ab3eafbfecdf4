"""What the retrieved cases say of each finding: how many state it, deny it or are silent, and how common it is anyway.

A finding that ten of twenty neighbours state means one thing where one report in a hundred states it, and another where
every second does; so each count stands beside the prevalence in the corpus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from radrag.corpus.catalogue import IndexedCase
from radrag.reports.vocabulary import report_order

STATED_HEADER = ("finding", "stated", "denied", "silent", "in corpus", "lift")


@dataclass(frozen=True, slots=True)
class FindingCounts:
    """What retrieved cases say of one finding, by whole reports.

    Attributes:
        label: the finding.
        support: cases that state it, or something that implies it, as there or as possible; best case first.
        against: cases that deny it, or something that it is a kind of.
        silent: cases that do neither.
        prevalence: share of all indexed cases that state it, in [0, 1], counted as ``support`` is.
    """

    label: str
    support: tuple[str, ...]
    against: tuple[str, ...]
    silent: tuple[str, ...]
    prevalence: float

    @property
    def share(self) -> float | None:
        """Share that states it among those that speak of it, in [0, 1]; None where all are silent."""
        speaking = len(self.support) + len(self.against)
        return len(self.support) / speaking if speaking else None

    @property
    def lift(self) -> float | None:
        """How many times as often as in the whole corpus the cases state it; None where no indexed case does.

        The lift of association rules (Brin et al., SIGMOD 1997), with silent cases counted on both sides.
        """
        cases = len(self.support) + len(self.against) + len(self.silent)
        return len(self.support) / cases / self.prevalence if cases and self.prevalence else None


def neighbourhood(
    case_ids: Sequence[str], cases: Mapping[str, IndexedCase], prevalence: Mapping[str, float]
) -> tuple[FindingCounts, ...]:
    """Count what some cases say, for each label that one of them speaks of, in the order of a report.

    Args:
        case_ids: the retrieved cases, best first, each once.
        cases: what the index remembers of them.
        prevalence: label → share of the indexed cases that state it; see
            :meth:`radrag.corpus.catalogue.Catalogue.prevalence`.
    """
    said = {case_id: cases[case_id].labels for case_id in case_ids}
    labels = {label for weights in said.values() for label, weight in weights.items() if weight}
    return tuple(
        FindingCounts(
            label,
            support=tuple(case_id for case_id in said if said[case_id].get(label, 0) > 0),
            against=tuple(case_id for case_id in said if said[case_id].get(label, 0) < 0),
            silent=tuple(case_id for case_id in said if not said[case_id].get(label, 0)),
            prevalence=prevalence.get(label, 0.0),
        )
        for label in sorted(labels, key=report_order)
    )


def counts_to_dict(counts: FindingCounts) -> dict[str, Any]:
    """Return the counts as plain values, with the cases on either side; shares with four decimals."""
    return {
        "label": counts.label,
        "support": len(counts.support),
        "against": len(counts.against),
        "silent": len(counts.silent),
        "share": None if counts.share is None else round(counts.share, 4),
        "prevalence": round(counts.prevalence, 4),
        "lift": None if counts.lift is None else round(counts.lift, 2),
        "cases": {"support": list(counts.support), "against": list(counts.against)},
    }


def stated_rows(counts: Sequence[Mapping[str, Any]], *, most: int = 12) -> list[tuple[str, ...]]:
    """Return cells under :data:`STATED_HEADER` of the findings that a case states; what most state comes first.

    Args:
        counts: values that :func:`counts_to_dict` made.
    """
    stated = sorted((one for one in counts if one["support"]), key=lambda one: -one["support"])
    return [
        (
            one["label"],
            str(one["support"]),
            str(one["against"]),
            str(one["silent"]),
            f"{one['prevalence']:.1%}",
            "-" if one["lift"] is None else f"{one['lift']:.1f}x",
        )
        for one in stated[:most]
    ]
