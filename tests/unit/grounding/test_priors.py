"""Sentences that compare stand only on the patient's own prior report, quoted byte for byte."""

import pytest
from fakes import image_finding, sentence
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import PRIOR, Change, Finding, Polarity, Relation, Status
from radrag.generation.phrases import PHRASES, no_longer, statement
from radrag.grounding.priors import IMAGE_SECTION, ComparisonVerifier, prior_of
from radrag.reports.findings import default_labeler

labeler = default_labeler()
VERIFIER = ComparisonVerifier(labeler.label_text)


def prior(findings="", impression="", image=()):
    sections = {name: text for name, text in (("findings", findings), ("impression", impression)) if text}
    return prior_of(sections, labeler.label_section, image)


def case(text, case_id="c:1"):
    return labeler.label_section(case_id, "findings", text)


def check(text, earlier, evidence=(), image=()):
    return VERIFIER.verify("findings", text, evidence, earlier.sentences if earlier else (), image)


def to_prior(checked):
    return [(link.relation, link.quote) for link in checked.links if link.case_id == PRIOR]


STATES = prior("There is a pleural effusion.")
DENIES = prior("No pleural effusion.")
SILENT = prior("The heart is enlarged.")
TODAY = case("Pleural effusion.")
GONE_TODAY = case("No pleural effusion.")
SUPPORTS, CONTRADICTS = Relation.SUPPORTS, Relation.CONTRADICTS


@pytest.mark.parametrize(
    ("text", "evidence", "stated", "denied"),
    [
        ("There is again a pleural effusion.", TODAY, Status.SUPPORTED, Status.CONTRADICTED),
        ("There is a new pleural effusion.", TODAY, Status.CONTRADICTED, Status.SUPPORTED),
        ("There is no longer a pleural effusion.", GONE_TODAY, Status.SUPPORTED, Status.CONTRADICTED),
        ("There is a worsening pleural effusion.", TODAY, Status.PARTIAL, Status.CONTRADICTED),
        ("There is an improving pleural effusion.", TODAY, Status.PARTIAL, Status.CONTRADICTED),
        ("There is still no pleural effusion.", GONE_TODAY, Status.CONTRADICTED, Status.SUPPORTED),
        ("No new pleural effusion.", GONE_TODAY, Status.SUPPORTED, Status.SUPPORTED),
    ],
)
def test_what_a_sentence_says_of_the_past_needs_a_prior_that_says_it(text, evidence, stated, denied):
    assert check(text, STATES, evidence).status is stated
    assert check(text, DENIES, evidence).status is denied
    assert check(text, SILENT, evidence).status is Status.UNSUPPORTED
    assert check(text, None, evidence).status is Status.UNSUPPORTED


def test_support_and_contradiction_quote_the_prior_first():
    again = check("There is again a pleural effusion.", STATES, TODAY)
    assert [link.case_id for link in again.links] == [PRIOR, "c:1"]
    assert to_prior(again) == [(SUPPORTS, "There is a pleural effusion.")]
    new = check("There is a new pleural effusion.", STATES, TODAY)
    assert to_prior(new) == [(CONTRADICTS, "There is a pleural effusion.")]


def test_a_contradicted_comparison_shows_both_sides():
    new = check("There is a new pleural effusion.", STATES, TODAY)
    assert [(link.case_id, link.relation) for link in new.links] == [("c:1", SUPPORTS), (PRIOR, CONTRADICTS)]


def test_a_prior_that_states_and_denies_counts_as_having_had_it():
    both = prior("There is a pleural effusion.", "No pleural effusion.")
    assert check("There is again a pleural effusion.", both, TODAY).status is Status.SUPPORTED


def test_today_is_checked_too():
    assert check("There is again a pleural effusion.", STATES, GONE_TODAY).status is Status.CONTRADICTED
    assert check("There is again a pleural effusion.", STATES).status is Status.UNSUPPORTED


def test_what_the_prior_says_of_the_past_and_the_image_of_today_is_supported_in_part():
    seen, unseen = [image_finding("Pleural Effusion", 0.9)], [image_finding("Pleural Effusion", 0.1)]
    assert check("There is again a pleural effusion.", STATES, image=seen).status is Status.PARTIAL
    assert check("There is again a pleural effusion.", STATES, image=unseen).status is Status.UNSUPPORTED
    assert check("There is no longer a pleural effusion.", STATES, image=unseen).status is Status.PARTIAL
    assert check("There is again a pleural effusion.", SILENT, image=seen).status is Status.UNSUPPORTED


