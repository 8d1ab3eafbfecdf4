"""What a report says as labels, with all that follows."""

from fakes import sentence
from hypothesis import given
from hypothesis import strategies as st

from radrag.corpus.report_labels import finding_sides, report_labels, searchable_text
from radrag.domain import Finding, Polarity, Side
from radrag.reports.vocabulary import NAMES, ancestors


def labels(*findings):
    return report_labels([sentence("…", *findings)])


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


def test_sides_are_of_what_is_stated_and_left_and_right_are_both_sides():
    said = [
        Finding("Mass", side=Side.LEFT),
        Finding("Pleural Effusion", side=Side.LEFT),
        Finding("Pleural Effusion", side=Side.RIGHT),
        Finding("Pneumothorax", Polarity.NEGATIVE, side=Side.RIGHT),
        Finding("Edema"),
    ]
    assert finding_sides(said) == {"Mass": Side.LEFT, "Pleural Effusion": Side.BILATERAL}
