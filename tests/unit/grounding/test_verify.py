"""Statuses, votes and links of sentences against evidence."""

from fakes import image_finding, sentence
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import Finding, Polarity, Relation, Severity, Side, Status
from radrag.grounding.verify import MAX_LINKS, Verifier
from radrag.reports.findings import default_labeler

LABELS = {
    "No pleural effusion.": (Finding("Pleural Effusion", Polarity.NEGATIVE, start=3, end=19),),
    "Pleural effusion.": (Finding("Pleural Effusion", start=0, end=16),),
    "Left pleural effusion.": (Finding("Pleural Effusion", side=Side.LEFT, start=0, end=21),),
    "Left pleural effusion and cardiomegaly.": (
        Finding("Pleural Effusion", side=Side.LEFT, start=0, end=21),
        Finding("Cardiomegaly", start=26, end=38),
    ),
}


def verify(text, evidence, image=()):
    return Verifier(lambda said: LABELS.get(said, ())).verify([("findings", text)], evidence, image)[0]


def test_evidence_that_says_the_same_supports_with_an_exact_quote():
    said = sentence("There is no effusion.", "no Pleural Effusion", start=17, number=2)
    checked = verify("No pleural effusion.", [said])
    assert checked.status is Status.SUPPORTED
    link = checked.links[0]
    assert (link.case_id, link.section, link.sentence) == ("iu-xray:CXR1", "findings", 2)
    assert (link.start, link.end, link.quote) == (17, 38, "There is no effusion.")
    assert link.relation is Relation.SUPPORTS


def test_nothing_to_the_point_is_unsupported_without_links():
    checked = verify("Pleural effusion.", [sentence("The heart is large.", "Cardiomegaly")])
    assert checked.status is Status.UNSUPPORTED
    assert checked.links == ()


def test_the_opposite_contradicts_and_shows_it():
    checked = verify("Pleural effusion.", [sentence("No effusion.", "no Pleural Effusion")])
    assert checked.status is Status.CONTRADICTED
    assert checked.links[0].relation is Relation.CONTRADICTS


def test_the_majority_of_cases_decides_and_both_sides_are_linked():
    for_it = [sentence("Effusion.", "Pleural Effusion", case=f"c:{i}") for i in range(2)]
    against = [sentence("No effusion.", "no Pleural Effusion", case=f"d:{i}") for i in range(3)]
    assert verify("Pleural effusion.", for_it + against).status is Status.CONTRADICTED
    checked = verify("Pleural effusion.", for_it + against[:1])
    assert checked.status is Status.SUPPORTED
    assert {link.relation for link in checked.links} == {Relation.SUPPORTS, Relation.CONTRADICTS}


def test_one_case_has_one_vote_however_often_it_says_it():
    for_it = [sentence("Effusion.", "Pleural Effusion", case="c:1")]
    against = [sentence("No effusion.", "no Pleural Effusion", case="c:2", number=i) for i in range(5)]
    assert verify("Pleural effusion.", for_it + against).status is Status.SUPPORTED


def test_the_other_side_in_the_same_report_does_not_undo_full_support():
    said = [
        sentence("Left effusion.", Finding("Pleural Effusion", side=Side.LEFT)),
        sentence("Right effusion.", Finding("Pleural Effusion", side=Side.RIGHT), number=1),
    ]
    assert verify("Left pleural effusion.", said).status is Status.SUPPORTED


def test_a_sentence_of_two_claims_is_supported_only_when_both_are():
    effusion = sentence("Left effusion.", Finding("Pleural Effusion", side=Side.LEFT))
    heart = sentence("Large heart.", "Cardiomegaly", number=1)
    text = "Left pleural effusion and cardiomegaly."
    assert verify(text, [effusion]).status is Status.PARTIAL
    checked = verify(text, [effusion, heart])
    assert checked.status is Status.SUPPORTED
    assert {link.sentence for link in checked.links} == {0, 1}
    assert verify(text, [effusion, sentence("Normal heart.", "no Cardiomegaly")]).status is Status.CONTRADICTED


