"""A reader's note is done as it was meant, or refused; never half done, and never done to another sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import DraftSentence, Status
from radrag.errors import UsageError
from radrag.grounding.steering import LONGEST, read_note, sentence_named
from radrag.reports.findings import default_labeler

label = default_labeler().label_text


def drafted(text, section="findings"):
    return DraftSentence(section, text, Status.SUPPORTED, label(text))


DRAFT = (
    drafted("There is a small right pleural effusion."),  # 1
    drafted("Heart size is normal."),  # 2
    drafted("No pneumothorax or consolidation."),  # 3
    drafted("There is a pulmonary nodule."),  # 4
    drafted("Right pleural effusion.", "impression"),  # 5
)
EFFUSION, HEART, LUNGS, NODULE, CLOSING = range(5)


def read(note):
    return {change.place: change.texts for change in read_note(note, DRAFT, label)}


ONE_SENTENCE = [
    # a side or a severity of a named sentence
    ("1: left, not right", EFFUSION, "There is a mild left pleural effusion."),
    ("1: left not right", EFFUSION, "There is a mild left pleural effusion."),
    ("1: right -> left", EFFUSION, "There is a mild left pleural effusion."),
    ("1: change right to left", EFFUSION, "There is a mild left pleural effusion."),
    ("change 1 to left", EFFUSION, "There is a mild left pleural effusion."),
    ("change sentence 1: left", EFFUSION, "There is a mild left pleural effusion."),
    ("in sentence 1 it's on the left", EFFUSION, "There is a mild left pleural effusion."),
    ("#1 left", EFFUSION, "There is a mild left pleural effusion."),
    ("sentence 1 should say bilateral", EFFUSION, "There is a mild bilateral pleural effusion."),
    ("1 should be on both sides", EFFUSION, "There is a mild bilateral pleural effusion."),
    ("1: Left and right.", EFFUSION, "There is a mild bilateral pleural effusion."),
    ("4: left to right", NODULE, "There is a right pulmonary nodule."),
    ("1. mild", EFFUSION, "There is a mild right pleural effusion."),
    ("1) moderate", EFFUSION, "There is a moderate right pleural effusion."),
    ("1: not small, large", EFFUSION, "There is a severe right pleural effusion."),
    ("1: small to moderate", EFFUSION, "There is a moderate right pleural effusion."),
    ("4: mild left", NODULE, "There is a mild left pulmonary nodule."),
    # another finding in a named sentence
    ("4: this is a mass", NODULE, "There is a lung mass."),
    ("4: there is no nodule", NODULE, "There is no pulmonary nodule."),
    ("1 - no effusion", EFFUSION, "There is no pleural effusion."),
    # words in quotes
    ('2: "The heart is large."', HEART, "The heart is large."),
    ("2: \u201cThe heart is large.\u201d", HEART, "The heart is large."),
    ('replace 2 with "The heart is large."', HEART, "The heart is large."),
    ('change 2 to "The heart is large."', HEART, "The heart is large."),
    ('1: change "small" to "large"', EFFUSION, "There is a large right pleural effusion."),
    ('1: drop "small"', EFFUSION, "There is a right pleural effusion."),
    ('"The lungs are clear."', None, "The lungs are clear."),
    ('add "The lungs are clear."', None, "The lungs are clear."),
    # a finding that the draft speaks of
    ("the effusion is on the left", EFFUSION, "There is a left pleural effusion."),
    ("effusion left, not right", EFFUSION, "There is a left pleural effusion."),
    ("add a small right pleural effusion", EFFUSION, "There is a mild right pleural effusion."),
    ("the heart is mildly enlarged", HEART, "There is mild cardiomegaly."),
    ("nodule: left upper lobe", NODULE, "There is a left pulmonary nodule."),
    ("there is no nodule", NODULE, "There is no pulmonary nodule."),
    # one that it does not
    ("add possible pneumonia", None, "There may be pneumonia."),
    ("rib fracture on the right", None, "There is a right fracture."),
    ("T8 fracture", None, "There is a fracture."),
    ("3rd rib fracture", None, "There is a fracture."),
    ("2.5 cm mass", None, "There is a lung mass."),
    ("Please add a left effusion", None, "There is a left pleural effusion."),
    ("impression: scoliosis", None, "There is scoliosis."),
    # numbers that name no sentence
    ("2 cm nodule", NODULE, "There is a pulmonary nodule."),
    ("2 cm nodule in the left lung", NODULE, "There is a left pulmonary nodule."),
    ("3 mm nodule on the right", NODULE, "There is a right pulmonary nodule."),
    ("12 mm nodule", NODULE, "There is a pulmonary nodule."),
    ("there are 3 nodules", NODULE, "There is a pulmonary nodule."),
    ("3 nodules", NODULE, "There is a pulmonary nodule."),
    ("2 - 3 nodules", NODULE, "There is a pulmonary nodule."),
    ("1-2 cm nodule", NODULE, "There is a pulmonary nodule."),
]


@pytest.mark.parametrize(("note", "place", "text"), ONE_SENTENCE)
def test_a_note_on_one_sentence_changes_just_that(note, place, text):
    assert read(note) == {place: (text,)}


@pytest.mark.parametrize(
    ("note", "places"),
    [
        ("drop 3", [LUNGS]),
        ("please drop 3", [LUNGS]),
        ("Please remove sentence 3.", [LUNGS]),
        ("delete sentence #3", [LUNGS]),
        ("3: drop", [LUNGS]),
        ("3. remove this sentence", [LUNGS]),
        ("3 - drop it", [LUNGS]),
        ("drop 3 and 4", [LUNGS, NODULE]),
        ("drop 4, 3, and 1", [NODULE, LUNGS, EFFUSION]),
        ("remove sentences 1, 2", [EFFUSION, HEART]),
        ("drop the nodule", [NODULE]),
        ("don't mention the nodule", [NODULE]),
        ("the nodule should be removed", [NODULE]),
        ("remove the effusion", [EFFUSION, CLOSING]),
        ("1: drop the effusion", [EFFUSION]),
        ('2: drop "Heart size is normal."', [HEART]),
    ],
)
def test_what_a_note_drops_is_dropped_and_not_denied(note, places):
    assert read(note) == {place: () for place in places}


def test_only_the_finding_that_is_to_go_goes_from_a_sentence_of_several():
    assert read("remove the pneumothorax") == {LUNGS: ("There is no consolidation.",)}
    assert read("3: drop consolidation") == {LUNGS: ("There is no pneumothorax.",)}


def test_a_finding_takes_the_place_of_its_denial_and_leaves_the_others_of_that_sentence():
    assert read("left pneumothorax") == {LUNGS: ("There is a left pneumothorax.", "There is no consolidation.")}


def test_two_findings_of_one_sentence_are_changed_together():
    assert read("there is a pneumothorax and a consolidation") == {
        LUNGS: ("There is a pneumothorax.", "There is consolidation.")
    }


def test_the_impression_does_not_go_on_saying_what_a_note_denies():
    assert read("no effusion") == {EFFUSION: ("There is no pleural effusion.",), CLOSING: ()}
    assert read("effusion on the left") == {EFFUSION: ("There is a left pleural effusion.",)}


def test_a_more_general_finding_neither_replaces_nor_is_replaced():
    assert read("there is a lung opacity") == {None: ("There is a pulmonary opacity.",)}
    assert read("no pulmonary opacity") == {NODULE: ("There is no pulmonary opacity.",)}
    assert read("no mass") == {None: ("There is no lung mass.",)}


def test_a_note_on_the_impression_leaves_the_findings_alone():
    assert read("impression: large left effusion") == {CLOSING: ("There is a severe left pleural effusion.",)}
    added = read_note("add to the impression: pneumonia", DRAFT, label)
    assert [(one.place, one.section) for one in added] == [(None, "impression")]


def test_several_sentences_in_quotes_all_stand():
    assert read('1: "Small effusion." and "No mass."') == {EFFUSION: ("Small effusion.", "No mass.")}


@pytest.mark.parametrize(
    "note",
    [
        "",
        "   \n",
        "x" * (LONGEST + 1),
        "drop " * 1_000,
        "\U0001f600",
        "\U0001f44d 1: left",
        "ok",
        "looks good",
        "no change",
        "0: left",
        "6: left",
        "99: drop",
        "drop 9",
        "drop 3 and 9",
        "sentence 99 should say left",
        "3",
        "3:",
        "drop",
        "add",
        "drop all",
        "remove everything",
        "it's on the left",
        "not right, left",
        "1 left",
        "1: left or right",
        "1: unchanged",
        "1: no, there is none",
        "1: drop the word small",
        "1: remove right",
        "2: left, not right",
        "2: mild",
        '2: ""',
        '2: " "',
        "5: drop, 4: left",
        "do not drop 3",
        "don't drop the nodule",
        "drop the scoliosis",
        'drop "The lungs are clear."',
    ],
)
def test_what_cannot_be_done_as_meant_is_refused_with_help(note):
    with pytest.raises(UsageError) as caught:
        read(note)
    assert len(str(caught.value)) > 20


def test_the_sentence_that_a_generator_is_to_rewrite_is_the_named_one():
    assert sentence_named("2: sounds odd", 5) == HEART
    assert sentence_named("2 cm nodule", 5) is None
    assert sentence_named("sounds odd", 5) is None
    with pytest.raises(UsageError):
        sentence_named("7: sounds odd", 5)


@given(
    st.text(max_size=40)
    | st.lists(
        st.sampled_from(
            ["1", "2:", "#3", "9", "drop", "not", "left", "right", "mild", "effusion", "no", '"', "add", ","]
        )
    ).map(" ".join)
)
def test_any_note_is_done_or_refused_and_no_sentence_is_changed_twice(note):
    try:
        changes = read_note(note, DRAFT, label)
    except UsageError:
        return
    assert changes
    assert len({change.place for change in changes}) == len(changes)
    for change in changes:
        assert all(text.strip() for text in change.texts)
        assert change.place is None or change.section == DRAFT[change.place].section
        assert change.place is not None or change.texts
