"""What retrieved cases say of each finding: every case is counted once, beside what is usual."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.corpus.catalogue import IndexedCase
from radrag.reports.vocabulary import NAMES
from radrag.retrieval.neighbourhood import counts_to_dict, neighbourhood, stated_rows

CASES = {
    "c:1": IndexedCase("", {"Edema": 1.0, "Lung Opacity": 1.0}),
    "c:2": IndexedCase("", {"Edema": 0.5, "Pneumothorax": -1.0}),
    "c:3": IndexedCase("", {"Edema": -1.0, "Pneumothorax": -1.0}),
    "c:4": IndexedCase("", {"No Finding": 1.0}),
}
PREVALENCE = {"Edema": 0.25, "Lung Opacity": 0.5, "No Finding": 0.4}


def counts(*ids):
    return {one.label: one for one in neighbourhood(ids, CASES, PREVALENCE)}


def test_cases_are_named_on_the_side_they_take_in_the_order_of_the_hits():
    edema = counts("c:4", "c:2", "c:1", "c:3")["Edema"]
    assert (edema.support, edema.against, edema.silent) == (("c:2", "c:1"), ("c:3",), ("c:4",))
    assert edema.share == pytest.approx(2 / 3)  # of those that speak of it
    assert edema.lift == pytest.approx((2 / 4) / 0.25)  # of all, as in the corpus


def test_what_is_only_denied_has_a_share_of_nothing_and_what_no_case_states_no_lift():
    pneumothorax = counts("c:2", "c:3")["Pneumothorax"]
    assert pneumothorax.share == 0
    assert pneumothorax.lift is None  # no indexed case states it: nothing to compare with


def test_labels_that_no_case_speaks_of_are_left_out_and_no_hits_say_nothing():
    assert "Pneumothorax" not in counts("c:1")
    assert counts() == {}


@given(
    st.dictionaries(
        st.sampled_from(["c:1", "c:2", "c:3", "c:4", "c:5"]),
        st.dictionaries(st.sampled_from(NAMES[:6]), st.sampled_from([1.0, 0.5, -1.0])),
    )
)
def test_every_case_is_on_exactly_one_side_of_every_label(labels):
    cases = {name: SimpleNamespace(labels=said) for name, said in labels.items()}
    for one in neighbourhood(list(cases), cases, {}):
        assert sorted((*one.support, *one.against, *one.silent)) == sorted(cases)
        assert one.support or one.against


def test_the_table_shows_what_is_stated_the_most_frequent_first_and_no_more_than_asked_for():
    values = [counts_to_dict(one) for one in neighbourhood(list(CASES), CASES, PREVALENCE)]
    rows = stated_rows(values)
    assert rows[0] == ("Edema", "2", "1", "1", "25.0%", "2.0x")
    assert "Pneumothorax" not in {row[0] for row in rows}
    assert len(stated_rows(values, most=1)) == 1
