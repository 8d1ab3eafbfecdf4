"""How well cases are found: every variant beside random, single channels and an oracle, overall and by finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radrag.errors import UsageError
from radrag.evaluation.baselines import ORACLE, RANDOM, RANDOM_ORDERS, best_ranking, random_ranking
from radrag.evaluation.intervals import DRAWS, SEED, Estimate, PatientBootstrap
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.ranking import PAIR_MEASURES, SCALE, Judged, Ranking, RankingScorer, measure_names
from radrag.evaluation.relevance import Relevance, wanted_labels
from radrag.evaluation.tables import Difference, Sheet, Table, difference
from radrag.evaluation.variants import SINGLE, Search
from radrag.reports.vocabulary import NO_FINDING, report_order
from radrag.retrieval.query import Query

_OVERALL, _ABNORMAL = "all queries", "abnormal queries"
MAIN_MEASURE = "nDCG@10"
BY_FINDING = "nDCG@10 by finding"
"""Mean over findings, in differences."""

LEAST_DEPTH = 10

BLOCK = 64
"""Queries whose gains are held at once: a large corpus has hundreds of thousands of them for each."""


@dataclass(frozen=True, slots=True)
class RetrievalScores:
    """Everything that an evaluation found.

    Attributes:
        cases: in the index.
        depth: results scored for each query.
        overall: agreement of labels, over every query with a known truth.
        abnormal: the same, over those of its queries in which a label is there: the many normal ones hide these.
        differences: in ``overall`` and over findings: of the first variant to every single channel and to random, of
            the others to the best single channel and to random.
        by_finding: variant → mean over the labels of ``findings`` of nDCG@10, each label counting the same.
        findings: label → binary scores over the queries in which it is there; a case that states it is relevant.
        pairs: finding the image's own case, over the queries whose case is indexed; None when there are none.
        unjudged: queries without a known truth.
        failed: query → code of its refusal; scored 0.
        empty: queries for which the first variant returned nothing, failed ones not counted; scored 0.
        excluded: cases that were left out as the query's patient's own, over all queries.
        rankings: variant → query → what was returned, for queries with a known truth.
    """

    cases: int
    depth: int
    overall: Table
    abnormal: Table | None
    differences: tuple[Difference, ...]
    by_finding: Mapping[str, Estimate]
    findings: Mapping[str, Table]
    pairs: Table | None
    unjudged: tuple[str, ...]
    failed: Mapping[str, str]
    empty: tuple[str, ...]
    excluded: int
    rankings: Mapping[str, Mapping[str, Ranking]]


def evaluate_retrieval(
    queries: Sequence[EvaluationQuery],
    searches: Mapping[str, Search],
    relevance: Relevance,
    *,
    depth: int,
    draws: int = DRAWS,
    seed: int = SEED,
    progress: Callable[[int], object] | None = None,
) -> RetrievalScores:
    """Score ways of searching.

    Args:
        queries: with distinct ids.
        searches: variant → search, see :func:`radrag.evaluation.variants.variants`.
        relevance: of the index's cases.
        depth: results scored for each query, at least 10.
        draws: of the bootstrap.
        seed: of the bootstrap and of the random orders.
        progress: called with the number of queries that were scored since the last call.

    Raises:
        UsageError: no query has a known truth; a variant is named like a baseline; ``depth`` is below 10.
        MissingDependency: ir-measures is not installed.
    """
    judged = [query for query in queries if query.truth]
    if not judged:
        raise UsageError("No query has a known label.", hint="Fill label columns, or give texts that state findings.")
    if depth < LEAST_DEPTH or {RANDOM, ORACLE} & set(searches):
        raise UsageError(f"The depth is at least {LEAST_DEPTH}, and no variant is named {RANDOM} or {ORACLE}.")
    patients = {query.query_id: query.patient for query in queries}

    def bootstrap(sheet: Sheet) -> PatientBootstrap:
        return PatientBootstrap([patients[query] for query in sheet.relevant], draws=draws, seed=seed)

    sheets, rankings = _label_sheets(judged, searches, relevance, depth, seed=seed, progress=progress)
    overall, abnormal = sheets.pop(_OVERALL), sheets.pop(_ABNORMAL, None)
    pairs = _pair_sheet([query for query in queries if query.own_cases], searches, relevance, depth, seed=seed)
    paired = bootstrap(overall)
    table = overall.table(paired)
    single = [name for name in searches if name.startswith(SINGLE)]
    best = max(single, key=lambda name: table.estimates[name][MAIN_MEASURE].mean, default=RANDOM)
    first = next(iter(searches))
    findings = {label: sheets[label].table(bootstrap(sheets[label])) for label in sorted(sheets, key=report_order)}
    place = {query: number for number, query in enumerate(table.queries)}

    def over_findings(name: str, against: str = "") -> Estimate:
        groups = []
        for found in findings.values():
            values = found.values[name][MAIN_MEASURE]
            if against:
                others = found.values[against][MAIN_MEASURE]
                values = tuple(a - b for a, b in zip(values, others, strict=True))
            groups.append(([place[query] for query in found.queries], values))
        return paired.mean_of_groups(groups)

    def compared(name: str, against: str) -> Difference:
        estimates = difference(table, name, against, paired).estimates
        return Difference(name, against, {**estimates, BY_FINDING: over_findings(name, against)})

    return RetrievalScores(
        cases=len(relevance.ids),
        depth=depth,
        overall=table,
        abnormal=abnormal.table(bootstrap(abnormal)) if abnormal else None,
        differences=tuple(
            compared(name, against)
            for name in searches
            for against in dict.fromkeys((*single, RANDOM) if name == first else (best, RANDOM))
            if against != name
        ),
        by_finding={name: over_findings(name) for name in table.estimates},
        findings=findings,
        pairs=pairs.table(bootstrap(pairs)) if pairs.relevant else None,
        unjudged=tuple(query.query_id for query in queries if not query.truth),
        failed={query.query_id: query.failure for query in queries if query.failure},
        empty=tuple(query.query_id for query in judged if not query.failure and not rankings[first][query.query_id]),
        excluded=sum(len(query.excluded) for query in queries),
        rankings=rankings,
    )


def judge(query: EvaluationQuery, relevance: Relevance) -> dict[str, int]:
    """Return the gain in hundredths of each case that has one; the patient's own cases have none."""
    gains = np.rint(relevance.gains(query.truth) * SCALE).astype(int)
    cases = ((relevance.ids[place], int(gains[place])) for place in np.flatnonzero(gains))
    return {case: gain for case, gain in cases if case not in query.excluded}


