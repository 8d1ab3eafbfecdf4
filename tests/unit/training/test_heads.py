"""Heads, calibration and thresholds do what their formulas say."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from radrag.training.heads import balanced, choose_threshold, distilled, fit_heads, platt


def toy(rows=80, columns=120, seed=0):
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(rows, columns))
    labels = (features[:, :3] + generator.normal(size=(rows, 3)) > [0, 0.5, 1]).astype(float)
    return features, labels


def test_heads_equal_scikit_learns_balanced_regression():
    features, labels = toy()
    weights, intercepts = fit_heads(features, labels, strength=0.01)
    for column in range(labels.shape[1]):
        reference = LogisticRegression(C=0.01, class_weight="balanced", tol=1e-8, max_iter=1000)
        reference.fit(features, labels[:, column])
        np.testing.assert_allclose(weights[:, column], reference.coef_[0], atol=1e-4)
        assert intercepts[column] == pytest.approx(reference.intercept_[0], abs=1e-3)


def test_balanced_targets_have_equal_mass_on_both_sides():
    soft = np.random.default_rng(0).random((50, 2)) ** 3
    targets, weights = balanced(soft)
    np.testing.assert_allclose((targets * weights).sum(0), ((1 - targets) * weights).sum(0))
    np.testing.assert_allclose(weights.mean(0), 1)


def test_soft_labels_are_blended_only_where_they_are_known():
    labels = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    soft = np.array([[0.25, 0.04], [np.nan, np.nan]])
    np.testing.assert_allclose(distilled(labels, soft), [[0.75, 0.1, 0], [0, 1, 0]])


def test_platt_finds_the_scale_and_shift_that_made_the_labels():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=20000)
    truth = (generator.random(20000) < 1 / (1 + np.exp(-(2 * logits - 1)))).astype(float)
    assert platt(logits, truth) == pytest.approx((2, -1), abs=0.1)


def test_platt_never_turns_the_order_round():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=500)
    steepness, _ = platt(logits, (logits < 0).astype(float))
    assert steepness > 0


@pytest.mark.parametrize("floor", [0.5, 0.9, 0.99])
def test_the_threshold_keeps_the_specificity_floor(floor):
    generator = np.random.default_rng(0)
    truth = (generator.random(400) < 0.2).astype(float)
    probability = np.clip(0.3 * truth + 0.7 * generator.random(400), 0, 1)
    chosen = choose_threshold(probability, truth, floor=floor)
    assert (probability[truth == 0] < chosen).mean() >= floor


def test_the_threshold_has_the_best_f1():
    truth = np.array([0, 0, 0, 0, 1, 1, 0, 1], float)
    probability = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    assert choose_threshold(probability, truth, floor=0.6) == pytest.approx(0.45)
    assert choose_threshold(probability, truth, floor=1.0) == pytest.approx(0.75)
