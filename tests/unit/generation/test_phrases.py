"""Sentences that radrag words itself are read back by the labeler as just the finding that was to be said."""

from itertools import product

import pytest

from radrag.domain import Change, Finding, Polarity, Severity, Side
from radrag.generation.phrases import PHRASES, no_longer, plain_list, plain_statement, statement
from radrag.reports.findings import default_labeler
from radrag.reports.screening import is_comparison, is_fit_for_draft
from radrag.reports.vocabulary import BY_NAME, NAMES, NO_FINDING

LABELS = [name for name in NAMES if name != NO_FINDING]


def read(text):
    return [(one.label, one.polarity, one.side, one.severity, one.change) for one in default_labeler().label_text(text)]


@pytest.mark.parametrize("label", LABELS)
def test_every_statement_is_read_back_as_just_the_finding_it_states(label):
    for polarity, side, severity, change in product(Polarity, Side, Severity, Change):
        text = statement(Finding(label, polarity, side, "", severity, change))
        side_said = side if BY_NAME[label].sided else Side.NONE
        change_said = change if polarity is not Polarity.NEGATIVE or change is Change.NEW else Change.NONE
        assert read(text) == [(label, polarity, side_said, severity, change_said)], text
        assert is_comparison(text) is (change_said is not Change.NONE), text


@pytest.mark.parametrize("polarity", Polarity)
def test_what_is_said_of_the_whole_chest_is_read_back_and_takes_no_side_or_size(polarity):
    text = statement(Finding(NO_FINDING, polarity, Side.LEFT, "", Severity.MILD, Change.NEW))
    assert read(text) == [(NO_FINDING, polarity, Side.NONE, Severity.NONE, Change.NONE)]


def test_every_label_that_a_report_may_name_has_words_of_its_own():
    assert set(PHRASES) == set(LABELS)


@pytest.mark.parametrize("label", LABELS)
def test_what_is_gone_is_denied_and_known_to_be_a_comparison(label):
    text = no_longer(label)
    assert [(one[0], one[1]) for one in read(text)] == [(label, Polarity.NEGATIVE)]
    assert is_comparison(text)


@pytest.mark.parametrize("label", LABELS)
def test_plain_words_compare_with_nothing_and_are_fit_for_a_draft(label):
    for text in (plain_statement(label), plain_list([label])):
        assert is_fit_for_draft(text)
        assert read(text) == [(label, Polarity.POSITIVE, Side.NONE, Severity.NONE, Change.NONE)]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_list_in_an_impression_states_each_finding_once(count):
    for first in range(0, len(LABELS) - count, count):
        labels = LABELS[first : first + count]
        assert sorted(one[0] for one in read(plain_list(labels))) == sorted(labels)


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (Finding("Pleural Effusion"), "There is a pleural effusion."),
        (
            Finding("Pleural Effusion", side=Side.RIGHT, severity=Severity.SEVERE, change=Change.WORSE),
            "There is a worsening severe right pleural effusion.",
        ),
        (Finding("Pleural Effusion", change=Change.BETTER),
         "There is an improving pleural effusion."),
        (Finding("Pneumothorax", Polarity.UNCERTAIN, Side.LEFT), "There may be a left pneumothorax."),
        (Finding("Edema", change=Change.STABLE), "There is again pulmonary edema."),
        (Finding("Edema", Polarity.NEGATIVE, change=Change.WORSE), "There is no pulmonary edema."),
        (Finding("Cardiomegaly", side=Side.LEFT), "There is cardiomegaly."),
    ],
)  # fmt: skip
def test_statements_are_plain_english(finding, text):
    assert statement(finding) == text


def test_lists_are_capitalised_joined_and_closed():
    assert plain_list(["Edema"]) == "Pulmonary edema."
    assert plain_list(["Edema", "Mass", "COPD"]) == "Pulmonary edema, lung mass and COPD."
