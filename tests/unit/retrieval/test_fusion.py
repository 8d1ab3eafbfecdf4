"""Fusion gives what adding up by hand gives, does not depend on order, and never lifts a case for another's sake."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.retrieval.fusion import reciprocal_rank, weighted_scores
from radrag.retrieval.ranked import Ranked

ROWS = 12
BY_ID = np.random.default_rng(0).permutation(ROWS)
"""Ids are in another order than rows."""
WEIGHTS = {"labels": 1.0, "text": 0.1, "image": 0.2}
LISTS = st.dictionaries(
    st.sampled_from(["labels", "text", "image", "lexical"]),
    st.lists(st.tuples(st.integers(0, ROWS - 1), st.floats(0, 1)), unique_by=lambda pair: pair[0]),
)
WAYS = st.sampled_from([reciprocal_rank, lambda lists, by_id: weighted_scores(lists, by_id, weights=WEIGHTS)])


def ranked(pairs):
    pairs = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))
    return Ranked(np.array([row for row, _ in pairs], dtype=np.intp), np.array([score for _, score in pairs]))


def made(lists):
    return {name: ranked(pairs) for name, pairs in lists.items()}


def by_hand(scores):
    """Return (row, score) of row → score, in the order that is promised."""
    found = [(row, round(score, 6)) for row, score in scores.items()]
    return sorted(found, key=lambda pair: (-pair[1], BY_ID[pair[0]]))


def same(fused, expected):
    assert fused.rows.tolist() == [row for row, _ in expected]
    assert fused.scores == pytest.approx([score for _, score in expected], abs=2e-6)


def test_the_formula_of_reciprocal_rank_is_the_published_one():
    lists = made({"labels": [(0, 0.9), (1, 0.8)], "text": [(1, 0.7)]})
    same(reciprocal_rank(lists, BY_ID), [(1, 1 / 62 + 1 / 61), (0, 1 / 61)])
    assert reciprocal_rank(lists, BY_ID, weights={"text": 0.0}).rows.tolist() == [0, 1]


@given(LISTS)
def test_weighted_scores_are_the_sums_by_hand(lists):
    total = sum(WEIGHTS.get(name, 0) for name in lists) or 1
    scores = {}
    for name, pairs in lists.items():
        for row, score in pairs:
            scores[row] = scores.get(row, 0) + WEIGHTS.get(name, 0) / total * score
    fused = weighted_scores(made(lists), BY_ID, weights=WEIGHTS)
    assert sorted(fused.rows.tolist()) == sorted(scores)
    assert fused.scores == pytest.approx([scores[row] for row in fused.rows.tolist()], abs=2e-6)
    order = list(zip(-fused.scores, BY_ID[fused.rows], strict=True))
    assert order == sorted(order)


@given(LISTS)
def test_reciprocal_rank_is_the_sum_by_hand(lists):
    scores = {}
    for one in made(lists).values():
        for place, row in enumerate(one.rows.tolist(), start=1):
            scores[row] = scores.get(row, 0) + 1 / (60 + place)
    same(reciprocal_rank(made(lists), BY_ID), by_hand(scores))


@given(LISTS, WAYS)
def test_the_order_of_channels_does_not_matter(lists, fuse):
    forward, backward = (fuse(made(dict(items)), BY_ID) for items in (lists.items(), reversed(lists.items())))
    assert forward.rows.tolist() == backward.rows.tolist()
    assert forward.scores.tolist() == backward.scores.tolist()


@given(LISTS, WAYS)
def test_a_case_that_is_worse_in_every_channel_never_lifts_another(lists, fuse):
    """Row 11 comes last in each list."""
    lists = {name: [pair for pair in pairs if pair[0] != 11] for name, pairs in lists.items()}
    before = fuse(made(lists), BY_ID).rows.tolist()
    with_worse = {name: [*pairs, (11, 0.0)] for name, pairs in lists.items()}
    worse = {name: ranked(pairs) for name, pairs in with_worse.items()}
    for name, one in worse.items():  # behind cases that score 0 too
        last = np.argsort(one.rows == 11, kind="stable")
        worse[name] = one.at(last)
    assert [row for row in fuse(worse, BY_ID).rows.tolist() if row != 11] == before


@given(st.lists(st.integers(0, 11), unique=True, min_size=1), st.lists(st.integers(0, 11), unique=True))
def test_rising_in_one_channel_never_lowers_a_case(first, second):
    def fused(rows):
        lists = {"labels": rows, "text": second}
        one = {name: Ranked(np.array(found, dtype=np.intp), np.ones(len(found))) for name, found in lists.items()}
        return reciprocal_rank(one, BY_ID).rows.tolist()

    risen = first[-1]
    assert fused([risen, *first[:-1]]).index(risen) <= fused(first).index(risen)


def test_a_score_outside_the_scale_counts_as_its_end():
    lists = {"labels": Ranked(np.array([0, 1]), np.array([7.0, -3.0]))}
    same(weighted_scores(lists, BY_ID, weights=WEIGHTS), [(0, 1.0), (1, 0.0)])
