"""A reader's words on a stored draft: checked as the drafter checks, against what the draft rests on, no more."""

from dataclasses import replace

import pytest
from fakes import hit, image_finding, sentence

from radrag.domain import Draft, Finding, Side, Status, Study
from radrag.drafting.rewording import Rewording, found_for_claims, request_of
from radrag.errors import RestrictedData, UsageError
from radrag.generation.base import GeneratedReport, GeneratedSentence, GeneratorCard
from radrag.grounding.verify import Verifier
from radrag.reports.findings import default_labeler

HELD = {
    "c:1": (sentence("Left effusion.", Finding("Pleural Effusion", side=Side.LEFT), case="c:1"),),
    "c:2": (sentence("No fracture.", "no Fracture", case="c:2"),),
    "c:3": (sentence("Mass in the left lung.", "Mass", case="c:3"),),
}
FEEDBACK = [{"claim": {"label": "Mass", "polarity": "positive", "side": "none"}, "round": 1, "cases": ["c:3"]}]


def held(case_ids):
    return {case_id: HELD[case_id] for case_id in case_ids if case_id in HELD}


def drafted(**provenance):
    study = Study("1", (), patient_key="p", indication="cough")
    hits = (hit("c:1"), hit("c:2", 2), hit("c:3", 3))
    return Draft("d", study, (), (), hits, (image_finding("Pleural Effusion", 0.9),), (), provenance)


class Model:
    """A generator that answers what it is told to, and remembers what it was asked."""

    def __init__(self, *texts, remote=False):
        self.card = GeneratorCard("m", "1", "", {}, remote=remote)
        self.texts = texts
        self.asked = []

    def rewrite(self, request, task):
        self.asked.append(task)
        return GeneratedReport(tuple(GeneratedSentence("findings", text, ()) for text in self.texts))


class Terms:
    def __init__(self, *restricted):
        self.restricted = frozenset(restricted)

    def restricted_cases(self, case_ids):
        return self.restricted & set(case_ids)

    def restricted_images(self, images):
        return frozenset()


def rewording(draft=None, model=None, terms=None):
    labeler = default_labeler()
    return Rewording(
        draft or drafted(),
        sentences_of=held,
        labeler=labeler,
        verifier=Verifier(labeler.label_text),
        generator=lambda: model or Model(),
        terms=terms or Terms(),
    )


def test_words_are_checked_against_the_cases_of_the_draft():
    supported, against, silent = rewording().check(
        [
            ("findings", "There is a left pleural effusion."),
            ("findings", "There is a fracture."),
            ("findings", "Clear."),
        ]
    )
    assert supported.status is Status.SUPPORTED
    assert [link.case_id for link in supported.links] == ["c:1"]
    assert supported.image_findings == ("Pleural Effusion",)
    assert against.status is Status.CONTRADICTED
    assert silent.status is Status.UNSUPPORTED


def test_a_case_found_for_a_claim_speaks_on_that_claim_alone_and_outvotes_nobody():
    draft = drafted(feedback=FEEDBACK)
    assert found_for_claims(draft) == {"c:3"}
    (again,) = rewording(draft).check([("findings", "There is a lung mass.")])
    assert again.status is Status.PARTIAL
    assert [link.case_id for link in again.links] == ["c:3"]
    assert {one.case_id for one in request_of(draft, held, default_labeler()).evidence} == {"c:1", "c:2"}


def test_a_case_whose_corpus_is_gone_supports_nothing_any_more():
    draft = replace(drafted(), hits=(hit("gone:1"),))
    (checked,) = rewording(draft).check([("findings", "There is a left pleural effusion.")])
    assert checked.status is Status.UNSUPPORTED


@pytest.mark.parametrize(
    ("hint", "words"),
    [("left", "left pleural effusion"), ("small", "mild pleural effusion"), ("there is a mass", "lung mass")],
)
def test_rules_read_sides_severities_and_findings(hint, words):
    one = sentence_of("There is a pleural effusion.")
    model = Model()
    assert words in rewording(model=model).reword(one, hint).lower()
    assert model.asked == []


def sentence_of(text):
    return rewording().check([("findings", text)])[0]


def test_what_the_rules_cannot_read_the_generator_is_asked_with_the_evidence_of_the_sentence():
    model = Model("A loculated left effusion.")
    made = rewording(model=model)
    one = made.check([("findings", "There is a left pleural effusion.")])[0]
    assert made.reword(one, "make it loculated") == "A loculated left effusion."
    (task,) = model.asked
    assert "make it loculated" in task.problem
    assert [one.case_id for one in task.evidence] == ["c:1"]


def test_a_hint_that_nobody_can_carry_out_is_refused_with_examples():
    with pytest.raises(UsageError, match="Name a side"):
        rewording().reword(sentence_of("There is a pleural effusion."), "purple")


def test_restricted_evidence_never_reaches_a_generator_elsewhere():
    model = Model("Anything.", remote=True)
    made = rewording(model=model, terms=Terms("c:1"))
    one = made.check([("findings", "There is a left pleural effusion.")])[0]
    with pytest.raises(RestrictedData):
        made.reword(one, "make it loculated")
    assert model.asked == []


def test_a_sentence_that_compares_needs_the_prior_that_the_draft_was_given():
    text = ("findings", "There is again a left pleural effusion.")
    assert rewording().check([text])[0].status is not Status.SUPPORTED
    draft = drafted(prior={"sections": {"findings": "Moderate left pleural effusion."}, "pixel_sha256": []})
    (checked,) = rewording(draft).check([text])
    assert "prior:study" in {link.case_id for link in checked.links}
    assert checked.status is Status.SUPPORTED
