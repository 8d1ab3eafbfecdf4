"""Scores equal their references and admit what they cannot know."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from radrag.training.scores import (
    auc,
    bootstrap_interval,
    calibration_error,
    nearest_neighbour_scores,
    operating_point,
)

TRUTH = np.array([0, 0, 1, 1, 0, 1], float)
SCORE = np.array([0.1, 0.4, 0.4, 0.8, 0.4, 0.9])


def test_auc_equals_scikit_learns_with_ties():
    assert auc(TRUTH, SCORE) == pytest.approx(roc_auc_score(TRUTH, SCORE))


def test_auc_of_one_class_is_unknown():
    assert np.isnan(auc(np.zeros(3), SCORE[:3]))


def test_the_interval_holds_the_estimate_and_is_reproducible():
    generator = np.random.default_rng(0)
    truth = (generator.random(200) < 0.3).astype(float)
    score = truth + generator.normal(size=200)
    patients = np.array([f"p{number // 2}" for number in range(200)])
    low, high = bootstrap_interval(truth, score, patients, rounds=200)
    assert 0.5 < low < auc(truth, score) < high < 1
    assert bootstrap_interval(truth, score, patients, rounds=200) == (low, high)


def test_the_interval_of_one_class_is_unknown():
    assert np.isnan(bootstrap_interval(np.zeros(4), np.arange(4.0), np.array(list("abcd")), rounds=5)).all()


def test_the_operating_point_counts_both_classes():
    assert operating_point(TRUTH, SCORE >= 0.5) == pytest.approx((2 / 3, 1))
    assert np.isnan(operating_point(np.zeros(2), np.array([True, False]))[0])


def test_calibration_error_is_zero_when_shares_equal_probabilities():
    truth = np.repeat([0.0, 1.0, 0.0, 1.0], [8, 2, 2, 8])
    probability = np.repeat([0.2, 0.8], 10)
    assert calibration_error(truth, probability, bins=2) == pytest.approx(0)
    assert calibration_error(truth, 1 - probability, bins=2) == pytest.approx(0.6)


def test_the_nearest_neighbours_labels_are_the_scores():
    train = np.eye(2, dtype=np.float32)
    labels = np.array([[1.0, 0.0], [0.0, 1.0]])
    test = np.array([[0.6, 0.8], [0.8, 0.6]], np.float32)
    np.testing.assert_array_equal(nearest_neighbour_scores(train, labels, test), labels[[1, 0]])
