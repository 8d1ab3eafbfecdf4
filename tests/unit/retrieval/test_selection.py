"""The best cases are selected, and some for every finding that is asked for."""

from hypothesis import given
from hypothesis import strategies as st

from radrag.retrieval.fusion import Fused
from radrag.retrieval.selection import AT_LEAST, select

STATED = st.lists(st.sets(st.sampled_from(["Mass", "Edema", "Hernia"])), max_size=40)


def selected(stated, k, wanted):
    fused = [Fused(f"c:{i:02d}", 1 / (i + 1), {}) for i in range(len(stated))]
    return [item.id for item in select(fused, k, wanted, lambda case, label: label in stated[int(case[2:])])]


def test_without_wanted_findings_the_best_cases_are_taken():
    assert selected([set()] * 5, 3, []) == ["c:00", "c:01", "c:02"]


def test_a_rare_finding_gets_its_cases_and_the_order_stays():
    stated = [{"Mass"}] * 10 + [{"Hernia"}] * 5
    assert selected(stated, 6, ["Mass", "Hernia"]) == ["c:00", "c:01", "c:02", "c:10", "c:11", "c:12"]


@given(STATED, st.integers(1, 20), st.sets(st.sampled_from(["Mass", "Edema", "Hernia"])))
def test_as_many_as_asked_for_in_order_with_every_finding_covered(stated, k, wanted):
    found = selected(stated, k, wanted)
    assert len(found) == min(k, len(stated))
    assert found == sorted(set(found))
    if k >= AT_LEAST * len(wanted):
        for label in wanted:
            there = sum(label in item for item in stated)
            assert sum(label in stated[int(case[2:])] for case in found) >= min(AT_LEAST, there)
