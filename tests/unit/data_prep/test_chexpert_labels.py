"""CheXpert's label columns become codes, and words that the labeler reads back as the same labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.chexpert_labels import LABELS, codes, label_section
from radrag.corpus.collection import ItemRejected
from radrag.domain import Polarity
from radrag.reports.findings import default_labeler
from radrag.reports.vocabulary import CHEXPERT

POLARITIES = {"": Polarity.POSITIVE, "-": Polarity.NEGATIVE, "?": Polarity.UNCERTAIN}
CODES = [mark + label for label in LABELS for mark in POLARITIES]


def read_back(text):
    sentences = default_labeler().label_section("chexpert:x", "labels", text)
    return [[(finding.label, finding.polarity) for finding in sentence.findings] for sentence in sentences]


def meaning(code):
    mark = code[:1] if code[:1] in POLARITIES else ""
    return code.removeprefix(mark), POLARITIES[mark]


def test_the_columns_are_the_vocabularys_chexpert_labels():
    assert sorted(LABELS) == sorted(CHEXPERT)


def test_values_become_stated_denied_and_uncertain_labels():
    row = {"Path": "x.jpg", "Edema": "1.0", "Fracture": "0", "Pneumonia": "-1.0", "Cardiomegaly": "", "Sex": "1"}
    assert codes(row) == ("Edema", "?Pneumonia", "-Fracture")


def test_not_a_number_is_a_blank():
    assert codes({"Edema": "nan", "Fracture": " 1 "}) == ("Fracture",)


@pytest.mark.parametrize("value", ["2.0", "yes", "0.5", "inf", "Male"])
def test_any_other_value_rejects_the_row_by_its_column(value):
    with pytest.raises(ItemRejected, match="'Edema'") as caught:
        codes({"Edema": value}, "train.csv:7")
    assert (caught.value.rejection.code, caught.value.rejection.item) == ("bad_value", "train.csv:7")


@pytest.mark.parametrize("code", CODES)
def test_each_label_in_words_is_read_back_as_itself(code):
    assert read_back(label_section([code])) == [[meaning(code)]]


@given(st.lists(st.sampled_from(CODES), unique=True))
def test_any_set_of_labels_in_words_is_read_back_as_itself(chosen):
    found = [finding for sentence in read_back(label_section(chosen)) for finding in sentence]
    assert sorted(found) == sorted(meaning(code) for code in chosen)


def test_what_is_stated_comes_before_what_is_possible_and_what_is_denied():
    text = label_section(["-Pleural Effusion", "?Edema", "Support Devices", "Cardiomegaly"])
    assert text == "Support devices. Cardiomegaly. Possible edema. No pleural effusion."


def test_no_labels_are_no_words():
    assert label_section([]) == ""
