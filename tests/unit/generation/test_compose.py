"""A composed report states what the image says, denies what the evidence denies, and takes over nothing unfit."""

import pytest
from fakes import hit, image_finding, sentence
from hypothesis import given, settings
from hypothesis import strategies as st

from radrag.domain import Change, Finding, Polarity, Severity, Side
from radrag.generation.base import GenerationRequest
from radrag.generation.compose import ComposeGenerator
from radrag.generation.phrases import PHRASES, plain_list, plain_statement
from radrag.reports.findings import default_labeler

NORMAL = image_finding("No Finding", 0.9)


def compose(evidence, *image):
    cases = list(dict.fromkeys(item.case_id for item in evidence))
    hits = tuple(hit(case, rank) for rank, case in enumerate(cases, start=1))
    report = ComposeGenerator().generate(GenerationRequest(tuple(image), hits, tuple(evidence)))
    return [(item.section, item.text) for item in report.sentences]


def cases(*texts_and_findings, section="findings", copies=3):
    """The same sentences in several cases."""
    return [
        sentence(text, *findings, case=f"c:{i}", number=number, section=section)
        for i in range(copies)
        for number, (text, findings) in enumerate(texts_and_findings)
    ]


HEART = ("Heart size is normal.", ["no Cardiomegaly"])
LUNGS = ("The lungs are clear.", ["no Lung Opacity"])
PLEURA = ("No pleural effusion or pneumothorax.", ["no Pleural Effusion", "no Pneumothorax"])
MASS = ("There is a mass.", ["Mass"])


def test_a_normal_image_gives_the_normal_statements_in_anatomical_order():
    evidence = cases(HEART, PLEURA, LUNGS) + cases(("No acute disease.", ["No Finding"]), section="impression")
    assert compose(evidence, NORMAL) == [
        ("findings", "The lungs are clear."),
        ("findings", "No pleural effusion or pneumothorax."),
        ("findings", "Heart size is normal."),
        ("impression", "No acute disease."),
    ]


def test_a_positive_image_finding_is_stated_and_nothing_denies_it():
    evidence = cases(MASS, LUNGS, HEART) + cases(("Mass.", ["Mass"]), ("Clear.", ["No Finding"]), section="impression")
    assert compose(evidence, image_finding("Mass", 0.9)) == [
        ("findings", "There is a mass."),
        ("findings", "Heart size is normal."),
        ("impression", "Lung mass."),
    ]


def body(written):
    return [text for section, text in written if section == "findings"]


@pytest.mark.parametrize(
    "detailed",
    [
        sentence("Left mass.", Finding("Mass", side=Side.LEFT), case="c:9"),
        sentence("Apical mass.", Finding("Mass", location="apex"), case="c:9"),
        sentence("Huge mass.", Finding("Mass", severity=Severity.SEVERE), case="c:9"),
        sentence("A 3 cm mass.", "Mass", case="c:9"),
    ],
)
def test_the_side_place_or_size_of_another_patients_finding_is_not_taken_over(detailed):
    assert body(compose([detailed], image_finding("Mass", 0.9))) == ["There is a lung mass."]
    assert body(compose([detailed, *cases(MASS)], image_finding("Mass", 0.9))) == ["There is a mass."]


def test_a_sentence_that_only_one_report_has_is_put_plainly():
    assert body(compose(cases(("The lungs mass.", ["Mass"]), copies=1), image_finding("Mass", 0.9))) == [
        "There is a lung mass."
    ]


def test_one_sentence_that_states_two_findings_is_preferred():
    evidence = cases(MASS, ("Edema.", ["Edema"]), ("Mass and edema.", ["Mass", "Edema"]))
    assert compose(evidence, image_finding("Mass", 0.9), image_finding("Edema", 0.9)) == [
        ("findings", "Mass and edema."),
        ("impression", "Pulmonary edema and lung mass."),
    ]


def test_a_finding_is_stated_in_the_words_that_reports_use_for_it():
    evidence = cases(("Airspace disease.", ["Airspace Disease"]))
    assert body(compose(evidence, image_finding("Infiltration", 0.9))) == ["Airspace disease."]


