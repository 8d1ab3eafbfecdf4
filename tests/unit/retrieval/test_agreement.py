"""Expected agreement puts the reports first that are likeliest to say what the image shows."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.reports.vocabulary import NAMES
from radrag.retrieval.agreement import SILENT, expected_agreement

ASSESSED = ("Mass", "Nodule", "Pleural Effusion", "Edema")
PROBABILITIES = st.fixed_dictionaries({name: st.floats(0.0, 1.0) for name in ASSESSED})


def pattern(*stated, denied=()):
    values = np.zeros(len(NAMES), dtype=np.float32)
    for name in stated or ("No Finding",):
        values[NAMES.index(name)] = 1
    for name in denied:
        values[NAMES.index(name)] = -1
    return values


def scores(patterns, **how):
    probabilities = dict.fromkeys(ASSESSED, 0.02) | how.pop("probabilities", {})
    return expected_agreement(np.stack(patterns), probabilities, **how)


def test_a_certain_finding_ranks_stating_before_more_before_silence():
    found = scores(
        [pattern("Mass"), pattern("Mass", "Edema"), pattern(), pattern("Edema")], probabilities={"Mass": 1.0}
    )
    assert list(np.argsort(-found)[:2]) == [0, 1]
    assert found[0] > 0.9
    assert max(found[2:]) < 0.1


def test_a_normal_image_asks_for_normal_reports_and_of_those_for_the_ones_that_say_more():
    said = pattern(denied=ASSESSED)
    found = scores([pattern(), pattern("Mass"), said, pattern("Scoliosis")], normal=0.95)
    assert list(np.argsort(-found)) == [2, 0, 3, 1]


def test_an_estimate_of_normal_counts_more_than_the_product_of_the_parts():
    likely = dict.fromkeys(ASSESSED, 0.3)
    normal_report = [pattern(), pattern("Mass")]
    assert scores(normal_report, probabilities=likely, normal=0.9)[0] == pytest.approx(0.9, abs=0.05)
    assert scores(normal_report, probabilities=likely)[0] < 0.5


def test_another_wording_counts_as_the_finding():
    wanted = {"Infiltration": 0.9}
    found = expected_agreement(np.stack([pattern("Airspace Disease", "Lung Opacity"), pattern("Mass")]), wanted)
    assert found[0] > 0.8
    assert found[1] < 0.2


def test_denying_what_is_wanted_costs_less_than_lacking_it_gains():
    found = scores([pattern("Mass", denied=["Edema"]), pattern("Mass")], probabilities={"Mass": 0.9, "Edema": 0.6})
    assert 0 < found[1] - found[0] < 2 * SILENT


@given(PROBABILITIES)
def test_scores_are_the_expected_f1(probabilities):
    """Against the sum over all images, of independent findings."""
    sets = [set(), {"Mass"}, {"Nodule", "Edema"}, set(ASSESSED)]
    found = expected_agreement(np.stack([pattern(*names) for names in sets]), probabilities)
    for names, value in zip(sets, found, strict=True):
        expected = 0.0
        for shown in itertools.product((0, 1), repeat=len(ASSESSED)):
            image = {name for name, there in zip(ASSESSED, shown, strict=True) if there}
            chance = np.prod([p if name in image else 1 - p for name, p in probabilities.items()])
            agreement = 2 * len(image & names) / (len(image) + len(names)) if image or names else 1.0
            expected += chance * agreement
        assert value == pytest.approx(expected, abs=SILENT + 1e-5)


@given(PROBABILITIES, st.permutations(range(4)))
def test_the_order_of_patterns_changes_no_score(probabilities, order):
    patterns = np.stack([pattern(), pattern("Mass"), pattern("Edema", "Nodule"), pattern(denied=["Mass"])])
    assert np.array_equal(
        expected_agreement(patterns, probabilities)[order], expected_agreement(patterns[order], probabilities)
    )
