"""Drift is found where queries change, and not where they do not; p-values are corrected for the number of blocks."""

import numpy as np
import pytest

from radrag.audit.drift import LEAST, blocks_of, drift, energy_test, holm


def blocks(shift, *, count=40, seed=0):
    """Three months of vectors; those of the last are shifted."""
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((3 * count, 4))
    vectors[2 * count :] += shift
    names = [f"2026-0{1 + place // count}" for place in range(3 * count)]
    scores = vectors[:, 0] + 10
    return drift(names, [f"p{n}" for n in range(3 * count)], vectors, scores, permutations=199)


def test_a_shift_is_found_in_its_month_alone():
    first, second, third = blocks(1.0)
    assert (first.p, first.distance, first.drifted) == (None, None, False)
    assert (second.drifted, third.drifted) == (False, True)
    assert third.p == pytest.approx(4 / 200)  # the least of 199 permutations, times two tests of two blocks
    assert third.distance > second.distance


def test_without_a_shift_p_values_are_those_of_chance():
    found = [blocks(0.0, count=25, seed=seed)[1].p for seed in range(40)]
    assert sum(p < 0.1 for p in found) <= 8
    assert min(found) < 0.7


def test_energy_distance_is_that_of_its_definition():
    random = np.random.default_rng(1)
    a, b = random.standard_normal((7, 3)), random.standard_normal((9, 3)) + 1

    def mean(x, y):
        return np.mean([[np.linalg.norm(p - q) for q in y] for p in x])

    expected = 2 * mean(a, b) - mean(a, a) - mean(b, b)
    assert energy_test(a, b, 9, random)[0] == pytest.approx(expected)


def test_a_patient_counts_once_and_small_blocks_are_not_tested():
    vectors = np.random.default_rng(0).standard_normal((80, 2))
    names = ["2026-01"] * 40 + ["2026-02"] * 40
    few = [f"p{n}" for n in range(40)] + [f"q{n % (LEAST - 1)}" for n in range(40)]
    second = drift(names, few, vectors, vectors[:, 0], permutations=9)[1]
    assert (second.queries, second.patients, second.p) == (40, LEAST - 1, None)


def test_unsearched_queries_have_no_part_in_the_comparison():
    vectors = np.random.default_rng(0).standard_normal((60, 2))
    vectors[30:35] = np.nan
    scores = np.where(np.isnan(vectors[:, 0]), np.nan, 1.0)
    found = drift(["a"] * 30 + ["b"] * 30, [f"p{n}" for n in range(60)], vectors, scores, permutations=9)
    assert (found[1].empty, found[1].p is None) == (5, False)


def test_blocks_without_scores_are_not_tested_for_them():
    vectors = np.random.default_rng(0).standard_normal((60, 2))
    scores = np.where(np.arange(60) < 35, 1.0, np.nan)
    found = drift(["a"] * 30 + ["b"] * 30, [f"p{n}" for n in range(60)], vectors, scores, permutations=9)[1]
    assert (found.p is None, found.score_p) == (False, None)


def test_months_come_from_dates_and_else_parts_from_the_order():
    assert blocks_of(["2026-01-05", "", "2026-02"]) == ["2026-01", "no date", "2026-02"]
    parts = blocks_of([""] * 60)
    assert [parts.count(name) for name in sorted(set(parts))] == [20, 20, 20]
    assert set(blocks_of([""] * 7)) == {"part 1"}


def test_holm_corrects_step_by_step():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
