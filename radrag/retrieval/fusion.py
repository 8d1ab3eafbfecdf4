"""Several ranked lists to one, by weighted scores or by reciprocal rank."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from radrag.retrieval.ranked import IntArray, Ranked, joined_rows, ordered

RANK_OFFSET = 60
"""The k of Cormack, Clarke and Büttcher, "Reciprocal rank fusion outperforms Condorcet …", SIGIR 2009."""


def reciprocal_rank(
    lists: Mapping[str, Ranked], by_id: IntArray, *, weights: Mapping[str, float] | None = None
) -> Ranked:
    """Fuse ranked lists: the score of a case is the sum over channels of weight / (60 + rank).

    Equal scores come in ascending order of id, so that the answer does not depend on the order of ``lists``.

    Args:
        lists: channel name → cases.
        by_id: intp [all rows], the place of each row's id among all.
        weights: channel name → weight ≥ 0; 1 where not given.
    """
    rows = joined_rows(list(lists.values()))
    scores = np.zeros(len(rows))
    for channel in sorted(lists):
        ranked = lists[channel]
        weight = (weights or {}).get(channel, 1.0)
        scores[np.searchsorted(rows, ranked.rows)] += weight / (RANK_OFFSET + np.arange(1, len(ranked) + 1))
    return ordered(rows, scores, by_id)


def weighted_scores(lists: Mapping[str, Ranked], by_id: IntArray, *, weights: Mapping[str, float]) -> Ranked:
    """Fuse ranked lists: the score of a case is the weighted mean over channels of its scores, each cut to [0, 1].

    A channel that does not rank a case gives it 0, so that being found can only help. Equal scores come in ascending
    order of id, so that the answer does not depend on the order of ``lists``.

    Args:
        lists: channel name → cases with scores on a scale from 0 (nothing in common) to 1.
        by_id: intp [all rows], the place of each row's id among all.
        weights: channel name → weight ≥ 0; channels without a weight only explain.
    """
    rows = joined_rows(list(lists.values()))
    scores = np.zeros(len(rows))
    total = sum(weights.get(channel, 0.0) for channel in sorted(lists)) or 1.0
    for channel in sorted(lists):
        ranked = lists[channel]
        share = weights.get(channel, 0.0) / total
        scores[np.searchsorted(rows, ranked.rows)] += share * np.clip(ranked.scores, 0.0, 1.0)
    return ordered(rows, scores, by_id)
