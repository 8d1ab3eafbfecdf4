"""What retrieval can learn from queries with a known truth: weights of channels, and the risk of a majority."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from radrag.evaluation.intervals import SEED, Estimate, PatientBootstrap
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.relevance import Relevance
from radrag.retrieval.engine import Retriever
from radrag.retrieval.ranked import NOTHING, Ranked
from radrag.retrieval.selection import CalibratedRisk, log_odds, shares_by_depth
from radrag.retrieval.weights import Weights

GRID = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Weights that are tried for a channel, beside 1 for the findings."""

CUT = 10
MAIN, NEXT = "labels", "profile"
"""The findings weigh 1, and the other channel that compares findings is tried before all others."""

FOLDS = 5
FloatArray = npt.NDArray[np.float64]

_DISCOUNT = 1 / np.log2(np.arange(2, CUT + 2))


@dataclass(frozen=True, slots=True)
class WeightsFit:
    """Fitted weights of one way of asking, and what they gain on queries that they were not fitted to.

    Attributes:
        weights: channel name → weight.
        queries, patients: what was fitted on.
        before, after: mean nDCG@10 over the queries with the weights that there were, and with the fitted ones.
        gain: held out: the difference, each query scored with the weights fitted to the other folds' patients.
    """

    weights: Mapping[str, float]
    queries: int
    patients: int
    before: float
    after: float
    gain: Estimate


def fit_weights(
    queries: Sequence[EvaluationQuery], retriever: Retriever, relevance: Relevance, *, words: bool = False
) -> WeightsFit | None:
    """Fit weights: the findings 1, each other channel what helps beside those chosen before it.

    Channels are tried by name, the profile of findings first. One gets the weight of :data:`GRID` with the highest mean
    nDCG@10, if the 95 % interval of the gain over leaving it out (paired bootstrap by patient) is above 0, and none
    otherwise.

    Args:
        queries: those with a known truth count; of images only such as the image encoder was not fitted on.
        retriever: of the index; its weights are what the fitted ones are compared with.
        relevance: of the index's cases.
        words: whether to fit what words are searched with, or what images are.

    Returns:
        None where fewer than two patients ask so.
    """
    known = retriever.weights.words if words else retriever.weights.image
    used = [one for one in queries if one.truth and one.search and (retriever.weights.of(one.search) is known)]
    patients = np.array([query.patient for query in used])
    if len(set(patients.tolist())) < 2:
        return None
    lists = [retriever.rankings(query.search, CUT) for query in used if query.search is not None]
    gains = [_gains(query, relevance) for query in used]

    @cache
    def scores(weights: tuple[tuple[str, float], ...]) -> FloatArray:
        tried = retriever.with_parts(weights=Weights(dict(weights), dict(weights)))
        return np.array(
            [
                _ndcg(tried.ids(tried.ranked(query.search, found, CUT).first(CUT)), gain, relevance)
                for query, found, gain in zip(used, lists, gains, strict=True)
                if query.search is not None
            ]
        )

    channels = sorted({name for found in lists for name in found} - {MAIN}, key=lambda name: (name != NEXT, name))
    chosen = _choose(scores, channels, patients, np.ones(len(used), dtype=bool))
    before, held_out = scores(tuple(sorted(known.items()))), np.zeros(len(used))
    folds = fold_of(patients.tolist())
    for fold in range(FOLDS):
        inside = folds == fold
        held_out[inside] = scores(_choose(scores, channels, patients, ~inside))[inside]
    unused = {name: weight for name, weight in known.items() if name not in {MAIN, *channels}}  # nothing to learn from
    return WeightsFit(
        unused | dict(chosen),
        len(used),
        len(set(patients.tolist())),
        float(before.mean()),
        float(scores(chosen).mean()),
        PatientBootstrap(patients.tolist()).mean(held_out - before),
    )


def _choose(
    scores: Callable[[tuple[tuple[str, float], ...]], FloatArray],
    channels: Sequence[str],
    patients: npt.NDArray[np.str_],
    rows: npt.NDArray[np.bool_],
) -> tuple[tuple[str, float], ...]:
    """Return the weights that the queries in ``rows`` ask for."""
    bootstrap = PatientBootstrap(patients[rows].tolist())
    chosen = {MAIN: 1.0}
    best = scores(tuple(sorted(chosen.items())))[rows]
    for channel in channels:
        tried = {weight: scores(tuple(sorted({**chosen, channel: weight}.items())))[rows] for weight in GRID}
        weight = max(tried, key=lambda value: float(tried[value].mean()))
        if bootstrap.mean(tried[weight] - best).low > 0:
            chosen[channel], best = weight, tried[weight]
    return tuple(sorted(chosen.items()))


def fold_of(patients: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return a fold from 0 for each query, the same for all of a patient; folds have about as many patients."""
    names = sorted(set(patients))
    place = np.random.default_rng(SEED).permutation(len(names)) % FOLDS
    of = dict(zip(names, place.tolist(), strict=True))
    return np.array([of[name] for name in patients], dtype=np.int64)


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
    return retriever.ranked(query.search, lists, most).first(most)


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
