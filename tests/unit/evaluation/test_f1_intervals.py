"""F1 of findings with intervals by patient."""

from math import isnan

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from radrag.evaluation.intervals import PatientBootstrap


def f1(said, there, patients=None):
    said, there = np.array(said, bool), np.array(there, bool)
    names = patients or [str(number) for number in range(len(said))]
    return PatientBootstrap(names).f1(said & there, said & ~there, ~said & there)


def test_macro_counts_a_rare_finding_as_much_as_a_common_one():
    there = [[1, 0], [1, 0], [1, 0], [0, 1]]
    macro, micro = f1([[1, 0], [1, 0], [1, 0], [0, 0]], there)
    assert macro.mean == 0.5  # 1 and 0
    assert micro.mean == pytest.approx(6 / 7)


def test_a_finding_that_nobody_has_is_left_out_of_macro_and_its_false_ones_count_in_micro():
    macro, micro = f1([[1, 1], [0, 1]], [[1, 0], [0, 0]])
    assert macro.mean == 1
    assert micro.mean == pytest.approx(2 / 4)


def test_without_anything_there_is_nothing_to_say():
    assert isnan(f1([[1]], [[0]])[0].mean)
    assert isnan(PatientBootstrap([]).f1(*np.zeros((3, 0, 2), bool))[1].mean)


@given(st.lists(st.tuples(*[st.booleans()] * 4, st.sampled_from("abcd")), min_size=2, max_size=12))
def test_f1_lies_in_its_interval_and_agrees_with_scikit_learn(rows):
    said, there = np.array([row[:2] for row in rows]), np.array([row[2:4] for row in rows])
    kept = there.any(axis=0)
    macro, micro = f1(said, there, [row[4] for row in rows])
    if kept.any():
        each = [f1_score(there[:, label], said[:, label], zero_division=0) for label in np.flatnonzero(kept)]
        assert macro.mean == pytest.approx(np.mean(each))
        assert micro.mean == pytest.approx(f1_score(there.ravel(), said.ravel(), zero_division=0))
    for one in (macro, micro):
        assert isnan(one.low) or 0 <= one.low <= one.high <= 1


@given(st.lists(st.tuples(*[st.booleans()] * 6, st.sampled_from("abc")), min_size=1, max_size=20))
def test_a_difference_is_that_of_both_f1_and_nothing_for_equal_findings(rows):
    cells = np.array([row[:6] for row in rows], bool)
    one, other, there = cells[:, :2], cells[:, 2:4], cells[:, 4:]
    bootstrap = PatientBootstrap([row[6] for row in rows])
    first, second = ((said & there, said & ~there, ~said & there) for said in (one, other))
    assume(there.any())
    alone = [left.mean - right.mean for left, right in zip(bootstrap.f1(*first), bootstrap.f1(*second), strict=True)]
    assert [value.mean for value in bootstrap.f1_difference(first, second)] == pytest.approx(alone)
    equal = bootstrap.f1_difference(first, first)
    assert [value.mean for value in equal] == [0, 0]
    assert bootstrap.patients < 2 or [(value.low, value.high) for value in equal] == [(0, 0), (0, 0)]
