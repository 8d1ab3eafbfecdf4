"""What is remembered on disk is remembered as a dict would, whatever files are called."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.batch.spilled import Spilled
from radrag.errors import StoreError

names = st.text(st.characters(exclude_categories=()), max_size=4)  # surrogates too: file names that are not UTF-8
changes = st.lists(st.tuples(names, st.one_of(st.none(), st.lists(st.integers(), max_size=2))))


@given(changes)
def test_it_holds_what_a_dict_holds_in_the_same_order(asked):
    spilled, held = Spilled(), {}
    for name, value in asked:
        if value is None and name in held:
            del held[name], spilled[name]
        else:
            held[name] = spilled[name] = value
    assert list(spilled.items()) == list(held.items())
    assert len(spilled) == len(held)
    assert all(name in spilled for name in held)
    spilled.close()


def test_what_is_not_there_is_a_key_error():
    with pytest.raises(KeyError, match="x"):
        Spilled()["x"]
    with pytest.raises(KeyError, match="x"):
        del Spilled()["x"]


def test_a_full_disk_says_what_to_do():
    class Full:
        def execute(self, *_):
            raise sqlite3.OperationalError("database or disk is full")

    spilled = Spilled()
    spilled._database = Full()
    with pytest.raises(StoreError, match="temporary database: database or disk is full.*Free some disk space"):
        spilled["a"] = 1
