"""The profile puts the reports first whose findings, as a whole, are likeliest to agree with the image's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.reports.vocabulary import NAMES
from radrag.retrieval.levels import at_level
from radrag.retrieval.profile import TOGETHER, ProfileScorer, independent_sets, stated_sets

ASSESSED = ("Mass", "Nodule", "Pleural Effusion", "Edema")  # in the order of NAMES they come as below
INSIDE = tuple(name for name in NAMES if name in ASSESSED)
PROBABILITIES = st.fixed_dictionaries({name: st.floats(0.01, 0.99) for name in ASSESSED})
STATED = ((), ("Mass",), ("Edema", "Pleural Effusion"), ("Nodule", "Scoliosis"), ("Cardiomegaly",))
REPORTS = np.array([50, 5, 20, 3, 10])


def pattern(*stated):
    values = np.zeros(len(NAMES), dtype=np.float32)
    for name in stated or ("No Finding",):
        values[NAMES.index(name)] = 1
    return values


def scorer(stated=STATED, reports=REPORTS):
    return ProfileScorer(np.stack([pattern(*names) for names in stated]), np.asarray(reports))


def agreement(shown, stated):
    """F1 at the common level, over what was assessed and what follows from the shown findings."""
    there, said = at_level(dict.fromkeys(shown, 1.0)), at_level(dict.fromkeys(stated, 1.0))
    judged = (at_level(dict.fromkeys(ASSESSED, 1.0)) > 0) & ((there > 0) | _assessed())
    both, sizes = np.minimum(there, said)[judged].sum(), (there + said)[judged].sum()
    return 2 * both / sizes if sizes else 1.0


def _assessed():
    """Places of the assessed labels themselves: what only follows from them is not judged where they are absent."""
    from radrag.retrieval.levels import LEVELS, PLACE, level

    places = np.zeros(len(LEVELS), dtype=bool)
    places[[PLACE[level(name)] for name in ASSESSED]] = True
    return places


@given(PROBABILITIES)
def test_scores_are_the_expected_agreement_half_independent_half_over_sets_of_reports(probabilities):
    chance = np.array([probabilities[name] for name in INSIDE])
    free, likely = independent_sets(chance)
    sets = np.array([[name in stated for name in INSIDE] for stated in STATED])
    known = stated_sets(sets, REPORTS.astype(float), chance)
    parts = ((free, likely / likely.sum(), 1 - TOGETHER), (sets, known / known.sum(), TOGETHER))
    for stated, value in zip(STATED, scorer().scores(probabilities), strict=True):
        expected = sum(
            share * weight * agreement([name for name, there in zip(INSIDE, one, strict=True) if there], stated)
            for group, weights, share in parts
            for one, weight in zip(group, weights, strict=True)
        )
        assert value == pytest.approx(expected, abs=1e-5)


def test_names_for_about_the_same_count_alike_and_what_was_not_assessed_costs_nothing():
    found = scorer((("Mass",), ("Nodule",), ("Mass", "Scoliosis"), ("Edema",)), (1, 1, 1, 1)).scores(
        {"Mass": 0.9, "Nodule": 0.05, "Edema": 0.05}
    )
    assert found[0] == found[1] == found[2] > found[3]


def test_findings_that_reports_state_together_lift_each_other():
    chance = np.array([0.8, 0.3])
    sets = np.array([[False, False], [True, False], [False, True], [True, True]])
    apart, together = (
        stated_sets(sets, np.array(counts, float), chance) for counts in ((60, 15, 20, 5), (70, 5, 10, 15))
    )
    assert together[3] / together.sum() > apart[3] / apart.sum()
    assert apart / apart.sum() == pytest.approx([0.14, 0.56, 0.06, 0.24])  # independent in the reports, too


def test_a_normal_image_asks_for_normal_reports_however_many_findings_might_be_there():
    likely = dict.fromkeys(ASSESSED, 0.3)
    assert scorer().scores(likely, normal=0.95).argmax() == 0
    assert scorer().scores(likely, normal=0.95)[0] == pytest.approx(0.95, abs=1e-5)
    assert scorer().scores(likely, normal=0.05).argmax() != 0


def test_what_is_certain_is_asked_for_as_a_whole_though_no_report_states_it():
    found = scorer((("Mass", "Edema"), ("Mass",), ("Hernia",), ()), (0, 5, 5, 5)).scores({"Mass": 1.0, "Edema": 1.0})
    assert list(np.argsort(-found)[:2]) == [0, 1]
    assert found[0] > 0.85
    assert max(found[2:]) < 0.01


def test_nothing_assessed_and_nothing_indexed_are_no_error():
    assert scorer().scores({}).shape == (5,)
    assert ProfileScorer(np.empty((0, len(NAMES)), dtype=np.float32), np.empty(0, int)).scores({"Mass": 0.5}).shape == (
        0,
    )


def test_what_no_report_states_and_what_all_deny_leaves_the_sets_a_sum_of_one():
    every = tuple(name for name in NAMES if name != "No Finding")
    chance = np.array([0.0] * (len(every) - 1) + [1.0])
    sets = np.eye(len(every), dtype=bool)[:3]  # none of them the one that is certain
    assert stated_sets(sets, np.array([1.0, 5.0, 0.0]), chance).max() == 1.0
    assert stated_sets(sets, np.zeros(3), chance).sum() == 0


@given(PROBABILITIES, st.permutations(range(5)))
def test_the_order_of_patterns_changes_no_score(probabilities, order):
    plain = scorer().scores(probabilities)
    turned = scorer([STATED[place] for place in order], REPORTS[list(order)]).scores(probabilities)
    assert plain[list(order)] == pytest.approx(turned, abs=1e-6)
