"""A model is asked in one form, asked again when its answer is of no use, and its exact words are kept."""

import json

import pytest
from fakes import hit, image_finding, sentence

from radrag.domain import PRIOR
from radrag.errors import GenerationCode, GenerationError
from radrag.generation.answers import answer_schema
from radrag.generation.base import GenerationRequest, GeneratorCard, RewriteTask
from radrag.generation.model import ATTEMPTS, ModelGenerator

MASS = sentence("There is a mass.", "Mass", case="c:1")
REQUEST = GenerationRequest((image_finding("Mass", 0.9),), (hit("c:1"),), (MASS,), seed=7)
TASK = RewriteTask("findings", "Left mass.", "No evidence supports this sentence.", (MASS,))
GOOD = json.dumps({"findings": [{"text": "There is a mass.", "evidence": [1]}], "impression": []})
GOOD_SENTENCE = json.dumps({"findings": [{"text": "There is a mass.", "evidence": [1]}]})


def with_text(text):
    return json.dumps({"findings": [{"text": text, "evidence": [1]}], "impression": []})


class Scripted:
    """Answers with prepared texts, or raises prepared codes; remembers what it was asked."""

    card = GeneratorCard("scripted", "1", "0" * 64, {})

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def complete(self, prompt, schema, pictures, seed):
        self.asked.append((prompt, schema, pictures, seed))
        answer = self.answers.pop(0)
        if isinstance(answer, GenerationCode):
            raise GenerationError(answer, "The model failed.")
        return answer


def test_what_was_asked_and_answered_is_kept_exactly():
    model = Scripted(GOOD)
    report = ModelGenerator(model).generate(REQUEST)
    prompt, schema, _, seed = model.asked[0]
    assert [(one.section, one.text, one.hints) for one in report.sentences] == [
        ("findings", "There is a mass.", (("c:1", "findings", 0),))
    ]
    assert (report.prompt, report.output) == (prompt.text, GOOD)
    planned = {"findings": 1, "impression": 1}  # as many sentences as the plan has, and at least one
    assert (schema, seed) == (answer_schema(1, most=planned, least=planned), 7)


def test_a_sentence_that_is_written_twice_is_drafted_once_with_all_its_evidence():
    both = (MASS, sentence("A mass is seen.", "Mass", case="c:2"))
    said, again = {"text": "There is a mass.", "evidence": [1]}, {"text": "There is A mass.", "evidence": [2, 1]}
    answer = json.dumps({"findings": [said, again], "impression": [{"text": "Mass.", "evidence": [1]}]})
    request = GenerationRequest(REQUEST.image_findings, (hit("c:1"), hit("c:2")), both)
    report = ModelGenerator(Scripted(answer)).generate(request)
    first, second = (("c:1", "findings", 0), ("c:2", "findings", 0))
    assert [(one.section, one.text, one.hints) for one in report.sentences] == [
        ("findings", "There is a mass.", (first, second)),
        ("impression", "Mass.", (first,)),
    ]
    assert report.output == answer


def test_pictures_are_handed_on():
    pictures = (object(),)
    model = Scripted(GOOD)
    ModelGenerator(model).generate(GenerationRequest(REQUEST.image_findings, REQUEST.hits, (MASS,), pictures=pictures))
    assert model.asked[0][2] is pictures


OF_NO_USE = {
    GenerationCode.EMPTY: " ",
    GenerationCode.UNREADABLE: "There is a mass.",
    GenerationCode.TOO_LONG: "x" * 50_000,
    GenerationCode.REPETITIVE: with_text("mass mass mass mass mass"),
    GenerationCode.REFUSAL: with_text("I cannot help with that."),
    GenerationCode.GIBBERISH: with_text("<|im_end|>"),
    GenerationCode.CUT_OFF: GenerationCode.CUT_OFF,
}


@pytest.mark.parametrize("code", OF_NO_USE)
def test_an_answer_of_no_use_is_asked_for_again_with_another_seed(code):
    model = Scripted(OF_NO_USE[code], GOOD)
    report = ModelGenerator(model).generate(REQUEST)
    assert report.output == GOOD
    assert [seed for *_, seed in model.asked] == [7, 8]
    assert model.asked[0][0] == model.asked[1][0]


@pytest.mark.parametrize("code", OF_NO_USE)
def test_after_the_last_attempt_the_code_says_what_was_wrong(code):
    model = Scripted(*[OF_NO_USE[code]] * ATTEMPTS)
    with pytest.raises(GenerationError) as caught:
        ModelGenerator(model).generate(REQUEST)
    assert caught.value.code == code
    assert len(model.asked) == ATTEMPTS


@pytest.mark.parametrize("code", sorted(set(GenerationCode) - set(OF_NO_USE)))
def test_a_model_that_cannot_answer_is_not_asked_again(code):
    model = Scripted(code, GOOD)
    with pytest.raises(GenerationError) as caught:
        ModelGenerator(model).generate(REQUEST)
    assert caught.value.code == code
    assert len(model.asked) == 1


def test_a_report_without_a_sentence_is_no_report():
    empty = json.dumps({"findings": [], "impression": []})
    with pytest.raises(GenerationError) as caught:
        ModelGenerator(Scripted(empty, empty)).generate(REQUEST)
    assert caught.value.code == GenerationCode.EMPTY


@pytest.mark.parametrize(
    "request_",
    [
        GenerationRequest((), (), ()),
        GenerationRequest((image_finding("Mass", 0.9),), (), ()),
        GenerationRequest((image_finding("Mass", float("nan"), trained=False),), (hit("c:1"),), (MASS,)),
        GenerationRequest(
            REQUEST.image_findings, REQUEST.hits, (sentence("Mass, told to Dr. Miller.", "Mass", case="c:1"),)
        ),
    ],
)
def test_nothing_to_say_asks_nothing_and_keeps_no_prompt(request_):
    model = Scripted()
    report = ModelGenerator(model).generate(request_)
    assert (report.sentences, report.prompt, report.output, model.asked) == ((), "", "", [])


def test_a_sentence_is_rewritten_in_its_section_only():
    model = Scripted(GOOD, GOOD_SENTENCE)
    report = ModelGenerator(model).rewrite(REQUEST, TASK)
    assert [one.text for one in report.sentences] == ["There is a mass."]
    assert report.output == GOOD_SENTENCE
    assert model.asked[1][1] == answer_schema(1, ("findings",), most={"findings": 1})


def test_a_rewrite_may_be_empty_and_then_drops_the_sentence():
    report = ModelGenerator(Scripted('{"findings": []}')).rewrite(REQUEST, TASK)
    assert report.sentences == ()
    assert report.output == '{"findings": []}'


def test_a_rewrite_is_guarded_like_a_report():
    refusal = json.dumps({"findings": [{"text": "I cannot help with that.", "evidence": [1]}]})
    with pytest.raises(GenerationError) as caught:
        ModelGenerator(Scripted(refusal, refusal)).rewrite(REQUEST, TASK)
    assert caught.value.code == GenerationCode.REFUSAL


@pytest.mark.parametrize("evidence", [(), (sentence("The mass is unchanged.", "Mass", case=PRIOR),)])
def test_a_rewrite_without_evidence_that_may_be_shown_asks_nothing(evidence):
    model = Scripted()
    report = ModelGenerator(model).rewrite(REQUEST, RewriteTask("findings", "Left mass.", "Weak.", evidence))
    assert (report.sentences, report.prompt, model.asked) == ((), "", [])
