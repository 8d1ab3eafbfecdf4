"""Image findings and words become label weights and a text."""

import pytest
from fakes import image_finding
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import Finding, Polarity
from radrag.reports.vocabulary import NAMES
from radrag.retrieval.query import UNKNOWN_PENALTY, joined, query_from_image, query_from_text


def test_a_finding_above_its_threshold_is_wanted_and_one_below_is_not():
    query = query_from_image([image_finding("Mass", 0.4, 0.2), image_finding("Edema", 0.05, 0.3)])
    assert query.weights["Mass"] > 0
    assert query.weights["Edema"] < 0
    assert query.text == "Mass."


def test_parents_and_other_wordings_share_the_weight():
    weights = query_from_image([image_finding("Infiltration", 0.9, 0.2)]).weights
    assert weights["Airspace Disease"] == weights["Infiltration"] == 1
    assert weights["Lung Opacity"] == 1
    parent = query_from_image([image_finding("Pneumonia", 0.9, 0.2)]).weights["Lung Opacity"]
    assert parent == 0.5


def test_labels_nobody_assessed_are_slightly_unwanted():
    weights = query_from_image([image_finding("Mass", 0.9), image_finding("Edema", 0.9, trained=False)]).weights
    assert weights["Scoliosis"] == weights["Edema"] == UNKNOWN_PENALTY


def test_a_normal_image_asks_for_a_normal_report():
    query = query_from_image([image_finding("Mass", 0.1), image_finding("No Finding", 0.9)], indication="Cough XXXX.")
    assert query.text == "Cough . No acute cardiopulmonary abnormality."
    assert query.weights["No Finding"] > 0


def test_an_image_nobody_assessed_asks_by_indication_only():
    query = query_from_image([image_finding("Mass", float("nan"), trained=False)], indication="Cough.")
    assert query.text == "Cough."


def test_words_that_state_findings_ask_for_them():
    query = query_from_text("left effusion", [Finding("Pleural Effusion"), Finding("Mass", Polarity.NEGATIVE)])
    assert query.weights["Pleural Effusion"] == 1
    assert query.weights["Mass"] < 0
    assert query_from_text("azygos fissure").weights == {}


def test_typed_findings_are_added_to_those_of_the_image():
    image = query_from_image([image_finding("Mass", 0.9), image_finding("Hernia", 0.1)], exclude_patient="key")
    both = joined(image, query_from_text("hernia", [Finding("Hernia")]))
    assert both.weights["Hernia"] == 1
    assert both.weights["Mass"] > 0
    assert both.text.startswith("hernia")
    assert both.exclude_patient == "key"


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 1), st.floats(0.01, 0.99)), max_size=8))
def test_weights_stay_within_one(findings):
    query = query_from_image([image_finding(*finding) for finding in findings])
    assert all(-1 <= weight <= 1 for weight in query.weights.values())


def test_certain_probabilities_are_no_accident():
    weights = query_from_image([image_finding("Mass", 1.0), image_finding("Edema", 0.0)]).weights
    assert weights["Mass"] == pytest.approx(1)
    assert weights["Edema"] == pytest.approx(-1)


def test_words_of_normality_ask_for_reports_that_state_nothing():
    normal = query_from_text("No acute abnormality.", [Finding("No Finding")])
    assert set(normal.probabilities.values()) == {0.0}
    assert len(normal.probabilities) == len(NAMES) - 1
    assert normal.normal == 1
    denial = query_from_text("No edema.", [Finding("Edema", Polarity.NEGATIVE)])
    assert set(denial.probabilities) == {"Edema"}
    mixed = query_from_text("Mass, else normal.", [Finding("Mass"), Finding("No Finding")])
    assert mixed.probabilities["Mass"] == 1
    assert mixed.normal is None
