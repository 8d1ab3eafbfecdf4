"""The sentence that is shown for a hit: the one that says what was asked for."""

from fakes import sentence

from radrag.reports.findings import default_labeler
from radrag.retrieval.query import query_from_text
from radrag.retrieval.quotes import best_sentence

LABEL = default_labeler().label_text
TEXTS = ("Heart size is normal.", "No left effusion.", "Small right effusion.", "Small left effusion.")


def quoted(words, *texts):
    said = [sentence(text, *LABEL(text), number=number) for number, text in enumerate(texts)]
    return best_sentence(query_from_text(words, LABEL(words)), said)


def test_what_states_the_finding_on_the_side_asked_for_is_quoted_and_never_its_denial():
    assert quoted("left pleural effusion", *TEXTS).text == "Small left effusion."
    assert quoted("left pleural effusion", *TEXTS[:2]).text == "Heart size is normal."


def test_of_two_sentences_that_state_the_finding_the_side_decides():
    right = "Moderate right pleural effusion."  # has as many of the words
    assert quoted("left pleural effusion", right, "Left effusion.").text == "Left effusion."
    assert quoted("left pleural effusion", right, "Pleural effusion.").text == "Pleural effusion."


def test_words_without_a_finding_are_found_as_words():
    assert quoted("heart", *TEXTS).text == "Heart size is normal."


def test_a_case_without_sentences_has_none():
    assert quoted("heart") is None
