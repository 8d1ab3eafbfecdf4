"""The split: the collection's own, else by patient, in fixed shares, without a list."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.corpus.splits import SPLITS, split_of


@pytest.mark.parametrize("given_split", SPLITS)
def test_a_split_that_the_collection_gave_is_kept(given_split):
    assert {split_of(given_split, f"p{n}", f"c:{n}", seed=n) for n in range(50)} == {given_split}


@given(st.text(min_size=1), st.text(), st.text(), st.integers())
def test_all_cases_of_a_patient_are_on_one_side(patient, one, other, seed):
    assert split_of("", patient, one, seed=seed) == split_of("", patient, other, seed=seed)


def test_shares_are_eighty_ten_ten():
    counts = Counter(split_of("", f"patient {n}", "c:1") for n in range(20_000))
    assert counts["train"] == pytest.approx(16_000, abs=250)  # over four standard deviations
    assert counts["val"] == pytest.approx(2_000, abs=180)
    assert counts["test"] == pytest.approx(2_000, abs=180)


def test_cases_of_unknown_patients_are_split_one_by_one():
    assert {split_of("", "", f"c:{n}") for n in range(100)} == set(SPLITS)


def test_the_seed_changes_the_split():
    def sides(seed):
        return [split_of("", f"p{n}", "", seed=seed) for n in range(200)]

    assert sides(0) == sides(0)
    assert sides(0) != sides(1)


def test_the_split_is_the_same_in_every_version():
    """A patient who changes sides with an update leaks into the test set of a model that was trained before it."""
    found = "".join(split_of("", f"patient {n}", "c:1", seed=0)[1] for n in range(24))
    assert found == "rararrarrrrrrrrrrereaaar"
    assert split_of("", "", "iu-xray:CXR25") == "train"
