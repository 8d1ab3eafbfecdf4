"""Rank-biased overlap is that of its paper, and overlap counts what both have."""

import numpy as np
import pytest

from radrag.audit.agreement import PERSISTENCE, agreements, rank_biased_overlap, shared_by_depth


def by_hand(a, b):
    """Extrapolated overlap as the paper's equation 30 defines it."""
    depth = len(a)
    shared = [len(set(a[:d]) & set(b[:d])) for d in range(1, depth + 1)]
    head = sum(x / d * PERSISTENCE**d for d, x in enumerate(shared, start=1))
    return shared[-1] / depth * PERSISTENCE**depth + (1 - PERSISTENCE) / PERSISTENCE * head


@pytest.mark.parametrize("seed", range(5))
def test_overlap_is_that_of_the_definition(seed):
    random = np.random.default_rng(seed)
    a, b = (np.array([random.permutation(15)[:8] for _ in range(300)], dtype=np.int32) for _ in range(2))
    found = rank_biased_overlap(shared_by_depth(a, b))
    expected = [by_hand(x.tolist(), y.tolist()) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(found, expected)


def test_equal_rankings_agree_in_full_and_disjoint_ones_not_at_all():
    a = np.arange(10, dtype=np.int32)[None]
    same, apart = agreements({"a": a, "b": a.copy()})[0], agreements({"a": a, "b": a + 10})[0]
    assert (same.overlap, same.rbo) == (1.0, pytest.approx(1.0))
    assert (apart.overlap, apart.rbo) == (0.0, 0.0)


def test_queries_for_which_a_channel_found_nothing_are_left_out():
    a = np.array([[0, 1], [2, 3]], dtype=np.int32)
    b = np.array([[0, 1], [-1, -1]], dtype=np.int32)
    assert agreements({"a": a, "b": b})[0].queries == 1
    assert agreements({"a": a, "b": np.full((2, 2), -1, dtype=np.int32)}) == ()
