"""The retrieval audit as a section; hubs, which other commands count too, are one of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping

from radrag.audit.drift import ALPHA
from radrag.audit.retrieval import ABNORMAL, PERCENTILES, RARE, SEARCH, MeasureSet, RetrievalAudit
from radrag.audit.sections import Cell, Plot, PlotKind, Section, Series, Table
from radrag.evaluation.baselines import RANDOM
from radrag.evaluation.intervals import Estimate
from radrag.evaluation.retrieval import MAIN_MEASURE


def section(result: RetrievalAudit) -> Section:
    """Return the audit for people; :func:`radrag.audit.hubs.section` shows its hubs."""
    overall, *others = result.sets
    findings = [one for one in others if one.name != ABNORMAL]
    best = overall.estimates[SEARCH][MAIN_MEASURE]
    random = overall.estimates[RANDOM][MAIN_MEASURE]
    flags = [
        f"{one.name}: {MAIN_MEASURE} is not shown to be better than that of random orders: by "
        f"{_words(one.gain[MAIN_MEASURE])} over {one.queries} queries."
        for one in result.sets
        if one.queries >= RARE and not one.gain[MAIN_MEASURE].low > 0
    ]
    absent = result.abstentions
    if absent.failed or absent.empty:
        flags.append(
            f"{sum(absent.failed.values())} of {absent.queries} queries were refused and {absent.empty} found nothing; "
            "they count 0."
        )
    drifted = [one.name for one in result.drift if one.drifted]
    flags += [f"Queries of {name} differ from the first block (p < {ALPHA}, corrected by Holm)." for name in drifted]
    tested = sum(one.p is not None for one in result.drift)
    helped = [one.name for one in result.selection if one.gain.low > 0]
    return Section(
        "retrieval",
        "Retrieval",
        "How often are the cases that are found the right ones, and for which findings?",
        f"{MAIN_MEASURE} {_words(best)} over {overall.queries:,} queries of {overall.patients:,} patients, "
        f"{result.cases:,} cases; random orders {random.mean:.3f}. Adaptive numbers of hits that beat a fixed number: "
        f"{', '.join(helped) or 'none'}. Blocks of queries that differ from the first: {len(drifted)} of {tested}.",
        (
            _measures(overall, "overall", "All queries"),
            *(_measures(one, "abnormal", "Queries with a finding") for one in others if one.name == ABNORMAL),
            Table(
                "findings",
                "By finding (relevant: cases that state it)",
                ("finding", "n", "relevant", *_names(overall), MAIN_MEASURE + " from", "to", "random"),
                tuple(
                    (
                        one.name,
                        one.queries,
                        one.relevant,
                        *(one.estimates[SEARCH][name].mean for name in _names(overall)),
                        *_known(one.estimates[SEARCH][MAIN_MEASURE])[1:],
                        one.estimates[RANDOM][MAIN_MEASURE].mean,
                    )
                    for one in findings
                ),
                f"Fewer than {RARE} queries raise no flag.",
            ),
            Table(
                "scores",
                "Scores of hits, and of random pairs of a query and a case",
                ("of", "n", *(f"percentile {p}" for p in PERCENTILES)),
                tuple((one.name, one.count, *one.percentiles) for one in result.scores),
            ),
            Table("abstentions", "Queries without an answer", ("what", "queries"), _abstentions(result)),
            _agreement(result),
            _selection(result),
            _drift(result),
        ),
        (
            Plot(
                "findings",
                f"{MAIN_MEASURE} by finding",
                PlotKind.BAR,
                "finding",
                MAIN_MEASURE,
                tuple(_bars(findings, variant) for variant in (SEARCH, RANDOM)),
            ),
            *_plots(result),
        ),
        tuple(flags),
    )


def _agreement(result: RetrievalAudit) -> Table:
    return Table(
        "agreement",
        "Agreement of the search and its channels",
        ("first", "second", "queries", "depth", "shared", "rank-biased overlap"),
        tuple((one.first, one.second, one.queries, one.depth, one.overlap, one.rbo) for one in result.agreement),
        "Shared: share of the first cases that both have. Queries for which one of the two found nothing are left out.",
    )


def _selection(result: RetrievalAudit) -> Table:
    return Table(
        "selection",
        "Adaptive numbers of hits against a fixed number with the same mean",
        ("selector", "queries", "mean", "deviation", "fired", "precision", "fixed", "gain", "gain from", "gain to"),
        tuple(
            (
                one.name,
                one.queries,
                one.mean,
                one.deviation,
                one.fired,
                _known(one.precision)[0],
                _known(one.fixed)[0],
                *_known(one.gain),
            )
            for one in result.selection
        ),
        "Fired: share of queries with fewer hits than there are. The search itself takes a fixed number.",
    )


def _drift(result: RetrievalAudit) -> Table:
    return Table(
        "drift",
        "Blocks of queries against the first",
        ("block", "queries", "patients", "distance", "p", "first hit's score", "p of scores", "without hits"),
        tuple(
            (one.name, one.queries, one.patients, one.distance, one.p, one.score, one.score_p, one.empty)
            for one in result.drift
        ),
        "Energy distance of what the encoder says of one query a patient; p by permutation, corrected by Holm.",
    )


def _plots(result: RetrievalAudit) -> tuple[Plot, ...]:
    numbers = tuple(
        Series(one.name, tuple(map(float, one.counts)), tuple(map(float, one.counts.values())))
        for one in result.selection
        if one.queries
    )
    percentiles = tuple(map(float, PERCENTILES))
    scores = Plot(
        "scores",
        "Scores of hits and of random pairs",
        PlotKind.LINE,
        "percentile",
        "score",
        tuple(Series(one.name, percentiles, one.percentiles) for one in result.scores),
    )
    blocks = Series("first hit", tuple(one.name for one in result.drift), tuple(one.score for one in result.drift))
    drift = Plot("drift", "Median score of the first hit", PlotKind.LINE, "block", "score", (blocks,))
    if not numbers:
        return (scores, drift)
    counts = Plot("numbers", "How many hits selectors take", PlotKind.HISTOGRAM, "hits", "queries", numbers)
    return (scores, counts, drift)


def _names(one: MeasureSet) -> tuple[str, ...]:
    return tuple(one.estimates[SEARCH])


def _measures(one: MeasureSet, name: str, title: str) -> Table:
    rows: list[tuple[Cell, ...]] = [(variant, *_cells(of)) for variant, of in one.estimates.items()]
    rows.append((f"{SEARCH} − {RANDOM}", *_cells(one.gain)))
    columns = tuple(word for measure in _names(one) for word in (measure, f"{measure} from", f"{measure} to"))
    note = (
        f"n = {one.queries:,} queries of {one.patients:,} patients; {one.relevant:,.0f} cases are relevant on average."
    )
    return Table(name, title, ("variant", *columns), tuple(rows), note)


def _cells(of: Mapping[str, Estimate]) -> list[Cell]:
    return [cell for one in of.values() for cell in _known(one)]


def _bars(findings: list[MeasureSet], variant: str) -> Series:
    values = [one.estimates[variant][MAIN_MEASURE] for one in findings]
    names: tuple[str | float, ...] = tuple(one.name for one in findings)
    return Series(
        variant,
        names,
        tuple(one.mean for one in values),
        tuple(_known(one)[1] for one in values),
        tuple(_known(one)[2] for one in values),
    )


def _abstentions(result: RetrievalAudit) -> tuple[tuple[Cell, ...], ...]:
    absent = result.abstentions
    return (
        *((f"refused: {code}", count) for code, count in sorted(absent.failed.items())),
        ("nothing found", absent.empty),
        ("the image shows no finding above its threshold", absent.no_finding),
        ("no known truth (in no score)", absent.unjudged),
        ("all", absent.queries),
    )


def _known(estimate: Estimate) -> tuple[float | None, float | None, float | None]:
    """Return mean and interval; None where there is none."""
    mean, low, high = estimate.as_dict().values()
    return mean, low, high


def _words(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return f"{estimate.mean:.3f} (one patient: no interval)"
    return f"{estimate.mean:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
