"""What a sentence says beyond its findings: numbers, and words that no finding carries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import Status
from radrag.grounding.details import details, gap
from radrag.grounding.verify import Verifier
from radrag.reports.findings import default_labeler

LABELER = default_labeler()


def of(text):
    return details(text, LABELER.label_text(text))


def status(claim, evidence):
    found = LABELER.label_section("c:1", "findings", evidence)
    return Verifier(LABELER.label_text).verify([("findings", claim)], found)[0].status


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        ("A 2 cm nodule.", "measure", {"20"}),
        ("A 7-mm nodule.", "measure", {"7"}),
        ("Wedging of T8 and L1.", "level", {"t8", "l1"}),
        ("Fractures of the 4th through 6th ribs.", "rib", {"4", "5", "6"}),
        ("Fracture of the left fifth rib.", "rib", {"5"}),
        ("Two nodules.", "count", {"2"}),
        ("Scoliosis, convex to the right.", "side", {"right"}),
        ("Marked interval change.", "severity", {"severe"}),
    ],
)
def test_what_no_finding_carries_is_loose(text, kind, values):
    assert of(text).loose[kind] == values


@pytest.mark.parametrize("text", ["Small left effusion.", "Right lower lobe opacity.", "Stable cardiomegaly."])
def test_what_a_finding_carries_is_not(text):
    assert not of(text).loose


@pytest.mark.parametrize("text", ["1. Cardiomegaly.", "3-view chest.", "The second rib.", "PA and lateral, 2 views."])
def test_numbers_of_lists_and_views_are_no_measures(text):
    assert not {"measure", "level"} & of(text).loose.keys()


def test_the_same_length_in_another_unit_is_the_same():
    assert status("A 20 mm lung nodule.", "2 cm lung nodule.") is Status.SUPPORTED


def test_a_number_that_the_evidence_does_not_give_leaves_support_in_part():
    assert status("A 6 mm lung nodule.", "Lung nodule.") is Status.PARTIAL
    assert status("A lung nodule.", "6 mm lung nodule.") is Status.SUPPORTED


def test_how_many_counts_only_where_both_say_it():
    assert status("Multiple lung nodules.", "Lung nodules.") is Status.SUPPORTED
    assert status("Multiple lung nodules.", "A single lung nodule.") is Status.PARTIAL


def test_opposite_loose_words_contradict_and_others_weaken():
    assert status("Scoliosis convex to the left.", "Scoliosis convex to the right.") is Status.CONTRADICTED
    assert status("Scoliosis convex to the left.", "Scoliosis.") is Status.PARTIAL


def test_a_side_that_belongs_to_another_finding_does_not_contradict():
    assert status("Scoliosis convex to the left.", "Scoliosis and right pleural effusion.") is Status.PARTIAL


@given(st.text(max_size=80))
def test_any_text_has_no_gap_to_itself(text):
    own = details(text, ())
    assert gap(own, own) is None
