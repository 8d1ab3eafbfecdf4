"""The catalogue of an index: filters, patterns, twins, and what is left without a corpus."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radrag.corpus.catalogue import Catalogue, CatalogueBuilder, Filters, same_text_key
from radrag.domain import Case, Side, StudyImage, View
from radrag.errors import BadIndex
from radrag.reports.vocabulary import NAMES

LABELS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([1.0, 0.5, -1.0]), min_size=1, max_size=4)


def case(number, corpus="a", **values):
    return Case(f"{corpus}:{number}", corpus, f"p{number}", (), {}, **values)


def catalogue(*entries):
    builder = CatalogueBuilder()
    for made, labels, *texts in entries:
        builder.add(made, labels, texts or [made.case_id])
    return builder.catalogue()


THREE = (
    (case(1, studied_at="2020-05-01", licence="CC0", sex="F", age=40.0), {"Mass": 1.0}, "A mass."),
    (case(2, studied_at="2021-05-01T10:00:00"), {"Mass": 1.0}, "One mass."),
    (case(3, "b", licence="CC0"), {"No Finding": 1.0, "Edema": -1.0}, "a  MASS"),
)


def found(cases, filters=Filters(), **how):  # noqa: B008 - frozen
    mask = cases.allowed(filters, exclude_patient=how.get("patient", ""), exclude_cases=how.get("without", ()))
    return [name for row, name in enumerate(cases.ids) if mask is None or mask[row]]


def test_a_case_comes_back_as_it_was_added():
    cases = catalogue(*THREE)
    one = cases["a:1"]
    assert (one.patient_key, one.corpus, one.licence, one.sex, one.age) == ("p1", "a", "CC0", "F", 40.0)
    assert cases["b:3"].labels == {"No Finding": 1.0, "Edema": -1.0}
    assert len(cases.patterns) == 2  # the two masses share one


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), ["a:1", "a:2", "b:3"]),
        (Filters(corpora=frozenset({"b"})), ["b:3"]),
        (Filters(licences=frozenset({"CC0"})), ["a:1", "b:3"]),
        (Filters(since="2021-01-01"), ["a:2"]),
        (Filters(since="2020-05-01", until="2021-05-01"), ["a:1", "a:2"]),
        (Filters(until="2020-12-31", corpora=frozenset({"b"})), []),
    ],
)
def test_filters_leave_what_they_name(filters, expected):
    assert found(catalogue(*THREE), filters) == expected


def test_views_are_those_of_the_case_s_images():
    lateral = StudyImage("1", View.LATERAL, 1, 1)
    with_view = Case("a:9", "a", "p", (lateral, StudyImage("2", View.PA, 1, 1)), {})
    cases = catalogue(*THREE, (with_view, {"Mass": 1.0}, "Else."))
    assert found(cases, Filters(views=frozenset({View.LATERAL}))) == ["a:9"]
    assert cases["a:9"].views == {View.PA, View.LATERAL}


def test_the_excluded_patient_is_not_allowed():
    assert found(catalogue(*THREE), patient="p2") == ["a:1", "b:3"]


def test_excluded_cases_are_not_allowed_and_unknown_ones_change_nothing():
    cases = catalogue(*THREE)
    assert found(cases, without=["a:2", "z:9"]) == ["a:1", "b:3"]
    assert cases.allowed(Filters(), exclude_cases=["z:9"]) is None


def test_reports_of_the_same_words_are_twins():
    cases = catalogue(*THREE)
    assert (cases["b:3"].twin, cases["a:2"].twin) == ("a:1", "a:2")
    assert same_text_key(["Clear lungs. Heart normal."]) == same_text_key(["heart  normal", "CLEAR lungs;"])
    assert same_text_key(["No effusion."]) != same_text_key(["Effusion."])


def test_without_a_corpus_the_rest_stays_and_twins_find_a_new_first():
    fourth = (case(4, "b"), {"Mass": 1.0}, "A mass!")
    rest = catalogue(*THREE, fourth).without("a")
    assert rest.ids == ["b:3", "b:4"]
    assert rest["b:4"].twin == "b:3"
    assert rest["b:4"].labels == {"Mass": 1.0}


@settings(deadline=None)  # the first call loads pyarrow
@given(st.lists(LABELS, min_size=1, max_size=12))
def test_saved_and_loaded_it_is_the_same(tmp_path_factory, labels):
    folder = tmp_path_factory.mktemp("catalogue")
    cases = catalogue(*((case(number), said) for number, said in enumerate(labels)))
    cases.save(folder)
    again = Catalogue.load(folder)
    assert dict(again) == dict(cases)
    assert np.array_equal(again.patterns, cases.patterns)
    assert again.prevalence() == cases.prevalence()


def test_a_damaged_table_is_refused(tmp_path):
    catalogue(*THREE).save(tmp_path)
    (tmp_path / "cases.arrow").write_bytes(b"ARROW1")
    with pytest.raises(BadIndex, match="no readable case table"):
        Catalogue.load(tmp_path)


def test_sides_come_back_and_an_index_without_them_can_be_read(tmp_path):
    builder = CatalogueBuilder()
    sides = {"Pleural Effusion": Side.LEFT, "Atelectasis": Side.BILATERAL, "Mass": Side.RIGHT}
    builder.add(case(1), {"Mass": 1.0}, ["A mass."], sides)
    builder.add(case(2), {"Mass": 1.0}, ["One mass."])
    builder.catalogue().save(tmp_path)
    loaded = Catalogue.load(tmp_path)
    assert [loaded[name].sides for name in loaded] == [sides, {}]
    older = Catalogue({name: column for name, column in loaded._columns.items() if name != "sides"}, loaded.patterns)
    assert older["a:1"].sides == {}
