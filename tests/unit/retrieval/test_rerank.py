"""Re-ranking orders cases that fit alike by side, sex, age and view, and changes nothing else."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.corpus.catalogue import CatalogueBuilder
from radrag.domain import Case, Side, StudyImage, View
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import Ranked, ordered
from radrag.retrieval.rerank import POOL, AgreementReranker, Bonuses, same_age, same_sides


@dataclass(frozen=True)
class Remembered:
    """What a test says of a case."""

    sides: dict = field(default_factory=dict)
    sex: str = ""
    age: float | None = None
    view: View | None = None


PLAIN = Remembered()
SIDES = st.dictionaries(
    st.sampled_from(["Pleural Effusion", "Mass"]), st.sampled_from([Side.LEFT, Side.RIGHT, Side.BILATERAL])
)
CASES = st.lists(
    st.builds(Remembered, SIDES, st.sampled_from(["M", "F", ""]), st.none() | st.floats(0, 100)),
    max_size=12,
)
SCORES = st.lists(st.floats(0, 1), min_size=13, max_size=13)


def catalogue(cases):
    builder = CatalogueBuilder()
    for number, one in enumerate(cases):
        images = (StudyImage("1.2", one.view, 4, 4),) if one.view else ()
        case = Case(f"c:{number:03d}", "c", "p", images, {}, sex=one.sex, age=one.age)
        builder.add(case, {"Pleural Effusion": 1.0}, [str(number)], one.sides)
    return builder.catalogue()


def order(cases, query, scores=(0.5,)):
    held = catalogue(cases)
    all_scores = np.array([scores[row % len(scores)] for row in range(len(cases))])
    fused = ordered(np.arange(len(cases)), all_scores, held.by_id)
    return held_ids(held, AgreementReranker(held).rerank(fused, query))


def held_ids(held, ranked):
    return [held.ids[row] for row in ranked.rows]


def test_the_same_side_comes_before_no_side_and_the_other_side_last():
    cases = [Remembered(sides={"Pleural Effusion": side}) for side in (Side.RIGHT, Side.LEFT, Side.BILATERAL)]
    query = Query({}, "left pleural effusion", sides={"Pleural Effusion": Side.LEFT})
    assert order([*cases, PLAIN], query) == ["c:001", "c:002", "c:003", "c:000"]


def test_a_side_of_what_a_report_calls_by_another_word_counts():
    assert same_sides({"Consolidation": Side.LEFT}, {"Airspace Disease": Side.LEFT}) == 1
    assert same_sides({"Consolidation": Side.LEFT}, {"Airspace Disease": Side.RIGHT}) == -1


def test_a_patient_of_the_same_sex_and_age_and_view_comes_first():
    alike = Remembered(sex="F", age=60.0, view=View.AP)
    man = Remembered(sex="M", age=60.0, view=View.AP)
    query = Query({}, "", sex="F", age=62.0, views=frozenset({View.AP, View.UNKNOWN}))
    assert order([PLAIN, man, alike], query) == ["c:002", "c:001", "c:000"]


def test_unknown_views_are_not_the_same_view():
    unknown = Remembered(view=View.UNKNOWN)
    assert order([PLAIN, unknown], Query({}, "", views=frozenset({View.UNKNOWN}))) == ["c:000", "c:001"]


def test_likeness_in_age_ends_at_twenty_years_and_needs_both():
    assert same_age(50, np.array([50, 60, 90, np.nan])).tolist() == [1, 0.5, 0, 0]


def test_what_fits_much_better_stays_first():
    cases = [PLAIN, Remembered(sides={"Pleural Effusion": Side.LEFT}, sex="M", age=50.0)]
    query = Query({}, "", sides={"Pleural Effusion": Side.LEFT}, sex="M", age=50.0)
    assert order(cases, query, scores=(0.9, 0.5)) == ["c:000", "c:001"]


def test_cases_beyond_the_pool_keep_their_places():
    cases = [PLAIN] * (POOL + 3) + [Remembered(sex="M")]
    found = order(cases, Query({}, "", sex="M"))
    assert found[POOL:] == [f"c:{n:03d}" for n in range(POOL, POOL + 4)]


@given(CASES, SCORES, SIDES, st.sampled_from(["M", ""]), st.none() | st.floats(0, 100))
def test_the_set_stays_and_further_cases_lift_nobody(cases, scores, sides, sex, age):
    query = Query({}, "", sides=sides, sex=sex, age=age)
    before = order(cases, query, scores)
    assert sorted(before) == [f"c:{n:03d}" for n in range(len(cases))]
    after = order([*cases, PLAIN], query, scores)
    assert [name for name in after if name in before] == before


def test_nothing_comes_of_nothing():
    nothing = Ranked(np.empty(0, dtype=np.intp), np.empty(0))
    assert len(AgreementReranker(catalogue([])).rerank(nothing, Query({}, "", sex="F"))) == 0


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            Remembered({"Mass": Side.LEFT}, "F", 61.0, View.PA),
            ("same side", "same sex", "about the same age", "same view"),
        ),
        (Remembered({"Mass": Side.RIGHT}, "M", 30.0, View.AP), ("other side", "another view")),
        (PLAIN, ("another view",)),
    ],
)
def test_the_reasons_say_what_agrees_and_which_side_or_view_does_not(case, expected):
    query = Query({}, "", sides={"Mass": Side.LEFT}, sex="F", age=60.0, views=frozenset({View.PA}))
    assert AgreementReranker(catalogue([case])).reasons(0, query) == expected
    assert AgreementReranker(catalogue([case])).reasons(0, Query({}, "")) == ()


class TestMisleading:
    def order(self, penalty, **misleading):
        held = catalogue([PLAIN, PLAIN, PLAIN])
        fused = ordered(np.arange(3), np.array([0.5, 0.49, 0.40]), held.by_id)
        marks = {f"c:00{key[1:]}": count for key, count in misleading.items()}
        reranker = AgreementReranker(held, Bonuses(trusted=penalty), misleading=marks)
        return held_ids(held, reranker.rerank(fused, Query({}, "effusion")))

    def test_a_case_called_misleading_falls_behind_those_that_fit_alike(self):
        assert self.order(0.03, _0=1) == ["c:001", "c:000", "c:002"]

    def test_no_number_of_marks_costs_more_than_twice_one(self):
        assert self.order(0.03, _0=10_000) == ["c:001", "c:000", "c:002"]

    def test_marks_change_nothing_where_the_site_does_not_want_them_to(self):
        assert self.order(0.0, _0=5) == ["c:000", "c:001", "c:002"]

    def test_the_reason_is_told(self):
        held = catalogue([PLAIN])
        reranker = AgreementReranker(held, Bonuses(trusted=0.03), misleading={"c:000": 1})
        assert "called misleading" in reranker.reasons(0, Query({}, "effusion"))
