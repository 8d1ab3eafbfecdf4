"""Citations judged anew, copies, comparisons, and what a draft missed or made up."""

from dataclasses import replace

import pytest
from fakes import sentence
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import Relation, Status
from radrag.evaluation.grounding_measures import (
    COMPARISONS,
    COPIED,
    FAILED,
    INEXACT,
    MADE_UP,
    MISSED,
    OMITTED,
    PRECISION,
    RECALL,
    SHARES,
    SUPPORTED,
    UNLINKED,
    UNSUPPORTED,
    Text,
    judged,
    measure,
    states,
)
from radrag.grounding.verify import Verifier, link_to
from radrag.reports.findings import default_labeler

LABELER = default_labeler()
EVIDENCE = LABELER.label_section("c:1", "findings", "Left pleural effusion. No pneumothorax. The heart is large.")


def checked(*texts, evidence=EVIDENCE):
    return Verifier(LABELER.label_text).verify([("findings", text) for text in texts], evidence)


def score(*texts, truth=None, omitted=(), sentences=None):
    said = checked(*texts) if sentences is None else sentences
    return measure(Text(said, tuple(omitted)), {"c:1": EVIDENCE}, truth or {}, LABELER.label_text)


def linked(text, quote, relation=Relation.SUPPORTS):
    found = sentence(quote)
    return replace(checked(text, evidence=())[0], links=(link_to(found, relation, 1.0),)), link_to(found, relation, 1.0)


STATES = [
    ("There is a pleural effusion.", "Small left effusion."),
    ("No pneumonia.", "The lungs are clear."),
    ("Left effusion.", "Bilateral effusions."),
    ("Possible effusion.", "Effusion."),
    ("Azygos fissure.", "1. Azygos fissure"),
]
DOES_NOT = [
    ("There is a pleural effusion.", "No effusion."),
    ("Left effusion.", "Right effusion."),
    ("Left effusion.", "Effusion."),
    ("Pneumonia.", "Opacity."),
    ("No opacity.", "No pneumonia."),
    ("Effusion.", "Possible effusion."),
    ("No effusion.", "No left effusion."),
    ("Azygos fissure.", "No azygos fissure."),
]


@pytest.mark.parametrize(("text", "quote"), STATES)
def test_a_quote_that_says_as_much_states_it(text, quote):
    assert states(*linked(text, quote), LABELER.label_text)


@pytest.mark.parametrize(("text", "quote"), DOES_NOT)
def test_a_quote_that_says_less_or_something_else_does_not(text, quote):
    assert not states(*linked(text, quote), LABELER.label_text)


def test_a_link_that_does_not_say_it_costs_precision_and_a_claim_without_one_costs_recall():
    wrong, _ = linked("Left effusion.", "Right effusion.")
    assert score(sentences=(wrong,))[PRECISION] == 0
    assert score(sentences=(wrong,))[RECALL] == 0
    both = score("Left effusion and fracture.")
    assert (both[PRECISION], both[RECALL]) == (1, 0)
    assert score("Left pleural effusion.", "No pneumothorax.")[RECALL] == 1


def test_sentences_of_the_evidence_are_copies_whatever_their_case_and_stop():
    assert score("no PNEUMOTHORAX", "There is cardiomegaly.")[COPIED] == 0.5


def test_support_without_a_link_and_quotes_that_the_corpus_has_not_are_counted():
    fine = checked("No pneumothorax.")[0]
    bare = replace(fine, links=())
    forged = replace(fine, links=(replace(fine.links[0], quote="No pneumothorax"),))
    moved = replace(fine, links=(replace(fine.links[0], start=0),))
    found = score(sentences=(fine, bare, forged, moved))
    assert (found[UNLINKED], found[INEXACT]) == (1, 2)


def test_comparisons_are_counted():
    assert score("The effusion is unchanged.", "Left effusion.")[COMPARISONS] == 1


def test_what_is_there_and_not_stated_is_missed_and_what_is_not_there_and_stated_is_made_up():
    truth = {"Pleural Effusion": 1, "Mass": 1, "Cardiomegaly": 0, "Edema": 0, "Nodule": 0.5}
    found = score("Left pleural effusion.", "The heart is large.", truth=truth)
    assert (found[MISSED], found[MADE_UP]) == (0.5, 0.5)


def test_a_more_special_finding_or_another_word_for_it_is_not_missed():
    assert score("There is pneumonia.", truth={"Lung Opacity": 1})[MISSED] == 0
    assert score("Airspace disease.", truth={"Infiltration": 1})[MISSED] == 0
    assert score("There is an opacity.", truth={"Pneumonia": 1})[MISSED] == 1


def test_findings_are_judged_by_what_is_stated_of_those_that_are_known():
    truth = {"Pleural Effusion": 1, "Mass": 1, "Cardiomegaly": 0, "Edema": 0, "Nodule": 0.5, "No Finding": 0}
    assert judged(checked("Left pleural effusion.", "The heart is large."), truth) == {
        "Pleural Effusion": (True, True),
        "Mass": (False, True),
        "Cardiomegaly": (True, False),
        "Edema": (False, False),
    }


def test_only_what_is_supported_in_whole_counts_as_supported():
    found = score("Left pleural effusion.", "Right pleural effusion.", "There is a mass.", "No pneumothorax.")
    assert found[SUPPORTED] == 0.5


def test_an_abstention_has_no_citations_but_misses_what_is_there():
    found = score(truth={"Mass": 1, "Edema": 0})
    assert not {PRECISION, RECALL, UNSUPPORTED, COPIED} & found.keys()
    assert (found[MISSED], found[MADE_UP]) == (1, 0)


def test_omissions_are_a_share_of_what_should_be_spoken_of():
    assert score("No pneumothorax.", omitted=["Mass"])[OMITTED] == 0.5


def test_a_failed_study_counts_as_bad_as_can_be():
    assert set(FAILED) | {COPIED} == set(SHARES)
    assert FAILED[PRECISION] == FAILED[RECALL] == 0
    assert FAILED[UNSUPPORTED] == FAILED[MISSED] == 1


@given(st.lists(st.sampled_from(["Left effusion.", "No edema.", "Azygos fissure.", "Possible mass.", "…"]), max_size=4))
def test_shares_are_shares(texts):
    found = score(*texts, truth={"Mass": 1, "Edema": 0}, omitted=["Hernia"])
    assert all(0 <= found[name] <= 1 for name in SHARES if name in found)
    unsupported = sum(one.status is Status.UNSUPPORTED for one in checked(*texts))
    assert found.get(UNSUPPORTED, 0) == (unsupported / len(texts) if texts else 0)
