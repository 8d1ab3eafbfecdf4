"""A reader is told what was left out, what is weak, what the image says otherwise and why a draft is empty."""

import pytest
from fakes import image_finding

from radrag.domain import DraftSentence, EvidenceLink, Finding, Polarity, Relation, Side, Status
from radrag.grounding.revision import Revised, Revision
from radrag.grounding.warnings import abstention, revision_warnings, sentence_warnings

NO, MAYBE = Polarity.NEGATIVE, Polarity.UNCERTAIN


def drafted(*findings, status=Status.SUPPORTED, cases=()):
    links = tuple(EvidenceLink(case, "findings", 0, 0, 4, "Text", Relation.SUPPORTS, 1.0) for case in cases)
    return DraftSentence("findings", "Text.", status, findings, links)


def warned(*sentences, image=(), **more):
    return [(one.code, one.message) for one in sentence_warnings(sentences, image, **more)]


def codes(*sentences, **more):
    return [code for code, _ in warned(*sentences, **more)]


def test_a_consistent_supported_draft_has_no_warning():
    image = [image_finding("Mass", 0.9), image_finding("Pleural Effusion", 0.1)]
    assert warned(drafted(Finding("Mass")), drafted(Finding("Pleural Effusion", NO)), image=image) == []


@pytest.mark.parametrize("status", [Status.UNSUPPORTED, Status.CONTRADICTED])
def test_weak_sentences_are_counted(status):
    found = warned(drafted(status=status), drafted(status=status), drafted(status=Status.PARTIAL))
    assert found == [("weak_evidence", "2 sentence(s) are unsupported or contradicted.")]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Finding("Mass"), Finding("Mass", NO)),
        (Finding("Mass", NO), Finding("Mass")),
        (Finding("Pneumonia"), Finding("Lung Opacity", NO)),
        (Finding("Lung Opacity", NO), Finding("Pneumonia")),
        (Finding("Mass", MAYBE), Finding("Mass", NO)),
        (Finding("Mass", side=Side.LEFT), Finding("Mass", NO)),
        (Finding("Pneumothorax"), Finding("No Finding")),
    ],
)
def test_a_pair_that_says_opposite_things_is_named_by_its_numbers_once(one, two):
    image = [image_finding(one.label, 0.9 if one.polarity is not NO else 0.1)]
    found = [
        message
        for code, message in warned(drafted(), drafted(one), drafted(two), image=image)
        if code == "inconsistent"
    ]
    assert found == [f"Sentences 2 and 3 say opposite things of {one.label}."]


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (Finding("Mass"), Finding("Nodule", NO)),
        (Finding("Lung Opacity"), Finding("Pneumonia", NO)),
        (Finding("Pleural Effusion", side=Side.LEFT), Finding("Pleural Effusion", NO, Side.RIGHT)),
        (Finding("Pleural Effusion", side=Side.LEFT), Finding("Pleural Effusion", side=Side.RIGHT)),
        (Finding("Mass"), Finding("Mass")),
        (Finding("Scoliosis"), Finding("No Finding")),
    ],
)
def test_what_can_stand_side_by_side_is_no_inconsistency(one, two):
    assert "inconsistent" not in codes(drafted(one), drafted(two))


def test_a_draft_that_says_otherwise_than_the_image_is_told():
    image = [image_finding("Mass", 0.1), image_finding("Edema", 0.9)]
    assert warned(drafted(Finding("Mass")), drafted(Finding("Edema", NO)), image=image) == [
        ("image_disagrees", "The draft states Mass; the image says otherwise."),
        ("image_disagrees", "The draft denies Edema; the image says otherwise."),
    ]
    assert codes(drafted(Finding("Mass", MAYBE)), image=image) == []


def test_a_denial_that_the_encoder_cannot_check_is_told_by_name():
    image = [image_finding("Nodule", 0.1), image_finding("Fracture", float("nan"), trained=False)]
    found = warned(drafted(Finding("Fracture", NO), Finding("Lung Opacity", NO)), image=image)
    assert [code for code, _ in found] == ["not_assessed"]
    assert "Fracture" in found[0][1]
    assert "Lung Opacity" not in found[0][1]


def test_a_sentence_that_only_cases_found_for_it_speak_of_is_told():
    assert codes(drafted(cases=["c:1"]), looked_up=["c:1"]) == ["looked_up"]
    assert codes(drafted(cases=["c:1", "c:2"]), looked_up=["c:1"]) == []
    assert codes(drafted(), looked_up=["c:1"]) == []


def revision(before, after, round_=1):
    return Revision(round_, "findings", before, Status.UNSUPPORTED, after)


def test_dropped_rewritten_and_removed_sentences_are_counted():
    revised = Revised((), (revision("A.", ""), revision("B.", "C."), revision("D.", "")))
    assert [(one.code, one.message.split()[0]) for one in revision_warnings(revised, compared=3)] == [
        ("comparison_removed", "3"),
        ("claim_dropped", "2"),
        ("rewritten", "1"),
    ]
    assert revision_warnings(Revised(())) == []


def test_a_rewrite_that_was_rewritten_or_dropped_afterwards_is_counted_once():
    revisions = (revision("A.", "B."), revision("B.", "C.", 2), revision("E.", "F."), revision("F.", "", 2))
    assert [(one.code, one.message.split()[0]) for one in revision_warnings(Revised((), revisions))] == [
        ("claim_dropped", "1"),
        ("rewritten", "1"),
    ]


MASS = image_finding("Mass", 0.9)


@pytest.mark.parametrize(
    ("cases", "dropped", "why"),
    [
        (0, 0, "no case was retrieved"),
        (0, 2, "no case was retrieved"),
        (5, 0, "none of the 5 retrieved reports says what the image shows"),
        (5, 2, "none of the 2 sentence(s) that were written is carried by image or evidence"),
    ],
)
def test_an_empty_draft_says_why_it_is_empty(cases, dropped, why):
    told = abstention(cases, [MASS], dropped)
    assert (told.code, told.message) == ("abstained", f"Nothing is drafted: {why}.")


@pytest.mark.parametrize("image", [[], [image_finding("Mass", float("nan"), trained=False)]])
def test_of_an_image_that_was_not_assessed_another_warning_tells(image):
    assert abstention(5, image, 2) is None
