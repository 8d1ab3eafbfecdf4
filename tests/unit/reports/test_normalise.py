"""Text made comparable for search keeps what it denies and loses whom it is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.reports.normalise import normalise, search_terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("65-year-old male with SOB", "with shortness of breath"),
        ("67 y.o. male c/o CP", "complains of chest pain"),
        ("___ y/o F hx of TB", "history of tuberculosis"),  # the number is gone already
        ("45 y/o F, s/p CABG", ", status post coronary artery bypass graft"),
        ("XXXX cough ___ [**2118-6-7**]", "cough"),
        ("r/o PNA w/o fever", "rule out pneumonia without fever"),
        ("No PTX.", "No pneumothorax."),
    ],
)
def test_abbreviations_are_spelt_out_ages_and_marks_dropped(text, expected):
    assert normalise(text) == expected


def test_a_denied_term_is_another_term_until_its_clause_ends():
    terms = search_terms("No effusion or edema. Left effusion without pneumothorax but with nodule")
    assert terms == ["no:effusion", "no:edema", "left", "effusion", "no:pneumothorax", "nodule"]


@given(st.text(max_size=200))
def test_terms_are_plain_words(text):
    for term in search_terms(text):
        assert term.removeprefix("no:").isalnum()


@given(st.text(max_size=200))
def test_normalising_twice_changes_nothing_more(text):
    once = normalise(text)
    assert " ".join(once.split()) == once
