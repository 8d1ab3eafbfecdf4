"""With a prior report a plan says what is again there, new or gone; without one it compares with nothing."""

import pytest
from fakes import hit, image_finding, sentence

from radrag.domain import PRIOR
from radrag.generation.base import GenerationRequest
from radrag.generation.plan import make_plan
from radrag.reports.screening import is_comparison

HEART = [sentence("Heart size is normal.", "no Cardiomegaly", case=f"c:{n}", number=1) for n in range(3)]
EFFUSION = [sentence("Left effusion.", "Pleural Effusion", case="c:0", number=2)]


def plan(*image, prior=(), evidence=(*HEART, *EFFUSION)):
    hits = tuple(hit(f"c:{n}", n + 1) for n in range(3))
    return make_plan(GenerationRequest(tuple(image), hits, tuple(evidence), prior=tuple(prior))).statements


def said(*image, **more):
    return [(one.section, one.text) for one in plan(*image, **more)]


def prior(text, *findings):
    return sentence(text, *findings, case=PRIOR)


SEEN, UNSEEN = image_finding("Pleural Effusion", 0.9), image_finding("Pleural Effusion", 0.1)
NORMAL = ("findings", "Heart size is normal.")
CLOSING = ("impression", "Pleural effusion.")


@pytest.mark.parametrize(
    ("earlier", "text"),
    [
        ([prior("Effusion.", "Pleural Effusion")], "There is again a pleural effusion."),
        ([prior("No effusion.", "no Pleural Effusion")], "There is a new pleural effusion."),
        ([prior("No mass.", "no Mass")], "There is a pleural effusion."),
        ([], "There is a pleural effusion."),
    ],
)
def test_a_positive_finding_is_compared_as_far_as_the_prior_speaks_of_it(earlier, text):
    assert said(SEEN, prior=earlier) == [("findings", text), NORMAL, CLOSING]


def test_a_comparison_names_the_prior_among_its_sources():
    earlier = prior("Effusion.", "Pleural Effusion")
    assert plan(SEEN, prior=[earlier])[0].sources == (earlier, *EFFUSION)


def test_what_the_prior_states_and_the_image_does_not_show_is_no_longer_there():
    earlier = prior("Effusion.", "Pleural Effusion")
    gone = plan(UNSEEN, prior=[earlier])[0]
    assert (gone.text, gone.denies, gone.sources) == (
        "There is no longer a pleural effusion.",
        ("Pleural Effusion",),
        (earlier,),
    )


def test_what_the_encoder_does_not_look_for_is_not_called_gone():
    unknown = image_finding("Pleural Effusion", float("nan"), trained=False)
    assert said(image_finding("Mass", 0.1), unknown, prior=[prior("Effusion.", "Pleural Effusion")]) == [NORMAL]


def test_a_plan_without_a_prior_never_compares():
    changing = [sentence("The effusion is unchanged.", "Pleural Effusion", case=f"c:{n}", number=5) for n in range(3)]
    assert not any(is_comparison(one.text) for one in plan(SEEN, evidence=(*HEART, *changing)))


def test_every_statement_rests_on_something():
    for earlier in ((), [prior("Effusion.", "Pleural Effusion")], [prior("No effusion.", "no Pleural Effusion")]):
        for image in (SEEN, UNSEEN):
            assert all(one.sources and (one.states or one.denies) for one in plan(image, prior=earlier))


def test_of_an_image_that_was_not_assessed_nothing_is_planned_even_with_a_prior():
    unknown = image_finding("Pleural Effusion", float("nan"), trained=False)
    assert plan(unknown, prior=[prior("Effusion.", "Pleural Effusion")]) == ()
