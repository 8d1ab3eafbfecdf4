"""What retrieval can learn from queries with a known truth: weights of channels, and the risk of a majority."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from radrag.evaluation.intervals import PatientBootstrap
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.relevance import Relevance
from radrag.retrieval.engine import Retriever
from radrag.retrieval.ranked import NOTHING, Ranked
from radrag.retrieval.selection import CalibratedRisk, log_odds, shares_by_depth
from radrag.retrieval.weights import Weights

GRID = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Weights that are tried for a channel, beside 1 for the findings."""

CUT = 10
MAIN = "labels"

_DISCOUNT = 1 / np.log2(np.arange(2, CUT + 2))


def fit_weights(
    queries: Sequence[EvaluationQuery], retriever: Retriever, relevance: Relevance, *, source: Mapping[str, str]
) -> Weights:
    """Return weights for images: the findings 1, each other channel what helps beside those chosen before it.

    Channels are tried by name. One gets the weight of :data:`GRID` with the highest mean nDCG@10, if the 95 % interval
    of the gain over leaving it out (paired bootstrap by patient) is above 0, and none otherwise.

    Args:
        queries: those of images with a known truth count, and only ones that the image encoder was not fitted on.
        source: what they are, for the reader of the file.
    """
    used = [query for query in queries if query.truth and query.search is not None and not query.search.typed]
    lists = [retriever.rankings(query.search, CUT) for query in used if query.search is not None]
    gains = [_gains(query, relevance) for query in used]
    bootstrap = PatientBootstrap([query.patient for query in used])

    def scores(image: Mapping[str, float]) -> npt.NDArray[np.float64]:
        tried = retriever.with_parts(weights=Weights(image, image))
        return np.array(
            [
                _ndcg(tried.ids(tried.ranked(query.search, found).first(CUT)), gain, relevance)
                for query, found, gain in zip(used, lists, gains, strict=True)
                if query.search is not None
            ]
        )

    chosen = {MAIN: 1.0}
    best = scores(chosen)
    for channel in sorted({name for found in lists for name in found} - {MAIN}):
        tried = {weight: scores({**chosen, channel: weight}) for weight in GRID}
        weight = max(tried, key=lambda value: float(tried[value].mean()))
        if bootstrap.mean(tried[weight] - best).low > 0:
            chosen[channel], best = weight, tried[weight]
    about: dict[str, str | int | float] = {"queries": len(used), "patients": bootstrap.patients}
    about |= {**source, "ndcg_at_10": round(float(best.mean()), 4)}
    return Weights(chosen, retriever.weights.words, about)


def fit_risk(
    queries: Iterable[EvaluationQuery], retriever: Retriever, *, bound: float, most: int = 20
) -> CalibratedRisk:
    """Fit the chance that a finding is there which most of the first n cases state, for each n up to ``most``.

    A logistic regression with a weak L2 penalty over the log-odds of the image's probability and the share of the
    cases; every query counts once, however many of its majorities are seen.

    Args:
        queries: of images with a known truth that the image encoder was not fitted on.
        bound: of the selector.
        most: hits that may be asked for.
    """
    start = CalibratedRisk(bound, 0.0, 1.0, 0.0)
    rows: list[tuple[float, float, float]] = []
    truth: list[float] = []
    weights: list[float] = []
    for query in queries:
        if query.search is None or not query.truth:
            continue
        probabilities = {name: p for name, p in query.search.probabilities.items() if name in query.truth}
        ranked = first_ranked(query, retriever, most)
        seen = [
            (name, float(share))
            for name, shares in shares_by_depth(ranked, probabilities, retriever.states).items()
            for share in shares[start.least - 1 :]
            if share > 0.5
        ]
        if not seen:
            continue
        rows += [(1.0, log_odds(probabilities[name]), share) for name, share in seen]
        truth += [float(query.truth[name] == 1) for name, _ in seen]
        weights += [1 / len(seen)] * len(seen)
    values = _logistic(np.array(rows).reshape(-1, 3), np.array(truth), np.array(weights))
    return replace(start, intercept=float(values[0]), of_probability=float(values[1]), of_vote=float(values[2]))


def first_ranked(query: EvaluationQuery, retriever: Retriever, most: int) -> Ranked:
    """Return the first ``most`` of what a query's hits are selected from; empty where there is no search."""
    if query.search is None:
        return NOTHING
    lists = retriever.rankings(query.search, most, names=list(retriever.weights.of(query.search)))
    return retriever.ranked(query.search, lists).first(most)


def _gains(query: EvaluationQuery, relevance: Relevance) -> npt.NDArray[np.float64]:
    gains = relevance.gains(query.truth).copy()
    for case in query.excluded:
        gains[relevance.place[case]] = 0
    return gains


def _ndcg(ranking: Sequence[str], gains: npt.NDArray[np.float64], relevance: Relevance) -> float:
    """Return nDCG@10 as :mod:`radrag.evaluation.ranking` does, without a process of its own for each try."""
    found = gains[[relevance.place[case] for case in ranking[:CUT]]]
    ideal = np.sort(gains)[::-1][:CUT] @ _DISCOUNT[: len(gains)]
    return float(found @ _DISCOUNT[: len(found)] / ideal) if ideal > 0 else 0.0


def _logistic(
    rows: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the coefficients of a weighted logistic regression, by Newton's method; penalty 0.5 · |w|² / 10."""
    values = np.zeros(rows.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(rows @ values, -30, 30)))
        slope = rows.T @ (weights * (truth - chance)) - 0.1 * values
        curve = (rows * (weights * chance * (1 - chance))[:, None]).T @ rows + 0.1 * np.eye(rows.shape[1])
        step = np.linalg.solve(curve, slope)
        values = values + step
        if np.abs(step).max() < 1e-8:
            break
    return values