def test_evidence_that_says_less_supports_in_part():
    assert verify("Left pleural effusion.", [sentence("Effusion.", "Pleural Effusion")]).status is Status.PARTIAL


def test_a_sentence_without_findings_needs_its_own_words():
    assert verify("Azygos fissure.", [sentence("Azygos  fissure")]).status is Status.SUPPORTED
    assert verify("Azygos fissure.", [sentence("No azygos fissure.")]).status is Status.UNSUPPORTED


def test_sentences_name_the_image_findings_that_agree():
    image = [image_finding("Pleural Effusion", 0.9), image_finding("Cardiomegaly", 0.1)]
    assert verify("Left pleural effusion and cardiomegaly.", [], image).image_findings == ("Pleural Effusion",)
    assert verify("No pleural effusion.", [], image).image_findings == ()


@given(st.integers(0, 40), st.integers(0, 40))
def test_every_case_is_linked_once_a_relation_up_to_a_bound(supports, contradictions):
    pool = [sentence("Effusion.", "Pleural Effusion", case=f"c:{i}") for i in range(supports)]
    pool += [sentence("No effusion.", "no Pleural Effusion", case=f"d:{i}") for i in range(contradictions)]
    links = verify("Pleural effusion.", pool).links
    assert sum(link.relation is Relation.SUPPORTS for link in links) == min(supports, MAX_LINKS)
    assert sum(link.relation is Relation.CONTRADICTS for link in links) == min(contradictions, MAX_LINKS)
    assert len({(link.case_id, link.sentence, link.relation) for link in links}) == len(links)


WORDS = ("no", "small", "left", "right", "pleural effusion", "pneumothorax", "cardiomegaly", "edema", "opacity", "with",
         "and", "new", "azygos fissure", "5 mm", "upper lobe", ".")  # fmt: skip
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


@given(TEXTS, st.lists(st.tuples(st.sampled_from(["c:1", "c:2", "c:3"]), TEXTS), max_size=5))
def test_statuses_are_never_without_the_links_that_they_speak_of(text, reports):
    labeler = default_labeler()
    pool = [one for case, body in reports for one in labeler.label_section(case, "findings", body)]
    checked = Verifier(labeler.label_text).verify([("findings", text)], pool)[0]
    relations = {link.relation for link in checked.links}
    if checked.status in (Status.SUPPORTED, Status.PARTIAL):
        assert Relation.SUPPORTS in relations
    if checked.status is Status.CONTRADICTED:
        assert Relation.CONTRADICTS in relations
    if checked.status is Status.UNSUPPORTED:
        assert Relation.SUPPORTS not in relations
    places = {(one.case_id, one.section, one.number, one.start, one.end, one.text) for one in pool}
    for link in checked.links:
        assert (link.case_id, link.section, link.sentence, link.start, link.end, link.quote) in places


def test_weak_support_has_a_say_only_where_there_is_none_better():
    opacity = [sentence("An opacity.", "Lung Opacity", case=f"c:{number}") for number in range(3)]
    denied = sentence("No edema.", "no Edema", case="d:1")
    stated = sentence("Edema.", "Edema", case="d:2")
    said = Verifier(lambda _: (Finding("Edema"),))
    alone = said.verify([("findings", "Edema.")], [*opacity, denied])[0]
    assert alone.status is Status.PARTIAL
    assert sum(link.relation is Relation.SUPPORTS for link in alone.links) == 3
    beside = said.verify([("findings", "Edema.")], [*opacity, denied, stated])[0]
    assert [link.quote for link in beside.links if link.relation is Relation.SUPPORTS] == ["Edema."]


def test_a_differing_attribute_beats_support_in_part_within_one_report():
    said = [
        sentence("Mild edema.", Finding("Edema", severity=Severity.MILD)),
        sentence("Edema.", "Edema", number=1),
    ]
    claim = Verifier(lambda _: (Finding("Edema", severity=Severity.SEVERE),))
    assert claim.verify([("findings", "Severe edema.")], said)[0].status is Status.CONTRADICTED


def test_nothing_written_is_supported_by_nothing():
    assert verify("…", [sentence("—")]).status is Status.UNSUPPORTED
