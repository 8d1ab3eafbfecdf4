"""Scores of rankings against relevant cases, by ir-measures: a value for every query, 0 where nothing was returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radrag.evaluation.relevance import RELEVANT
from radrag.optional import require

SCALE = 100
"""Gains in [0, 1] become whole numbers, as TREC files and trec_eval have them: hundredths."""

PAIR_MEASURES: tuple[str, ...] = ("R@1", "R@5", "R@10", "MRR")
"""Measures of finding the very case of an image."""

Ranking = Sequence[str]
"""Case ids, best first, none twice."""

Judged = Mapping[str, int]
"""Case id → gain in hundredths; a case that is not there has none."""

Scores = dict[str, dict[str, float]]
"""Query → measure → value in [0, 1]."""


def measure_names(depth: int) -> tuple[str, ...]:
    """Return the measures' names: precision at 5 and 10, recall at the depth, nDCG at 10, mean reciprocal rank."""
    return ("P@5", "P@10", f"R@{depth}", "nDCG@10", "MRR")


class RankingScorer:
    """Scores any number of rankings of the same queries.

    Precision, recall and reciprocal rank take a case with a gain above one half as relevant. nDCG is that of trec_eval:
    the gain itself over log2 of the rank plus 1, against the best order of all judged cases.

    Args:
        judged: query → gains; every query to score is here, also one without any relevant case (it scores 0).
        depth: results that were asked for; recall counts within them, and the reciprocal rank looks no further.
        pairs: whether the gains mark the one case that is right, for :data:`PAIR_MEASURES`: recall at k is then
            whether it is among the first k. Where an image belongs to several cases, one of them is enough.

    Raises:
        MissingDependency: ir-measures is not installed.
    """

    def __init__(self, judged: Mapping[str, Judged], *, depth: int, pairs: bool = False) -> None:
        ir = require("ir_measures", extra="metrics")
        least = int(RELEVANT * SCALE) + 1
        found, precision, recall = ir.Success(rel=least), ir.P(rel=least), ir.R(rel=least)
        measures = [precision @ 5, precision @ 10, recall @ depth, ir.nDCG @ 10, ir.RR(rel=least)]
        names = measure_names(depth)
        if pairs:
            measures, names = [found @ 1, found @ 5, found @ 10, ir.RR(rel=least)], PAIR_MEASURES
        self._names = dict(zip(measures, names, strict=True))
        self._queries = tuple(judged)
        self._depth = depth
        # trec_eval knows a query only by a judged case.
        self._evaluator = ir.evaluator(measures, {query: dict(gains) or {"": 0} for query, gains in judged.items()})

    def score(self, rankings: Mapping[str, Ranking]) -> Scores:
        """Return the scores of every judged query; one without a ranking scores 0."""
        scores = {query: dict.fromkeys(self._names.values(), 0.0) for query in self._queries}
        # Falling scores keep the order: trec_eval would sort equal ones by id.
        run = {
            query: {case: float(self._depth - place) for place, case in enumerate(rankings[query][: self._depth])}
            for query in self._queries
            if rankings.get(query)
        }
        for metric in self._evaluator.iter_calc(run):
            scores[metric.query_id][self._names[metric.measure]] = float(metric.value)
        return scores