def test_a_finding_that_no_evidence_states_is_left_to_the_omissions():
    assert compose(cases(HEART), image_finding("Mass", 0.9)) == [("findings", "Heart size is normal.")]


def test_the_plain_words_of_every_finding_say_just_that_finding():
    label = default_labeler().label_text
    for name in PHRASES:
        for text in (plain_statement(name), plain_list([name])):
            assert [(f.label, f.polarity) for f in label(text)] == [(name, Polarity.POSITIVE)], text
    named = label(plain_list(list(PHRASES)))
    assert {f.label for f in named} == set(PHRASES)


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("Mass, unchanged.", ["Mass"]),
        ("Mass in XXXX lobe.", ["Mass"]),
        ("Mass, discussed with Dr. Adams.", ["Mass"]),
        ("CT is recommended for this mass.", ["Mass"]),
        ("Mass and fracture.", ["Mass", "Fracture"]),
        ("Possible mass.", [Finding("Mass", Polarity.UNCERTAIN)]),
        ("A larger mass.", [Finding("Mass", change=Change.WORSE)]),
        ("Mass " + "very " * 40 + "large.", ["Mass"]),
    ],
)
def test_comparisons_blanks_names_advice_and_findings_nobody_saw_are_not_taken_over(text, findings):
    written = body(compose(cases((text, findings)), image_finding("Mass", 0.9)))
    assert written in ([], ["There is a lung mass."])


def test_what_most_cases_state_is_not_denied():
    stated = [sentence("Effusion.", "Pleural Effusion", case=f"d:{i}") for i in range(9)]
    assert compose([*cases(PLEURA), *stated], NORMAL) == []


def test_one_case_alone_makes_no_normal_statement():
    assert compose(cases(HEART, copies=1), NORMAL) == []


def test_an_image_that_was_not_assessed_gives_no_draft_at_all():
    assert compose(cases(HEART, LUNGS), image_finding("Mass", float("nan"), trained=False)) == []


@pytest.mark.parametrize("mark", ["1. ", "2) ", "(3) ", "- ", "• "])
def test_the_number_of_a_list_item_is_left_behind(mark):
    assert body(compose(cases((mark + "There is a mass.", ["Mass"])), image_finding("Mass", 0.9))) == [
        "There is a mass."
    ]


def test_sentences_are_capitalised_closed_and_written_once():
    evidence = cases(("the mass", ["Mass"]))
    evidence += cases(("The mass.", ["Mass"]), copies=1)
    assert body(compose(evidence, image_finding("Mass", 0.9))) == ["The mass."]


NAMES = ["Mass", "Edema", "Cardiomegaly", "Pleural Effusion", "Lung Opacity"]
EVIDENCE = st.lists(
    st.builds(
        lambda case, number, section, labels: sentence(
            " and ".join(labels) + ".", *labels, case=f"c:{case}", number=number, section=section
        ),
        st.integers(0, 4),
        st.integers(0, 9),
        st.sampled_from(["findings", "impression"]),
        st.lists(st.sampled_from([*NAMES, *(f"no {name}" for name in NAMES)]), min_size=1, max_size=3, unique=True),
    ),
    max_size=25,
)


@given(EVIDENCE, st.lists(st.sampled_from(NAMES[:4]), unique=True))
@settings(deadline=None)
def test_nothing_is_stated_that_the_image_does_not_say_and_nothing_it_says_is_denied(evidence, positive):
    image = [image_finding(name, 0.9 if name in positive else 0.1) for name in NAMES[:4]]
    by_text = {item.text.lower(): item.findings for item in evidence}
    written = compose(evidence, *image)
    assert written == compose(evidence, *image)
    for _, text in written:
        for finding in by_text.get(text.lower()) or default_labeler().label_text(text):
            if finding.polarity is Polarity.POSITIVE:
                implied = {"Lung Opacity", "Lung Lesion"} if {"Mass", "Edema"} & set(positive) else set()
                assert finding.label in set(positive) | implied
            else:
                assert finding.label not in positive
