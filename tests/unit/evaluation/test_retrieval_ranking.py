"""Measures of rankings: as computed by hand, and 0 where nothing was found."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.evaluation.baselines import best_ranking, random_ranking
from radrag.evaluation.ranking import RankingScorer

GAINS = {"a": 100, "b": 67, "c": 50, "d": 0, "e": 51}
NAMES = ("P@5", "P@10", "R@20", "nDCG@10", "MRR")


def score(ranking, judged=None):
    return RankingScorer({"q": GAINS if judged is None else judged}, depth=20).score({"q": ranking})["q"]


def test_measures_are_those_of_a_hand_computation():
    # relevant (above one half): a, b, e; returned: d, c, b, x, a
    found = score(["d", "c", "b", "x", "a"])
    gained = 50 / log2(3) + 67 / log2(4) + 100 / log2(6)
    best = 100 + 67 / log2(3) + 51 / log2(4) + 50 / log2(5)
    assert found == pytest.approx({"P@5": 2 / 5, "P@10": 2 / 10, "R@20": 2 / 3, "nDCG@10": gained / best, "MRR": 1 / 3})


def test_swapping_a_better_result_behind_a_worse_one_lowers_ndcg():
    best = best_ranking(GAINS, 20)
    assert best[:4] == ["a", "b", "e", "c"]
    for place in range(3):
        swapped = [*best]
        swapped[place], swapped[place + 1] = swapped[place + 1], swapped[place]
        assert score(swapped)["nDCG@10"] < score(best)["nDCG@10"] == 1


def test_reversed_empty_and_identical_rankings():
    best = best_ranking(GAINS, 20)
    assert score(best[::-1])["nDCG@10"] < 1
    assert score([]) == dict.fromkeys(NAMES, 0.0)
    assert score(best) == score(list(best))


def test_a_query_without_any_relevant_case_scores_0():
    assert score(["a", "b"], {}) == score(["a"], {"a": 50, "b": 0}) | {"nDCG@10": 0.0} == dict.fromkeys(NAMES, 0.0)


def test_the_given_order_counts_and_not_that_of_ids():
    assert score(["e", "a"])["nDCG@10"] < score(["a", "e"])["nDCG@10"]
    assert score(["x", "a"])["MRR"] == score(["b0", "a"])["MRR"] == 0.5


def test_results_beyond_the_depth_do_not_count():
    filler = [f"x{number}" for number in range(20)]
    assert score([*filler, "a"]) == dict.fromkeys(NAMES, 0.0)


def test_a_pair_is_found_when_one_of_its_cases_is():
    scorer = RankingScorer({"q": {"own": 100, "twin": 100}, "r": {"own": 100}}, depth=20, pairs=True)
    found = scorer.score({"q": ["x", "twin", "own"]})
    assert found["q"] == {"R@1": 0, "R@5": 1, "R@10": 1, "MRR": 0.5}
    assert found["r"] == dict.fromkeys(("R@1", "R@5", "R@10", "MRR"), 0.0)


@given(st.permutations(sorted(GAINS)))
def test_no_order_beats_the_best_one(order):
    found, best = score(order), score(best_ranking(GAINS, 20))
    assert all(found[name] <= best[name] + 1e-12 for name in NAMES)


def test_random_orders_leave_out_what_is_excluded():
    import numpy as np

    ids = [f"c{number}" for number in range(30)]
    for _ in range(20):
        drawn = random_ranking(ids, {"c1", "c2"}, 28, np.random.default_rng(0))
        assert sorted(drawn) == sorted(set(ids) - {"c1", "c2"})
