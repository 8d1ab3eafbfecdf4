"""How good a classifier is, with the uncertainty that a small set leaves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


def auc(truth: Vector, score: Vector) -> float:
    """Area under the ROC curve by mid-ranks (Mann-Whitney); NaN when a class is missing."""
    from scipy.stats import rankdata  # type: ignore[import-untyped]

    positives = float(truth.sum())
    negatives = truth.size - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[truth == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def best_f1(truth: Vector, score: Vector) -> float:
    """Return the highest F1 that a threshold on the scores has; 0 without a positive."""
    order = np.argsort(-score, kind="stable")
    right = np.cumsum(truth[order] > 0)
    last = np.append(np.diff(score[order]) != 0, True)  # equal scores are called together
    found = 2 * right / (np.arange(1, len(score) + 1) + right[-1])
    return float(found[last].max())


def bootstrap_interval(
    truth: Vector, score: Vector, groups: npt.NDArray[np.str_], *, rounds: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % percentile interval of the AUC, resampling patients (not images).

    Rounds in which a class is missing are left out; NaN when none is left.
    """
    generator = np.random.default_rng(seed)
    rows = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    found = []
    for _ in range(rounds):
        drawn = np.concatenate([rows[i] for i in generator.integers(0, len(rows), len(rows))])
        found.append(auc(truth[drawn], score[drawn]))
    kept = np.array([value for value in found if not np.isnan(value)])
    if kept.size == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(kept, [2.5, 97.5])
    return float(low), float(high)


def operating_point(truth: Vector, called: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return sensitivity and specificity; NaN where a class is missing."""
    with np.errstate(invalid="ignore"):
        sensitivity = np.sum(called & (truth == 1)) / np.float64(np.sum(truth == 1))
        specificity = np.sum(~called & (truth == 0)) / np.float64(np.sum(truth == 0))
    return float(sensitivity), float(specificity)


def calibration_error(truth: Vector, probability: Vector, *, bins: int = 10) -> float:
    """Expected calibration error with bins of equal count (Naeini et al. 2015 with quantile bins)."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if part.size]
    return float(sum(part.size * abs(truth[part].mean() - probability[part].mean()) for part in parts) / truth.size)


def nearest_neighbour_scores(train: npt.NDArray[np.float32], labels: Vector, test: npt.NDArray[np.float32]) -> Vector:
    """Return the labels of each test row's nearest training row (cosine; rows must be unit length): a baseline."""
    nearest: Vector = labels[np.argmax(test @ train.T, axis=1)]
    return nearest
