"""Bootstrap by patient: paired, repeatable, independent of order, and wider where images share a patient."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.errors import UsageError
from radrag.evaluation.intervals import PatientBootstrap

ROWS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 1, width=32)), min_size=1, max_size=30)


def estimate(rows, *, shift=0.0, seed=0):
    bootstrap = PatientBootstrap([patient for patient, _ in rows], draws=200, seed=seed)
    return bootstrap.mean([value + shift for _, value in rows])


@given(ROWS)
def test_an_interval_lies_within_the_values(rows):
    found = estimate(rows)
    values = [value for _, value in rows]
    assert found.mean == pytest.approx(sum(values) / len(values))
    if len({patient for patient, _ in rows}) > 1:
        assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    else:
        assert math.isnan(found.low)


@given(ROWS, st.randoms())
def test_the_order_of_queries_changes_nothing(rows, random):
    mixed = random.sample(rows, len(rows))
    first, second = estimate(rows), estimate(mixed)
    assert (first.mean, first.low, first.high) == pytest.approx((second.mean, second.low, second.high), nan_ok=True)


@given(ROWS, st.floats(-1, 1))
def test_shifting_all_values_shifts_the_interval(rows, shift):
    first, second = estimate(rows), estimate(rows, shift=shift)
    assert (second.low - first.low, second.high - first.high) == pytest.approx(
        (shift, shift) if not math.isnan(first.low) else (math.nan, math.nan), abs=1e-9, nan_ok=True
    )


def test_equal_variants_differ_by_exactly_nothing():
    found = PatientBootstrap(list("abc")).mean([0.0, 0.0, 0.0])
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    rows = [(patient, place / 7) for place, patient in enumerate("abcdefgh")]
    assert estimate(rows) == estimate(rows)
    assert estimate(rows, seed=1) != estimate(rows)


def test_ten_images_of_one_patient_are_no_ten_witnesses():
    values = [0.0] * 10 + [1.0] * 10
    alone = PatientBootstrap([str(place) for place in range(20)]).mean(values)
    shared = PatientBootstrap(["a"] * 10 + ["b"] * 10).mean(values)
    assert shared.high - shared.low > alone.high - alone.low


def test_an_interval_is_about_as_wide_as_theory_says():
    values = [float(place % 2) for place in range(400)]
    found = PatientBootstrap([str(place) for place in range(400)], draws=4000).mean(values)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(400), rel=0.1)


def test_no_queries_have_no_mean():
    found = PatientBootstrap([]).mean([])
    assert math.isnan(found.mean)
    assert found.as_dict() == {"mean": None, "low": None, "high": None}


def test_values_belong_to_queries():
    with pytest.raises(UsageError, match="2 values for 1 queries"):
        PatientBootstrap(["a"]).mean([1.0, 2.0])
