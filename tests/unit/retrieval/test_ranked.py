"""The best rows are those of a full sort, ties by id, and nothing that is not allowed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radrag.retrieval.ranked import Ranked, best_rows, ordered

STEPS = st.lists(st.integers(-2, 6), min_size=1, max_size=40)
"""Few different scores, so that many tie; a step is less than rounding keeps or much more."""


@given(STEPS, st.integers(1, 50), st.randoms(use_true_random=False), st.sampled_from([0.1, 1e-7]))
def test_the_best_rows_are_those_of_a_full_sort(steps, k, random, width):
    scores = np.array(steps) * width
    by_id = np.array(random.sample(range(len(steps)), len(steps)))
    allowed = np.array([random.random() < 0.7 for _ in steps])
    order = sorted(np.flatnonzero(allowed), key=lambda row: (-round(float(scores[row]), 6), by_id[row]))
    assert best_rows(scores, k, by_id, allowed=allowed).rows.tolist() == order[:k]
    everything = sorted(range(len(steps)), key=lambda row: (-round(float(scores[row]), 6), by_id[row]))
    assert best_rows(scores, k, by_id).rows.tolist() == everything[:k]


def test_a_row_has_its_place_and_others_have_none():
    found = ordered(np.array([4, 2, 7]), np.array([0.1, 0.9, 0.5]), np.arange(8))
    assert [found.place(row) for row in (2, 7, 4, 5)] == [0, 1, 2, None]
    assert len(found.first(-1)) == 0
    assert isinstance(found.at(slice(1, None)), Ranked)