def test_every_claim_of_a_sentence_needs_the_prior():
    text = "Unchanged pleural effusion and cardiomegaly."
    evidence = case("Pleural effusion and cardiomegaly.")
    assert check(text, STATES, evidence).status is Status.UNSUPPORTED
    whole = prior("There is a pleural effusion. The heart is enlarged.")
    assert check(text, whole, evidence).status in (Status.SUPPORTED, Status.PARTIAL)


def test_a_comparison_without_a_finding_is_unsupported():
    assert check("The lungs look the same as before.", STATES, TODAY).status is Status.UNSUPPORTED


def test_quotes_are_the_priors_own_bytes():
    text = (
        "FINDINGS\u00a0(caf\u00e9):\n There is  a  left pleural effusion .\nSame \u2013 pleural effusion on the right."
    )
    earlier = prior(text, "Pleural effusion.")
    checked = check("There is again a pleural effusion.", earlier, TODAY)
    links = [link for link in checked.links if link.case_id == PRIOR]
    assert len(links) == len(earlier.sentences)
    for link in links:
        assert earlier.sections[link.section][link.start : link.end] == link.quote


def test_a_prior_of_images_alone_can_be_quoted():
    image = [image_finding("Pleural Effusion", 0.91), image_finding("Mass", 0.07)]
    earlier = prior(
        image=[*image, image_finding("Edema", float("nan"), trained=False), image_finding("No Finding", 0.2)]
    )
    assert earlier.sections == {
        IMAGE_SECTION: "There is a pleural effusion (image encoder: 0.91, threshold 0.50). "
        "There is no lung mass (image encoder: 0.07, threshold 0.50)."
    }
    assert to_prior(check("There is again a pleural effusion.", earlier, TODAY)) == [
        (SUPPORTS, "There is a pleural effusion (image encoder: 0.91, threshold 0.50).")
    ]
    assert check("There is a new lung mass.", earlier, case("Lung mass.")).status is Status.SUPPORTED


def test_what_an_encoder_saw_is_read_back_label_by_label():
    for probability, polarity in ((0.9, Polarity.POSITIVE), (0.1, Polarity.NEGATIVE)):
        earlier = prior(image=[image_finding(name, probability) for name in PHRASES])
        found = [(one.label, one.polarity) for said in earlier.sentences for one in said.findings]
        assert found == [(name, polarity) for name in PHRASES]


def test_what_was_asked_of_a_prior_study_is_not_what_it_showed():
    sections = {"indication": "Pleural effusion?", "history": "Pneumothorax.", "findings": "Clear lungs."}
    earlier = prior_of(sections, labeler.label_section)
    assert {one.section for one in earlier.sentences} == {"findings"}
    assert earlier.sections == sections


def test_a_prior_of_nothing_supports_nothing():
    assert prior().sentences == ()
    assert check("There is again a pleural effusion.", prior(), TODAY).status is Status.UNSUPPORTED


LABELS = ["Pleural Effusion", "Mass", "Lung Opacity", "Pneumonia", "Cardiomegaly"]
claims = st.builds(
    Finding,
    st.sampled_from(LABELS),
    st.sampled_from(list(Polarity)),
    change=st.sampled_from(list(Change)),
)
said = st.lists(claims.map(statement) | st.sampled_from(LABELS).map(no_longer), max_size=4).map(" ".join)


@given(text=said, earlier=said, evidence=said, seen=st.dictionaries(st.sampled_from(LABELS), st.floats(0, 1)))
def test_no_comparison_is_shown_as_supported_without_a_supporting_link_to_the_prior(text, earlier, evidence, seen):
    known = prior(earlier)
    image = [image_finding(name, probability) for name, probability in seen.items()]
    checked = check(text, known, case(evidence), image)
    own = [link for link in checked.links if link.case_id == PRIOR]
    if checked.status in (Status.SUPPORTED, Status.PARTIAL):
        assert any(link.relation is SUPPORTS for link in own)
        assert not any(link.relation is CONTRADICTS for link in own)
    if any(link.relation is CONTRADICTS for link in own):
        assert checked.status is Status.CONTRADICTED
    for link in own:
        assert known.sections[link.section][link.start : link.end] == link.quote


def test_sentences_of_other_cases_are_no_prior():
    checked = VERIFIER.verify("findings", "There is again a mass.", [sentence("Mass.", "Mass")], ())
    assert checked.status is Status.UNSUPPORTED
