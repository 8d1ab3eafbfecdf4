"""Queries searched once, as arrays: what every table of the retrieval audit is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.relevance import Relevance
from radrag.retrieval.engine import Retriever
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import Ranked
from radrag.retrieval.selection import CalibratedRisk, Selector, SimilarityGap

Places = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float64]

SELECTORS: tuple[Selector, ...] = (SimilarityGap(), CalibratedRisk(0.3, -0.987, 0.757, 0.859))
"""Adaptive selections that are tried beside the fixed number of hits; the risk as fitted in docs/retrieval.md
(to the probabilities of starter 1.0.0)."""

PAIRS = 100
"""Queries whose scores with all cases are computed, to know the score of a random pair."""

NONE = -1
"""Stands where there is no case."""


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """What was found; arrays have a row a query, in the queries' order.

    Attributes:
        hits: int32 [n, depth], places in ``Relevance.ids``; :data:`NONE` behind the last.
        scores: float64 [n, depth], of the hits; NaN behind the last.
        ranked: int32 [n, depth], the first of what hits are selected from.
        channels: channel → int32 [n, depth], what it ranks first by itself, each text once.
        counts: selector → int64 [n], how many it would take.
        random_scores: float64 [m], fused scores of cases drawn at random for :data:`PAIRS` of the queries.
    """

    hits: Places
    scores: FloatArray
    ranked: Places
    channels: Mapping[str, Places]
    counts: Mapping[str, npt.NDArray[np.int64]]
    random_scores: FloatArray


def search_all(
    queries: Sequence[EvaluationQuery],
    retriever: Retriever,
    relevance: Relevance,
    *,
    depth: int,
    selectors: Sequence[Selector] = SELECTORS,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Searched:
    """Search every query with all channels.

    Args:
        queries: one whose image was refused finds nothing.
        relevance: of the same cases; its places are what the arrays hold.
        depth: hits kept.
        seed: of the random pairs.
        progress: called with 1 after each query.
    """
    place = np.array([relevance.place[case_id] for case_id in retriever.cases.ids], dtype=np.int32)
    size = (len(queries), depth)
    hits, ranked_first = np.full(size, NONE, np.int32), np.full(size, NONE, np.int32)
    scores = np.full(size, np.nan)
    channels = {channel.name: np.full(size, NONE, np.int32) for channel in retriever.channels}
    counts = {selector.name: np.zeros(len(queries), np.int64) for selector in selectors}
    for number, query in enumerate(queries):
        if query.search is not None:
            lists = retriever.rankings(query.search, depth)
            for name, found in lists.items():
                _put(channels[name][number], place, retriever.without_twins(found).first(depth))
            ranked = retriever.ranked(query.search, weighed(retriever, query.search, lists), depth)
            _put(ranked_first[number], place, ranked.first(depth))
            chosen = retriever.chosen(query.search, ranked, depth)
            _put(hits[number], place, chosen)
            scores[number, : len(chosen)] = chosen.scores
            known = {} if query.search.typed else query.search.probabilities
            for selector in selectors:
                counts[selector.name][number] = selector.count(ranked, depth, known, retriever.states)
        if progress:
            progress(1)
    return Searched(hits, scores, ranked_first, channels, counts, _random_scores(queries, retriever, seed))


def weighed(retriever: Retriever, query: Query, lists: Mapping[str, Ranked]) -> dict[str, Ranked]:
    """Return the lists that the retriever's weights ask for: what another channel finds alone is not ranked."""
    weights = retriever.weights.of(query)
    return {name: found for name, found in lists.items() if weights.get(name, 0) > 0}


def _put(row: Places, place: Places, found: Ranked) -> None:
    row[: len(found)] = place[found.rows]


def _random_scores(queries: Sequence[EvaluationQuery], retriever: Retriever, seed: int) -> FloatArray:
    """Return the fused scores of cases drawn at random, as many a query as make :data:`PAIRS` times ten."""
    generator = np.random.default_rng(seed)
    asked = [query.search for query in queries if query.search is not None]
    drawn: list[FloatArray] = []
    for number in generator.permutation(len(asked))[:PAIRS]:
        query = asked[number]
        may, weights = retriever.may_be_found(query), retriever.weights.of(query)
        lists = {
            channel.name: channel.search(query, len(retriever.cases), may)
            for channel in retriever.channels
            if weights.get(channel.name, 0) > 0
        }
        found = retriever.fused(query, {name: ranked for name, ranked in lists.items() if len(ranked)}).scores
        drawn.append(generator.choice(found, size=min(10, len(found)), replace=False))
    return np.concatenate(drawn) if drawn else np.zeros(0)
