"""The best cases are selected, and some for every finding that is asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radrag.retrieval.ranked import Ranked
from radrag.retrieval.selection import (
    AT_LEAST,
    CalibratedRisk,
    FixedCount,
    SimilarityGap,
    cases_wanted,
    diversified,
    select,
)

STATED = st.lists(st.sets(st.sampled_from(["Mass", "Edema", "Hernia"])), max_size=40)


def selected(stated, k, wanted):
    quotas = dict.fromkeys(sorted(wanted), AT_LEAST)
    return select(ranked(stated), k, quotas, states_of(stated)).rows.tolist()


def test_without_wanted_findings_the_best_cases_are_taken():
    assert selected([set()] * 5, 3, []) == [0, 1, 2]


def test_a_rare_finding_gets_its_cases_and_the_order_stays():
    stated = [{"Mass"}] * 10 + [{"Hernia"}] * 5
    assert selected(stated, 6, ["Mass", "Hernia"]) == [0, 1, 2, 10, 11, 12]


def test_where_there_is_not_room_for_all_each_finding_gets_its_part():
    stated = [{"Mass"}] * 10 + [{"Hernia"}] * 5
    assert selected(stated, 3, ["Mass", "Hernia"]) == [0, 1, 10]
    assert selected(stated, 2, ["Mass", "Hernia"]) == [0, 10]


@given(STATED, st.integers(1, 20), st.sets(st.sampled_from(["Mass", "Edema", "Hernia"])))
def test_as_many_as_asked_for_in_order_with_every_finding_covered(stated, k, wanted):
    found = selected(stated, k, wanted)
    assert len(found) == min(k, len(stated))
    assert found == sorted(set(found))
    if k >= AT_LEAST * len(wanted):
        for label in wanted:
            there = sum(label in item for item in stated)
            assert sum(label in stated[row] for row in found) >= min(AT_LEAST, there)


LABELS = st.sampled_from(["Mass", "Edema", "Hernia"])
RISK = CalibratedRisk(bound=0.3, intercept=-2.0, of_probability=1.0, of_vote=2.0)
SELECTORS = st.sampled_from([FixedCount(), SimilarityGap(), RISK])


def ranked(stated, scores=None):
    return Ranked(np.arange(len(stated)), np.array(scores or [1 / (row + 1) for row in range(len(stated))]))


def states_of(stated):
    return lambda rows, label: np.array([label in stated[row] for row in rows], dtype=bool)


@given(SELECTORS, STATED, st.integers(-1, 60), st.dictionaries(LABELS, st.floats(0, 1)))
def test_a_selector_never_asks_for_more_than_there_is_or_may_be(selector, stated, k, probabilities):
    count = selector.count(ranked(stated), k, probabilities, states_of(stated))
    assert 0 <= count <= max(min(k, len(stated)), 0)
    assert len(select(ranked(stated), count, {}, states_of(stated))) == count


@given(STATED, st.integers(-1, 20), st.sets(LABELS))
def test_nothing_is_selected_twice_and_never_too_much(stated, k, wanted):
    found = selected(stated, k, wanted)
    assert len(found) == len(set(found)) == max(min(k, len(stated)), 0)


def test_the_gap_ends_the_list_where_the_scores_fall():
    scores = [0.9, 0.9, 0.89, 0.88, 0.5, 0.49, 0.48, 0.47]
    assert SimilarityGap().count(ranked([set()] * 8, scores), 8, {}, states_of([set()] * 8)) == 4


def test_without_a_gap_worth_the_name_all_are_taken():
    scores = [0.9 - 0.01 * n for n in range(8)]
    assert SimilarityGap().count(ranked([set()] * 8, scores), 8, {}, states_of([set()] * 8)) == 8


def test_a_majority_for_what_the_image_hardly_shows_asks_for_more_cases():
    stated = [{"Mass"}, {"Mass"}, set(), set(), set(), set()]
    assert RISK.count(ranked(stated), 6, {"Mass": 0.02}, states_of(stated)) == 4
    assert RISK.count(ranked(stated), 6, {"Mass": 0.95}, states_of(stated)) == 3


def test_where_no_number_is_within_the_bound_the_one_of_least_risk_counts():
    stated = [{"Mass"}] * 4 + [set()]
    count = RISK.count(ranked(stated), 5, {"Mass": 0.02}, states_of(stated))
    assert count == 4  # all of the first three and four state it, which is likelier than four of five; more is better


def test_the_risk_is_that_of_any_asserted_finding():
    probabilities = {"Mass": 0.5, "Edema": 0.5, "Hernia": 0.5}
    one = RISK.risk(probabilities, {"Mass": 1.0, "Hernia": 0.5})
    two = RISK.risk(probabilities, {"Mass": 1.0, "Edema": 1.0})
    assert 0 < one < two < 1
    assert RISK.risk(probabilities, {"Hernia": 0.5}) == 0


def test_words_have_no_risk_to_bound():
    stated = [{"Mass"}] * 6
    assert RISK.count(ranked(stated), 6, {}, states_of(stated)) == 6


def alike(stated):
    return lambda rows: np.array([[float(stated[one] == stated[other]) for other in rows] for one in rows])


def test_diversity_brings_what_says_something_else_forward():
    stated = [{"Mass"}, {"Mass"}, {"Edema"}]
    items = ranked(stated, [0.9, 0.85, 0.8])
    assert diversified(items, 3, alike(stated), balance=0.7).rows.tolist() == [0, 2, 1]
    assert diversified(items, 3, alike(stated), balance=1.0).rows.tolist() == [0, 1, 2]


@given(STATED, st.integers(-1, 50), st.floats(0, 1))
def test_diversity_keeps_the_set_and_the_first(stated, count, balance):
    found = diversified(ranked(stated), count, alike(stated), balance=balance).rows.tolist()
    assert sorted(found) == list(range(len(stated)))
    assert found[:1] == [0] * bool(stated) or balance == 0


def test_each_finding_gets_its_share_of_the_cases_and_never_too_few():
    assert cases_wanted({"Mass": 0.5, "Edema": 1.0}, 18) == {"Edema": 12, "Mass": 6}
    assert cases_wanted({"Mass": 0.01, "Edema": 1.0}, 10) == {"Edema": 10, "Mass": AT_LEAST}
    assert cases_wanted({}, 10) == {}
