"""What the image or most of the evidence says, and the draft does not, is listed."""

from dataclasses import replace

from fakes import image_finding, sentence

from radrag.domain import DraftSentence, Status
from radrag.grounding.omissions import find_omissions


def drafted(*findings):
    said = sentence("…", *findings)
    return DraftSentence("findings", said.text, Status.SUPPORTED, said.findings)


def test_a_positive_image_finding_that_no_sentence_states_is_an_omission():
    found = find_omissions([drafted("no Mass")], [], [image_finding("Mass", 0.8), image_finding("Edema", 0.2)])
    assert [omission.label for omission in found] == ["Mass"]
    assert "0.80" in found[0].why


def test_stating_a_more_specific_finding_is_no_omission_of_the_general_one():
    assert find_omissions([drafted("Pneumonia")], [], [image_finding("Lung Opacity", 0.9)]) == ()


def test_untrained_labels_and_the_normal_summary_are_never_omissions():
    image = [image_finding("Mass", 0.9, trained=False), image_finding("No Finding", 0.9)]
    assert find_omissions([], [], image) == ()


def test_what_half_of_the_cases_state_is_an_omission_with_quotes():
    evidence = [
        sentence("Scoliosis.", "Scoliosis", case="c:1"),
        sentence("Spinal scoliosis.", "Scoliosis", case="c:1", number=1),
        sentence("Heart normal.", "no Cardiomegaly", case="c:2"),
    ]
    found = find_omissions([], evidence, [])
    assert [omission.label for omission in found] == ["Scoliosis"]
    assert [link.quote for link in found[0].links] == ["Scoliosis."]
    assert "1 of 2" in found[0].why


def test_what_fewer_than_half_state_or_the_draft_denies_is_not():
    evidence = [sentence("Mass.", "Mass", case="c:1")]
    others = [replace(evidence[0], case_id=f"c:{i}", findings=()) for i in range(2, 4)]
    assert find_omissions([], evidence + others, []) == ()
    assert find_omissions([drafted("no Mass")], evidence, []) == ()


def test_omissions_come_in_the_order_of_a_report():
    image = [image_finding(label, 0.9) for label in ("Hernia", "Cardiomegaly", "Atelectasis")]
    assert [omission.label for omission in find_omissions([], [], image)] == ["Atelectasis", "Cardiomegaly", "Hernia"]


def test_a_finding_stated_in_another_wording_is_not_omitted():
    evidence = [sentence("Airspace disease.", "Airspace Disease", case="c:1")]
    assert find_omissions([drafted("Infiltration")], evidence, []) == ()
    assert find_omissions([drafted("Airspace Disease")], [], [image_finding("Infiltration", 0.9)]) == ()


def test_a_critical_finding_is_an_omission_when_a_quarter_of_the_cases_state_it():
    evidence = [sentence("Text.", "Pneumothorax", "Scoliosis", case="c:1")]
    evidence += [sentence("Text.", case=f"c:{number}") for number in range(2, 5)]
    assert [omission.label for omission in find_omissions([], evidence, [])] == ["Pneumothorax"]
    fifth = sentence("Text.", case="c:5")
    assert find_omissions([], [*evidence, fifth], []) == ()


def test_an_omission_by_the_image_quotes_reports_that_use_another_word_for_it():
    evidence = [sentence("Airspace disease.", "Airspace Disease", case="c:1"), sentence("Text.", case="c:2")]
    evidence.append(sentence("Text.", case="c:3"))
    found = find_omissions([], evidence, [image_finding("Infiltration", 0.9)])
    assert [link.quote for link in found[0].links] == ["Airspace disease."]
