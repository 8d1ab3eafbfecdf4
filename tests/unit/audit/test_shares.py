"""Shares: Wilson's interval against published figures, and at the ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.audit.shares import Share


def test_the_interval_is_that_of_a_published_example():
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263 and 15 of 148.
    assert Share(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert Share(15, 148).interval == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_none_of_none_has_neither_share_nor_interval():
    assert Share(0, 0).cells == (0, 0, None, None, None)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_within_0_and_1(counts):
    share = Share(*counts)
    low, high = share.interval
    assert 0 <= low <= share.value <= high <= 1
