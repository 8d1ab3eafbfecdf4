"""Relevance of a case: agreement at a level that both vocabularies have, over what was judged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import Finding, Polarity
from radrag.evaluation.relevance import Relevance, truth_of_columns, truth_of_text, wanted_labels
from radrag.reports.findings import default_labeler
from radrag.reports.vocabulary import NAMES, NIH, NO_FINDING

TRUTHS = st.dictionaries(
    st.sampled_from([name for name in NAMES if name != NO_FINDING]), st.sampled_from([0.0, 0.5, 1.0])
)
CASES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([-1.0, 0.5, 1.0]))


def nih(*there):
    return {name: float(name in there) for name in NIH}


def gain(truth, case):
    return float(Relevance({"c": case}).gains(truth)[0])


NORMAL = {NO_FINDING: 1.0, "Pleural Effusion": -1.0}


def test_normal_agrees_with_normal_and_with_nothing_else():
    assert gain(nih(), NORMAL) == 1
    assert gain(nih("Hernia"), NORMAL) == 0
    assert gain(nih(), {"Hernia": 1.0}) == 0


def test_what_the_manifest_did_not_judge_takes_nothing_away():
    assert gain(nih(), {"Scoliosis": 1.0}) == 1
    assert gain(nih("Cardiomegaly"), {"Cardiomegaly": 1.0, "Enlarged Cardiomediastinum": 1.0, "Scoliosis": 1.0}) == 1
    assert gain({"Edema": 1.0}, {"Edema": 1.0, "Lung Opacity": 1.0, "Hernia": 1.0}) == 1


def test_labels_of_two_vocabularies_meet_at_the_coarser_one():
    assert gain(nih("Infiltration"), {"Airspace Disease": 1.0, "Lung Opacity": 1.0}) == 1
    assert gain(nih("Mass"), {"Nodule": 1.0, "Lung Lesion": 1.0, "Lung Opacity": 1.0}) == 1
    assert gain(nih("Edema"), {"Pulmonary Congestion": 1.0}) == 1


def test_two_kinds_of_one_thing_agree_in_part():
    # {Pneumonia, Lung Opacity} and {Atelectasis, Lung Opacity}: one of two on each side
    assert gain(nih("Pneumonia"), {"Atelectasis": 1.0, "Lung Opacity": 1.0}) == pytest.approx(0.5)
    assert gain(nih("Consolidation"), {"Lung Opacity": 1.0}) == pytest.approx(2 / 3)
    assert gain(nih("Pleural Effusion"), {"Atelectasis": 1.0, "Lung Opacity": 1.0}) == 0


def test_a_wrong_and_a_missing_finding_cost_alike():
    both = {"Pleural Effusion": 1.0, "Hernia": 1.0}
    assert gain(nih("Hernia"), both) == gain(nih("Hernia", "Pleural Effusion"), {"Hernia": 1.0}) == pytest.approx(2 / 3)


def test_possible_counts_half():
    assert gain(nih("Hernia"), {"Hernia": 0.5}) == pytest.approx(2 / 3)
    assert gain({"Hernia": 0.5}, {"Hernia": 0.5}) == 1
    assert gain({"Hernia": 0.5}, NORMAL) == 0


@given(TRUTHS, CASES)
def test_gains_are_shares_and_a_denial_is_as_good_as_silence(truth, case):
    value = gain(truth, case)
    assert 0 <= value <= 1 + 1e-12
    assert value == gain(truth, {label: weight for label, weight in case.items() if weight > 0})


@given(TRUTHS)
def test_a_case_that_states_the_truth_has_the_full_gain(truth):
    assert gain(truth, truth) == pytest.approx(1)


def test_a_case_states_a_finding_under_its_wordings_and_possible_ones_count():
    cases = {"a": {"Airspace Disease": 0.5}, "b": {"Airspace Disease": -1.0}, "c": {"Infiltration": 1.0}}
    assert Relevance(cases).stating("Infiltration").tolist() == [True, False, True]
    assert Relevance(cases).stating("Mass").tolist() == [False] * 3


def test_no_finding_judges_the_other_columns():
    columns = ("No Finding", "Edema", "Support Devices")
    assert truth_of_columns({"No Finding": 1.0}, columns) == {"Edema": 0.0}
    assert truth_of_columns({"No Finding": 1.0, "Support Devices": 1.0}, columns)["Support Devices"] == 1
    assert truth_of_columns({"No Finding": 0.0}, columns) == {}  # something is there, but not said what
    assert truth_of_columns({"No Finding": 0.0, "Edema": 1.0}, columns) == {"Edema": 1.0}


def test_a_report_is_complete_but_a_silent_note_says_nothing():
    stated = truth_of_text([Finding("Edema"), Finding("Hernia", Polarity.UNCERTAIN)])
    assert (stated["Edema"], stated["Lung Opacity"], stated["Hernia"], stated["Mass"]) == (1, 1, 0.5, 0)
    label = default_labeler().label_text
    assert truth_of_text(label("Fever and cough for three days.")) == {}
    normal = truth_of_text(label("No pleural effusion. The heart is normal."))
    assert set(normal.values()) == {0.0}


def test_a_query_counts_for_each_of_its_findings_or_for_none():
    assert set(wanted_labels(nih("Mass", "Edema"))) == {"Mass", "Edema"}
    assert wanted_labels(nih()) == (NO_FINDING,)
    assert wanted_labels({"Mass": 0.5}) == ()
    assert wanted_labels({}) == ()
