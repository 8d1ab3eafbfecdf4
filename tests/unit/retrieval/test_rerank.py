"""Re-ranking orders cases that fit alike by side, sex, age and view, and changes nothing else."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from radrag.corpus.catalogue import IndexedCase
from radrag.domain import Side, View
from radrag.retrieval.fusion import Fused
from radrag.retrieval.query import Query
from radrag.retrieval.rerank import POOL, AgreementReranker, same_age, same_sides

PLAIN = IndexedCase("p", {"Pleural Effusion": 1.0})
SIDES = st.dictionaries(
    st.sampled_from(["Pleural Effusion", "Mass"]), st.sampled_from([Side.LEFT, Side.RIGHT, Side.BILATERAL])
)
CASES = st.lists(
    st.builds(
        lambda sides, sex, age: replace(PLAIN, sides=sides, sex=sex, age=age),
        SIDES,
        st.sampled_from(["M", "F", ""]),
        st.none() | st.floats(0, 100),
    ),
    max_size=12,
)
SCORES = st.lists(st.floats(0, 1), min_size=13, max_size=13)


def fused(scores, cases):
    items = [Fused(f"c:{n:03d}", round(scores[n % len(scores)], 6), {}) for n in range(len(cases))]
    return sorted(items, key=lambda item: (-item.score, item.id))


def order(cases, query, scores=(0.5,)):
    by_id = {f"c:{n:03d}": case for n, case in enumerate(cases)}
    return [item.id for item in AgreementReranker(by_id).rerank(fused(scores, cases), query)]


def test_the_same_side_comes_before_no_side_and_the_other_side_last():
    cases = [replace(PLAIN, sides={"Pleural Effusion": side}) for side in (Side.RIGHT, Side.LEFT, Side.BILATERAL)]
    query = Query({}, "left pleural effusion", sides={"Pleural Effusion": Side.LEFT})
    assert order([*cases, PLAIN], query) == ["c:001", "c:002", "c:003", "c:000"]


def test_a_side_of_what_a_report_calls_by_another_word_counts():
    assert same_sides({"Consolidation": Side.LEFT}, {"Airspace Disease": Side.LEFT}) == 1
    assert same_sides({"Consolidation": Side.LEFT}, {"Airspace Disease": Side.RIGHT}) == -1


def test_a_patient_of_the_same_sex_and_age_and_view_comes_first():
    alike = replace(PLAIN, sex="F", age=60.0, views=frozenset({View.AP}))
    query = Query({}, "", sex="F", age=62.0, views=frozenset({View.AP, View.UNKNOWN}))
    assert order([PLAIN, replace(alike, sex="M"), alike], query) == ["c:002", "c:001", "c:000"]


def test_unknown_views_are_not_the_same_view():
    unknown = replace(PLAIN, views=frozenset({View.UNKNOWN}))
    assert order([PLAIN, unknown], Query({}, "", views=frozenset({View.UNKNOWN}))) == ["c:000", "c:001"]


def test_likeness_in_age_ends_at_twenty_years_and_needs_both():
    assert (same_age(50, 50), same_age(50, 60), same_age(50, 90), same_age(50, None)) == (1, 0.5, 0, 0)


def test_what_fits_much_better_stays_first():
    cases = [PLAIN, replace(PLAIN, sides={"Pleural Effusion": Side.LEFT}, sex="M", age=50.0)]
    query = Query({}, "", sides={"Pleural Effusion": Side.LEFT}, sex="M", age=50.0)
    assert order(cases, query, scores=(0.9, 0.5)) == ["c:000", "c:001"]


def test_cases_beyond_the_pool_keep_their_places():
    cases = [PLAIN] * (POOL + 3) + [replace(PLAIN, sex="M")]
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
    assert AgreementReranker({}).rerank([], Query({}, "", sex="F")) == []
