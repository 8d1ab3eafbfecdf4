"""The plain baseline compares what an encoder calls, and knows no probabilities."""

import pytest

from radrag.corpus.catalogue import CatalogueBuilder
from radrag.domain import Case, ImageFinding
from radrag.evaluation.plain_findings import PlainFindings
from radrag.reports.findings import default_labeler
from radrag.retrieval.query import Query, query_from_image, query_from_text

STATED = {
    "c:mass": ("Mass",),
    "c:none": ("No Finding",),
    "c:nodule and edema": ("Nodule", "Edema"),
    "c:scoliosis": ("Scoliosis",),
}


@pytest.fixture(scope="module")
def plain():
    builder = CatalogueBuilder()
    for name, stated in STATED.items():
        builder.add(Case(name, "c", name, (), {}), dict.fromkeys(stated, 1.0), [name])
    cases = builder.catalogue()
    channel = PlainFindings(cases)

    def search(query):
        found = channel.search(query, 10)
        return {cases.ids[row]: score for row, score in zip(found.rows, found.scores, strict=True)}

    return search


def image(**probabilities):
    return query_from_image([ImageFinding(name, p, 0.3) for name, p in probabilities.items()])


def test_only_what_reaches_its_threshold_counts_however_sure_the_encoder_is(plain):
    just, sure = plain(image(Mass=0.31, Edema=0.29)), plain(image(Mass=0.99, Edema=0.01))
    assert just == sure
    assert list(just) == ["c:mass", "c:nodule and edema", "c:none", "c:scoliosis"]
    assert just["c:mass"] == 1
    assert just["c:nodule and edema"] == pytest.approx(0.8)  # a nodule and a mass are both a lung lesion and an opacity


def test_an_image_without_a_called_finding_asks_for_reports_without_any_that_was_assessed(plain):
    found = plain(image(Mass=0.2, Edema=0.2))
    assert {name for name, score in found.items() if score == 1} == {"c:none", "c:scoliosis"}


def test_words_call_what_they_state_and_nothing_calls_nothing(plain):
    asked = query_from_text("mass, no edema", default_labeler().label_text("There is a mass. No edema."))
    assert next(iter(plain(asked))) == "c:mass"
    assert plain(Query({}, "")) == {}
