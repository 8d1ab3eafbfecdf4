"""Sentences a draft must not take over are recognised."""

import pytest

from radrag.reports import screening


@pytest.mark.parametrize(
    "text",
    [
        "Unchanged cardiomegaly.",
        "The heart is stable.",
        "New opacity in the left base.",
        "Compared with the previous study the effusion is larger.",
        "Interval removal of the tube.",
        "A nodule is again seen.",
        "Improved edema.",
        "Worsening consolidation.",
        "Persistent atelectasis.",
        "No significant change.",
        "The effusion has increased.",
        "No longer seen.",
        "Since the prior exam, the tube was removed.",
        "Removal of 2 left-sided chest tubes.",
    ],
)
def test_comparisons(text):
    assert screening.is_comparison(text)


@pytest.mark.parametrize(
    "text",
    [
        "The lungs are clear.",
        "Increased interstitial markings.",
        "Sequelae of prior granulomatous disease.",
        "Old rib fractures.",
        "Mild cardiomegaly with small effusions.",
        "No acute cardiopulmonary abnormality.",
    ],
)
def test_plain_sentences_are_no_comparisons(text):
    assert not screening.is_comparison(text)


@pytest.mark.parametrize("text", ["XXXX opacity.", "Seen on ___.", "Name [**Doe**].", "[redacted] film"])
def test_deidentification_marks(text):
    assert screening.has_deidentification_token(text)


@pytest.mark.parametrize("text", ["The lungs are clear.", "xx", "Stage III_a"])
def test_plain_text_has_no_marks(text):
    assert not screening.has_deidentification_token(text)


@pytest.mark.parametrize(
    "text",
    [
        "Read by Dr. Miller.",
        "Film of 3/14/2011.",
        "Film of 2011-03-14.",
        "Study of March 14.",
        "Seen at 4:15.",
        "Seen at 5 pm.",
        "Call 555-123-4567.",
        "MRN given.",
        "A 54-year-old man.",
        "12345678",
    ],
)
def test_identifiers(text):
    assert screening.has_identifier(text)


@pytest.mark.parametrize(
    "text", ["A 1.5 cm nodule at T8.", "Two views of the chest.", "May represent pneumonia.", "Ribs 3-5."]
)
def test_measures_and_levels_are_no_identifiers(text):
    assert not screening.has_identifier(text)


@pytest.mark.parametrize(
    "text",
    [
        "Discussed with the team.",
        "Recommend CT.",
        "Clinical correlation advised.",
        "Follow-up is suggested.",
        "Results were called to the ward.",
    ],
)
def test_communication_and_advice(text):
    assert screening.is_communication(text)


def test_a_finding_is_no_communication():
    assert not screening.is_communication("Small left effusion.")


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("Small left effusion.", True),
        ("Stable effusion.", False),
        ("XXXX effusion.", False),
        ("Seen by Dr. Ames.", False),
    ],
)
def test_only_plain_statements_are_fit_for_another_patients_draft(text, fit):
    assert screening.is_fit_for_draft(text) is fit
