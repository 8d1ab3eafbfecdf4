"""Only what a prior report itself says is compared: again, new, no longer; silence is not absence."""

from fakes import image_finding, sentence

from radrag.domain import PRIOR, Polarity
from radrag.generation.comparing import compared, gone, says_of
from radrag.reports.screening import is_comparison


def prior(text, *findings, number=0):
    return sentence(text, *findings, case=PRIOR, number=number)


EVIDENCE = [sentence("Effusion.", "Pleural Effusion")]


def test_what_the_prior_states_is_again_there_with_the_prior_as_first_source():
    stated = prior("Left effusion.", "Pleural Effusion")
    assert compared("Pleural Effusion", EVIDENCE, [stated]) == (
        "There is again a pleural effusion.",
        (stated, *EVIDENCE),
    )


def test_what_the_prior_denies_is_new():
    denied = prior("No effusion.", "no Pleural Effusion")
    assert compared("Pleural Effusion", EVIDENCE, [denied]) == (
        "There is a new pleural effusion.",
        (denied, *EVIDENCE),
    )


def test_of_what_the_prior_says_nothing_nothing_is_compared():
    assert compared("Pleural Effusion", EVIDENCE, [prior("No mass.", "no Mass")]) is None
    assert compared("Pleural Effusion", EVIDENCE, []) is None


def test_a_prior_that_states_and_denies_a_finding_has_had_it():
    both = [prior("No effusion.", "no Pleural Effusion"), prior("Small effusion.", "Pleural Effusion", number=1)]
    assert compared("Pleural Effusion", [], both)[0] == "There is again a pleural effusion."


def test_the_kind_states_the_general_and_the_denied_general_denies_the_kind():
    nodule, clear = prior("Nodule.", "Nodule"), prior("Lungs clear.", "no Lung Opacity")
    assert says_of("Lung Opacity", Polarity.POSITIVE, [nodule]) == (nodule,)
    assert says_of("Nodule", Polarity.NEGATIVE, [clear]) == (clear,)
    assert says_of("Nodule", Polarity.POSITIVE, [prior("Opacity.", "Lung Opacity")]) == ()
    assert says_of("Lung Opacity", Polarity.NEGATIVE, [prior("No nodule.", "no Nodule")]) == ()


def test_an_old_nodule_is_no_old_infiltrate_though_opacity_is_a_word_for_both():
    assert compared("Infiltration", [], [prior("Nodule.", "Nodule")]) is None
    assert compared("Infiltration", [], [prior("Opacity.", "Lung Opacity")])[0].startswith("There is again")


def test_what_is_not_seen_any_more_is_gone():
    stated = prior("Effusion.", "Pleural Effusion")
    found = gone([image_finding("Pleural Effusion", 0.1)], [stated])
    assert found == [("Pleural Effusion", "There is no longer a pleural effusion.", (stated,))]
    assert is_comparison(found[0][1])


def test_nothing_is_gone_that_the_encoder_does_not_look_for_or_still_sees():
    stated = [prior("Effusion.", "Pleural Effusion")]
    assert gone([], stated) == []
    assert gone([image_finding("Pleural Effusion", float("nan"), trained=False)], stated) == []
    assert gone([image_finding("Pleural Effusion", 0.9)], stated) == []
    assert gone([image_finding("Pleural Effusion", 0.1)], [prior("No effusion.", "no Pleural Effusion")]) == []


def test_nothing_is_gone_of_which_another_name_or_kind_is_still_seen():
    seen = [image_finding("Nodule", 0.9), image_finding("Infiltration", 0.1), image_finding("Lung Opacity", 0.1)]
    assert gone(seen, [prior("Nodule.", "Nodule")]) == []
    seen = [image_finding("Infiltration", 0.9), image_finding("Consolidation", 0.1)]
    assert gone(seen, [prior("Airspace disease.", "Airspace Disease")]) == []


def test_one_old_finding_is_gone_once():
    seen = [image_finding("Infiltration", 0.1), image_finding("Consolidation", 0.1)]
    assert len(gone(seen, [prior("Airspace disease.", "Airspace Disease")])) == 1


def test_a_normal_prior_is_no_finding_that_can_be_gone():
    assert gone([image_finding("No Finding", 0.1)], [prior("Normal.", "No Finding")]) == []
