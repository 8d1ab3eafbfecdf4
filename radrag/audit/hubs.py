"""Hubness and coverage: cases that are found for too many queries, and cases that are never found."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radrag.audit.sections import Plot, PlotKind, Section, Series, Table
from radrag.errors import UsageError

if TYPE_CHECKING:
    from radrag.corpus.catalogue import Catalogue

MOST = 10
"""Cases listed as the most retrieved."""

LEAST_CASES = 20
"""Labels that fewer cases state are left out of tables: one case more or less found says nothing."""

EXPECTED = 5
"""Cases of a label that random results find, from which on none found is no chance (below 1 in 100, Poisson)."""

HUBS = 1.4
"""Skewness from which a space counts as one with hubs (Feldbauer & Flexer, "A comprehensive empirical comparison of
hubness reduction in high-dimensional spaces", 2019)."""


@dataclass(frozen=True, slots=True)
class Hub:
    """A case and for how many queries it is among the results."""

    case_id: str
    queries: int


@dataclass(frozen=True, slots=True)
class LabelCoverage:
    """Of the cases that state a label: how many there are, and how many were found for any query."""

    label: str
    cases: int
    found: int


@dataclass(frozen=True, slots=True)
class HubScores:
    """How often each case is among the first ``depth`` results of ``queries`` queries (its k-occurrence).

    Attributes:
        cases: that could be found.
        results: found over all queries; below queries × depth where some returned fewer.
        empty: queries without any result.
        skewness: of the k-occurrences over all cases (Radovanović et al. 2010): above 0 there are hubs. None where
            all cases are found equally often.
        never: share of cases never found, in [0, 1].
        top_share: share of all results that the most retrieved hundredth of the cases takes.
        random_skewness, random_never, random_top_share: the same, expected of results drawn at random: with few queries
            most cases are never found, whatever the search.
        most: the most retrieved.
        labels: by label, rarest coverage first.
    """

    queries: int
    depth: int
    cases: int
    results: int
    empty: int
    skewness: float | None
    never: float
    top_share: float
    random_skewness: float | None
    random_never: float
    random_top_share: float
    most: tuple[Hub, ...]
    labels: tuple[LabelCoverage, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "schema": "radrag.audit_hubs/1",
            "queries": self.queries,
            "depth": self.depth,
            "cases": self.cases,
            "results": self.results,
            "queries_without_results": self.empty,
            "skewness": self.skewness,
            "never_retrieved": self.never,
            "top_hundredth_share": self.top_share,
            "random": {
                "skewness": self.random_skewness,
                "never_retrieved": self.random_never,
                "top_hundredth_share": self.random_top_share,
            },
            "most_retrieved": [{"case": hub.case_id, "queries": hub.queries} for hub in self.most],
            "labels": [{"label": one.label, "cases": one.cases, "found": one.found} for one in self.labels],
        }


def hub_scores(
    rankings: Sequence[Sequence[str]],
    ids: Sequence[str],
    *,
    depth: int,
    labels: Mapping[str, Iterable[str]] | None = None,
    seed: int = 0,
) -> HubScores:
    """Count how often each case is found.

    Args:
        rankings: case ids of each query, best first; what is beyond ``depth``, repeated, or not in ``ids`` is left out.
        ids: of all cases that could be found, none twice.
        depth: results that were asked for.
        labels: case → labels that it states.
        seed: of the random results, which are drawn as many a query as were found.

    Raises:
        UsageError: there are no queries or no cases.
    """
    import numpy as np

    if not rankings or not ids:
        raise UsageError("There is nothing to count: no queries, or no cases.")
    place = {case_id: number for number, case_id in enumerate(ids)}
    found = [[case for case in dict.fromkeys(ranking) if case in place][:depth] for ranking in rankings]
    counts = np.zeros(len(ids), dtype=np.int64)
    for ranking in found:
        counts[[place[case] for case in ranking]] += 1
    generator = np.random.default_rng(seed)
    drawn = np.zeros(len(ids), dtype=np.int64)
    for ranking in found:
        drawn[generator.choice(len(ids), size=len(ranking), replace=False)] += 1
    order = sorted(range(len(ids)), key=lambda row: (-int(counts[row]), ids[row]))
    return HubScores(
        queries=len(rankings),
        depth=depth,
        cases=len(ids),
        results=int(counts.sum()),
        empty=sum(not ranking for ranking in found),
        skewness=_skewness(counts.tolist()),
        never=float(np.mean(counts == 0)),
        top_share=_top_share(counts.tolist()),
        random_skewness=_skewness(drawn.tolist()),
        random_never=float(np.mean(drawn == 0)),
        random_top_share=_top_share(drawn.tolist()),
        most=tuple(Hub(ids[row], int(counts[row])) for row in order[:MOST] if counts[row]),
        labels=_coverage(labels or {}, {ids[row] for row in order if counts[row]}),
    )


def count_hubs(rankings: Sequence[Sequence[str]], cases: Catalogue, *, depth: int, seed: int = 0) -> HubScores:
    """Count how often each case of an index is found; cases with the same text count as one, as in a search.

    Args:
        rankings: case ids of each query, best first.
        depth, seed: as in :func:`hub_scores`.

    Raises:
        UsageError: there are no queries or no cases.
    """
    distinct = [name for name, case in cases.items() if case.twin == name]
    labels = {name: [label for label, value in cases[name].labels.items() if value > 0] for name in distinct}
    found = [[cases[name].twin for name in ranking] for ranking in rankings]
    return hub_scores(found, distinct, depth=depth, labels=labels, seed=seed)


def section(scores: HubScores) -> Section:
    """Return the counts as a section; labels of :data:`LEAST_CASES` cases or more."""
    spread = Table(
        "spread",
        "How evenly results fall on cases",
        ("measure", "this search", "random results"),
        (
            ("skewness of how often a case is found", scores.skewness, scores.random_skewness),
            ("share of cases never found", scores.never, scores.random_never),
            ("share of results taken by the most found hundredth", scores.top_share, scores.random_top_share),
        ),
        "Skewness is undefined where all cases are found equally often.",
    )
    most = tuple((hub.case_id, hub.queries, hub.queries / scores.queries) for hub in scores.most)
    labels = [one for one in scores.labels if one.cases >= LEAST_CASES]
    names, found = tuple(one.label for one in labels), tuple(one.found / one.cases for one in labels)
    flags = []
    if (scores.skewness or 0.0) > HUBS + (scores.random_skewness or 0.0):
        flags.append(f"Few cases take most results: skewness {scores.skewness:.2f}, above {HUBS} over that of chance.")
    if scores.empty:
        flags.append(f"{scores.empty:,} of {scores.queries:,} queries found nothing.")
    unseen = [one.label for one in labels if not one.found and one.cases * (1 - scores.random_never) >= EXPECTED]
    if unseen:
        flags.append(
            f"No case that states one of these was found by any query, while random results would find {EXPECTED} or "
            f"more: {', '.join(unseen)}."
        )
    return Section(
        "hubs",
        "Hubs and coverage",
        "Are some cases found for everything, and others never?",
        f"{scores.queries:,} queries, first {scores.depth} results of {scores.cases:,} distinct cases: "
        f"{100 * scores.never:.1f} % are never found (random results: {100 * scores.random_never:.1f} %).",
        (
            spread,
            Table("most", "Most often found", ("case", "queries", "share of queries"), most),
            Table(
                "labels",
                f"Found at least once, by label (labels of {LEAST_CASES} cases or more)",
                ("label", "cases", "found", "share"),
                tuple((one.label, one.cases, one.found, one.found / one.cases) for one in labels),
            ),
        ),
        (
            Plot(
                "labels",
                "Cases found at least once, by label",
                PlotKind.BAR,
                "label",
                "share of cases",
                (Series("found", names, found),),
            ),
        )
        if labels
        else (),
        tuple(flags),
    )


def _skewness(counts: Sequence[int]) -> float | None:
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    if not variance:
        return None
    third = sum((count - mean) ** 3 for count in counts) / len(counts)
    return third / (variance * math.sqrt(variance))


def _top_share(counts: Sequence[int]) -> float:
    first = sorted(counts, reverse=True)[: math.ceil(len(counts) / 100)]
    return sum(first) / (sum(counts) or 1)


def _coverage(labels: Mapping[str, Iterable[str]], found: set[str]) -> tuple[LabelCoverage, ...]:
    all_, seen = Counter[str](), Counter[str]()
    for case, names in labels.items():
        stated = set(names)
        all_.update(stated)
        if case in found:
            seen.update(stated)
    rows = [LabelCoverage(name, count, seen[name]) for name, count in all_.items()]
    return tuple(sorted(rows, key=lambda row: (row.found / row.cases, -row.cases, row.label)))
