"""Linear heads on fixed features: balanced logistic regression, Platt calibration, thresholds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

SPECIFICITY_FLOOR = 0.95
"""Thresholds keep at least this specificity: false findings in a draft cost the reader more than a missed hint."""


def balanced(targets: Matrix) -> tuple[Matrix, Matrix]:
    """Turn targets in [0, 1] into targets and weights with as much positive as negative mass in each column.

    Hard targets give scikit-learn's ``class_weight="balanced"``; soft ones count on both sides.

    Returns:
        targets [n, l] in [0, 1] and weights [n, l], mean weight 1.
    """
    mean = targets.mean(axis=0, keepdims=True)
    positive, negative = targets * 0.5 / mean, (1 - targets) * 0.5 / (1 - mean)
    return positive / (positive + negative), positive + negative


def distilled(labels: Matrix, soft: Matrix) -> Matrix:
    """Blend hard labels with another network's probabilities (Hinton et al. 2015), half and half.

    The square root lifts the small probabilities that a network gives rare findings.

    Args:
        labels: [n, l] of 0 and 1.
        soft: [n, k] in [0, 1] for the first k ≤ l columns; NaN where that network was not run.

    Returns:
        [n, l] in [0, 1]; the labels themselves where nothing softer is known.
    """
    blended = labels.copy()
    columns = blended[:, : soft.shape[1]]
    known = ~np.isnan(soft)
    columns[known] = 0.5 * columns[known] + 0.5 * np.sqrt(soft[known])
    return blended


def fit_heads(features: Matrix, targets: Matrix, *, strength: float, iterations: int = 200) -> tuple[Matrix, Matrix]:
    """Fit one balanced L2 logistic regression per column, all at once.

    The loss is scikit-learn's: ``0.5 |w|² + strength · Σ weight · cross-entropy``, intercept unpenalised.
    With more features than rows it is solved in the rows' span, where the solution lies.

    Args:
        features: [n, d], standardised.
        targets: [n, l] in [0, 1].
        strength: inverse of regularisation (scikit-learn's C).
        iterations: of L-BFGS.

    Returns:
        weights [d, l] and intercepts [l].
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    values, basis = np.linalg.eigh(features @ features.T)
    kept = values > 1e-6 * values[-1]
    root = np.sqrt(values[kept])
    reduced = torch.from_numpy(basis[:, kept] * root)
    target, weight = (torch.from_numpy(part) for part in balanced(targets))
    coefficients = torch.zeros(reduced.shape[1], targets.shape[1], dtype=torch.float64, requires_grad=True)
    intercepts = torch.zeros(targets.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [coefficients, intercepts], max_iter=iterations, history_size=20, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        logits = reduced @ coefficients + intercepts
        data = binary_cross_entropy_with_logits(logits, target, weight=weight, reduction="sum")
        total = 0.5 * coefficients.square().sum() + strength * data
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    dual = basis[:, kept] @ (coefficients.detach().numpy() / root[:, None])
    return features.T @ dual, intercepts.detach().numpy()


def platt(logits: npt.NDArray[np.float64], truth: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Fit ``sigmoid(scale · logit + shift)`` by maximum likelihood with Platt's smoothed targets (Platt 1999, §2.2).

    Args:
        logits: [n] decision values.
        truth: [n] of 0 and 1, both present.

    Returns:
        scale (at least 0.05, so that the order never turns round) and shift.
    """
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    positives, negatives = truth.sum(), (1 - truth).sum()
    target = np.where(truth > 0, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(parameters: Matrix) -> tuple[float, Matrix]:
        raw = parameters[0] * logits + parameters[1]
        residual = 1 / (1 + np.exp(-raw)) - target
        return float(np.sum(np.logaddexp(0, raw) - target * raw)), np.array([residual @ logits, residual.sum()])

    start = np.array([1.0, np.log(positives / negatives)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.05, None), (None, None)])
    return float(found.x[0]), float(found.x[1])


def choose_threshold(
    probability: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], *, floor: float = SPECIFICITY_FLOOR
) -> float:
    """Return the threshold with the highest F1 among those with at least ``floor`` specificity.

    Candidates lie half-way between neighbouring probabilities; ties go to the higher threshold.
    """
    order = np.unique(probability)
    candidates = np.append((order[1:] + order[:-1]) / 2, min(1.0, order[-1] + 1e-3))
    best, chosen = -1.0, float(candidates[-1])
    for candidate in candidates:
        called = probability >= candidate
        false = float(np.sum(called & (truth == 0)))
        if 1 - false / max(1.0, float(np.sum(truth == 0))) < floor:
            continue
        true = float(np.sum(called & (truth == 1)))
        f1 = 2 * true / max(1.0, true + false + float(np.sum(truth == 1)))
        if f1 >= best:
            best, chosen = f1, float(candidate)
    return chosen
