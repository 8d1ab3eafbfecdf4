"""A report's findings become a vector whose product with a query puts the fitting reports first."""

import numpy as np
from fakes import sentence
from hypothesis import given
from hypothesis import strategies as st

from radrag.corpus.vectors import (
    LABEL_DIMENSION,
    case_vector,
    clean_text,
    query_vector,
    report_labels,
    searchable_text,
)
from radrag.domain import Finding, Polarity
from radrag.reports.vocabulary import NAMES, ancestors

WEIGHTS = st.dictionaries(st.sampled_from(NAMES), st.floats(-1, 1, width=32))


def labels(*findings):
    return report_labels([sentence("…", *findings)])


def score(weights, *findings):
    return float(query_vector(weights) @ case_vector(labels(*findings)))


def test_stating_implies_parents_and_denying_implies_children():
    found = labels("Pneumonia", "no Lung Lesion")
    assert found["Lung Opacity"] == 1
    assert found["Nodule"] == found["Mass"] == -1


def test_what_is_stated_anywhere_is_not_denied():
    assert labels("no Lung Opacity", "Nodule")["Lung Opacity"] == 1


def test_a_possible_finding_counts_half_and_nothing_stated_is_no_finding():
    assert labels(Finding("Mass", Polarity.UNCERTAIN))["Mass"] == 0.5
    assert labels("no Mass")["No Finding"] == 1
    assert "No Finding" not in labels("Mass")


def test_stating_the_wanted_beats_silence_and_silence_beats_denying():
    wanted = {"Pleural Effusion": 1.0}
    stating = score(wanted, "Pleural Effusion")
    silent = score(wanted, "no Mass")
    denying = score(wanted, "no Pleural Effusion")
    assert stating > silent > denying


def test_stating_the_unwanted_costs_and_denying_it_earns_little():
    unwanted = {"Mass": -1.0, "No Finding": 1.0}
    assert score(unwanted, "no Mass") > score(unwanted, "no Hernia") > score(unwanted, "Mass")
    assert score(unwanted, "no Mass") - score(unwanted, "no Hernia") < 0.1


@given(WEIGHTS)
def test_vectors_have_the_agreed_shape_and_range(weights):
    for vector in (case_vector(weights), query_vector(weights)):
        assert vector.shape == (LABEL_DIMENSION,)
        assert vector.dtype == np.float32
        assert np.abs(vector).max() <= 1


@given(st.lists(st.sampled_from(NAMES), max_size=5))
def test_whatever_follows_from_a_statement_is_stated(names):
    found = labels(*names)
    for name in names:
        if name != "No Finding":
            assert all(found[parent] == 1 for parent in ancestors(name))


def test_the_text_that_is_embedded_has_the_impression_first_and_no_marks():
    sections = {"findings": "Heart is XXXX large.", "impression": "Big  heart ___.", "indication": "Cough"}
    assert searchable_text(sections) == "Big heart . Heart is large."
    assert searchable_text({"note": "Only this."}) == "Only this."
    assert clean_text("a XXXX b") == "a b"
