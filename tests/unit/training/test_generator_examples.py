"""Examples for the generator: what is right to say is the plan without noise, over the evidence shown."""

import json
import random

import pytest
from fakes import hit, image_finding, sentence

from radrag.domain import Finding, Polarity, Side
from radrag.generation.answers import read_answer
from radrag.generation.plan import Plan, Statement
from radrag.reports.vocabulary import NO_FINDING
from radrag.training.generator_config import NO_NOISE, NoiseConfig
from radrag.training.generator_examples import (
    LabelledFindings,
    Report,
    Source,
    answer_of,
    carries,
    make_example,
    matching,
)

LEFT = Finding("Pleural Effusion", Polarity.POSITIVE, side=Side.LEFT)
EFFUSION = sentence("There is a left pleural effusion.", LEFT, case="c:1")
ALSO = sentence("Pleural effusion is seen.", "Pleural Effusion", case="c:2", number=1)
CLEAR = sentence("No pneumothorax.", "no Pneumothorax", case="c:1", number=2)
CLEAR_TOO = sentence("No pneumothorax.", "no Pneumothorax", case="c:2", number=2)
NORMAL = sentence("Normal chest.", NO_FINDING, case="c:3", section="impression")
EMPHYSEMA = sentence("Emphysema is present.", "Emphysema", case="c:3", number=1)
OWN = sentence("A pleural effusion is there.", "Pleural Effusion", case="c:9")
OWN_CLEAR = sentence("There is no pneumothorax.", "no Pneumothorax", case="c:9", number=1)
MOST = {"findings": 5, "impression": 1}
CASES = {"c:1": (EFFUSION, CLEAR), "c:2": (ALSO, CLEAR_TOO), "c:3": (NORMAL, EMPHYSEMA), "c:9": (OWN, OWN_CLEAR)}
REPORTS = tuple(
    Report(case, f"patient {case}", frozenset({label}))
    for case, label in (("c:1", "Mass"), ("c:2", "Mass"), ("c:3", NO_FINDING), ("c:9", "Pleural Effusion"))
)
CALLED = (image_finding("Pleural Effusion", 0.7), image_finding("Pneumothorax", 0.1), image_finding("Emphysema", 0.2))


def source(labels, asked=None):
    def search(query, k):
        if asked is not None:
            asked.append(query)
        return tuple(hit(case, rank) for rank, case in enumerate(("c:1", "c:2", "c:3"), start=1))

    images = (LabelledFindings(CALLED, frozenset(labels)),)
    return Source(search, lambda ids: {one: CASES[one] for one in ids}, REPORTS, images, 3)


def said(example):
    return [one.text for one in read_answer(example.answer, example.prompt.evidence)]


def test_the_answer_is_the_plan_that_the_prompt_suggests():
    example = make_example(source({"Mass"}), 0, NO_NOISE, random.Random(0))
    assert "There is a pleural effusion." in example.prompt.user
    # the encoder decides, not the label; words that the prompt shows, or the plan always has, can be foretold
    assert said(example) == ["There is a pleural effusion.", "No pneumothorax.", "Pleural effusion."]


def test_no_evidence_of_the_report_that_lends_its_words_is_searched():
    asked = []
    make_example(source({"Pleural Effusion"}, asked), 0, NO_NOISE, random.Random(0))
    assert asked[0].exclude_cases == {"c:9"}
    assert asked[0].exclude_patient == "patient c:9"


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_noise_every_answer_can_be_read_and_cites_what_says_it(seed):
    noise = NoiseConfig(missing_findings=0.4, missing_image=0.4, plan_dropout=0.5, hard_negatives=3)
    example = make_example(source({"Pleural Effusion"}), 0, noise, random.Random(seed))
    assert example == make_example(source({"Pleural Effusion"}), 0, noise, random.Random(seed))
    if example:
        written = json.loads(example.answer)
        assert read_answer(example.answer, example.prompt.evidence)
        cited = {example.prompt.evidence[n - 1].text for of in written.values() for one in of for n in one["evidence"]}
        assert cited <= {EFFUSION.text, ALSO.text, CLEAR.text}
        assert example.image in (0, -1)