def _label_sheets(
    judged: Sequence[EvaluationQuery],
    searches: Mapping[str, Search],
    relevance: Relevance,
    depth: int,
    *,
    seed: int,
    progress: Callable[[int], object] | None,
) -> tuple[dict[str, Sheet], dict[str, dict[str, Ranking]]]:
    """Search and score block by block; return (sheets: all, abnormal, by label; rankings)."""
    sheets: dict[str, Sheet] = {}
    rankings: dict[str, dict[str, Ranking]] = {name: {} for name in searches}
    generator = np.random.default_rng(seed)
    for start in range(0, len(judged), BLOCK):
        block = judged[start : start + BLOCK]
        gains: dict[str, Judged] = {query.query_id: judge(query, relevance) for query in block}
        found = {
            name: {one.query_id: _found(search, one.search, one.excluded, relevance, depth) for one in block}
            for name, search in searches.items()
        }
        drawn = [
            {one.query_id: random_ranking(relevance.ids, one.excluded, depth, generator) for one in block}
            for _ in range(RANDOM_ORDERS)
        ]
        for label, judgements in _subsets(block, gains, relevance):
            sheet = sheets.setdefault(label, Sheet(measure_names(depth)))
            sheet.relevant |= {query: _relevant(of_query) for query, of_query in judgements.items()}
            scorer = RankingScorer(judgements, depth=depth)
            for name, ranking in found.items():
                sheet.add(name, scorer.score(ranking))
            best = {query: best_ranking(of_query, depth) for query, of_query in judgements.items()}
            sheet.add(ORACLE, scorer.score(best))
            for order in drawn:
                sheet.add(RANDOM, scorer.score(order), orders=RANDOM_ORDERS)
        for name, ranking in found.items():
            rankings[name].update(ranking)
        if progress:
            progress(len(block))
    return sheets, rankings


def _relevant(judged: Judged) -> int:
    return sum(gain > SCALE // 2 for gain in judged.values())


def _subsets(
    block: Sequence[EvaluationQuery], gains: Mapping[str, Judged], relevance: Relevance
) -> Iterator[tuple[str, dict[str, Judged]]]:
    """Yield the sets of queries that are scored, with what is relevant for each: all, abnormal, each label's own."""
    yield _OVERALL, dict(gains)
    wanted = {query.query_id: wanted_labels(query.truth) for query in block}
    abnormal = {query.query_id: gains[query.query_id] for query in block if any(query.truth.values())}
    if abnormal:
        yield _ABNORMAL, abnormal
    for label in sorted({name for names in wanted.values() for name in names}, key=report_order):
        found: dict[str, Judged] = {}
        for query in block:
            if label not in wanted[query.query_id]:
                continue
            if label == NO_FINDING:  # a case that states nothing of what was judged agrees fully
                agreeing = (case for case, gain in gains[query.query_id].items() if gain == SCALE)
            else:
                stating = (relevance.ids[place] for place in np.flatnonzero(relevance.stating(label)))
                agreeing = (case for case in stating if case not in query.excluded)
            found[query.query_id] = dict.fromkeys(agreeing, SCALE)
        yield label, found


def _found(search: Search, query: Query | None, excluded: frozenset[str], relevance: Relevance, depth: int) -> Ranking:
    """Return what a search finds, without the excluded, without repeats, without what the index does not hold."""
    if query is None:
        return []
    return [case for case in dict.fromkeys(search(query)) if case not in excluded and case in relevance.place][:depth]


def _pair_sheet(
    paired: Sequence[EvaluationQuery],
    searches: Mapping[str, Search],
    relevance: Relevance,
    depth: int,
    *,
    seed: int,
) -> Sheet:
    """Search for each image's own case, with nothing left out."""
    sheet = Sheet(PAIR_MEASURES, relevant={query.query_id: len(query.own_cases) for query in paired})
    own = {query.query_id: dict.fromkeys(query.own_cases, SCALE) for query in paired}
    scorer = RankingScorer(own, depth=depth, pairs=True)
    for name, search in searches.items():
        found = {one.query_id: _found(search, one.open_search, frozenset(), relevance, depth) for one in paired}
        sheet.add(name, scorer.score(found))
    generator = np.random.default_rng(seed)
    for _ in range(RANDOM_ORDERS):
        drawn = {query: random_ranking(relevance.ids, (), depth, generator) for query in own}
        sheet.add(RANDOM, scorer.score(drawn), orders=RANDOM_ORDERS)
    return sheet