def test_without_query_nothing_of_the_image_is_told_in_words():
    noise = NO_NOISE.model_copy(update={"missing_findings": 1.0, "missing_image": 1.0})
    example = make_example(source({"Pleural Effusion"}), 0, noise, random.Random(0))
    asked = json.loads(example.prompt.user)
    assert asked["image"] == {}
    assert asked["plan"] == {"findings": [], "impression": []}
    assert example.image == -1


def test_an_image_that_evidence_says_nothing_of_gives_no_example():
    nothing = Source(lambda *_: (), lambda _: {}, REPORTS, source({"Mass"}).images, 3)
    assert make_example(nothing, 0, NO_NOISE, random.Random(0)) is None


def test_evidence_carries_a_statement_only_if_it_says_nothing_to_the_contrary():
    effusion = Statement("findings", "There is a pleural effusion.", ("Pleural Effusion",), (), ())
    assert carries(EFFUSION, effusion)
    assert not carries(sentence("No effusion.", "no Pleural Effusion"), effusion)
    normal = Statement("impression", "Normal chest.", (NO_FINDING,), (), ())
    assert carries(NORMAL, normal)
    assert not carries(sentence("Emphysema, else normal.", "Emphysema", NO_FINDING), normal)
    denial = Statement("findings", "No mass or edema.", (), ("Mass", "Edema"), ())
    assert not carries(sentence("No mass.", "no Mass"), denial)


def test_a_statement_without_shown_evidence_and_words_out_of_form_are_left_out():
    plan = Plan(
        (
            Statement("findings", "There is a pleural effusion.", ("Pleural Effusion",), (), ()),
            Statement("findings", "There is edema.", ("Edema",), (), ()),
            Statement("findings", "No “pneumothorax”.", (), ("Pneumothorax",), ()),
        )
    )
    longer = sentence("No pneumothorax or mass.", "no Pneumothorax", "no Mass")
    answer = json.loads(answer_of(plan, (EFFUSION, longer), (), MOST))
    assert answer == {"findings": [{"text": "There is a pleural effusion.", "evidence": [1]}], "impression": []}


def test_the_matched_report_lends_words_where_no_evidence_says_just_that():
    denial = Plan((Statement("findings", "Pneumothorax is not seen.", (), ("Pneumothorax",), ()),))
    longer = sentence("No pneumothorax or effusion.", "no Pneumothorax", "no Pleural Effusion")
    for shown, words in (((longer,), OWN_CLEAR.text), ((longer, CLEAR), CLEAR.text)):
        (written,) = json.loads(answer_of(denial, shown, (OWN, OWN_CLEAR), MOST))["findings"]
        assert written["text"] == words
    assert written["evidence"] == [2, 1]  # what says just that comes first


def test_an_impression_names_what_shown_evidence_states_and_cites_all_of_it():
    named = ("Emphysema", "Pleural Effusion", "Mass", "Pneumothorax")
    plan = Plan((Statement("impression", "Emphysema, pleural effusion, lung mass and pneumothorax.", named, (), ()),))
    mass = sentence("There is a mass.", "Mass", case="c:2", number=3)
    (written,) = json.loads(answer_of(plan, (mass, EFFUSION, ALSO, EMPHYSEMA), (), MOST))["impression"]
    assert written == {"text": "Emphysema, pleural effusion and lung mass.", "evidence": [4, 2, 1]}


@pytest.mark.parametrize("unsaid", ["missing_findings", "plan_dropout"])
def test_an_answer_may_be_as_long_as_the_whole_plan_when_less_is_suggested(unsaid):
    noise = NO_NOISE.model_copy(update={unsaid: 1.0})
    example = make_example(source({"Pleural Effusion"}), 0, noise, random.Random(0))
    assert json.loads(example.prompt.user)["plan"] == {"findings": [], "impression": []}
    assert said(example) == ["There is a pleural effusion.", "No pneumothorax.", "Pleural effusion."]


def test_a_report_is_matched_by_the_labels_it_shares():
    draw = random.Random(0)
    assert matching(frozenset({"Pleural Effusion"}), REPORTS, draw).case_id == "c:9"
    assert matching(frozenset({NO_FINDING}), REPORTS, draw).case_id == "c:3"
    assert {matching(frozenset({"Mass"}), REPORTS, draw).case_id for _ in range(20)} == {"c:1", "c:2"}
