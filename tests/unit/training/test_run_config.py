"""A run's YAML: what is wrong in it is told at once, all of it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import TinyConfig

from radrag.errors import UsageError
from radrag.training.run_config import SHIPPED, RunConfig
from radrag.training.run_state import from_parts, shuffled, to_parts


def written(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def test_a_run_is_read_and_the_command_line_wins(tmp_path):
    config = TinyConfig.read(written(tmp_path, "seed: 4\nrate: 0.5\n"), minutes=3, seed=None)
    assert config == TinyConfig(seed=4, rate=0.5, minutes=3)


def test_all_unknown_keys_are_listed_with_those_that_are_known(tmp_path):
    with pytest.raises(UsageError) as told:
        TinyConfig.read(written(tmp_path, "sead: 4\nraet: 1\nminutes: -1\n"))
    for word in ("sead", "raet", "minutes", "checkpoint_minutes", "mine.yaml"):
        assert word in str(told.value)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "", "just words"])
def test_a_file_without_values_is_refused(tmp_path, text):
    with pytest.raises(UsageError, match=r"mine\.yaml"):
        TinyConfig.read(written(tmp_path, text))


def test_an_unknown_run_names_the_shipped_ones():
    with pytest.raises(UsageError, match="no run nothing"):
        RunConfig.read("nothing")
    assert SHIPPED.name == "runs"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.integers() | st.text(), inner),
    max_leaves=8,
)


@given(values)
def test_any_state_comes_back_as_it_was(value):
    import json

    plain, tensors = to_parts(value)
    assert from_parts(json.loads(json.dumps(plain)), tensors) == value


def test_tensors_come_back_by_name_and_do_not_share_memory():
    weight = torch.arange(3.0)
    plain, tensors = to_parts({"a": [weight, weight], 1: {"$x": 2}})
    assert set(tensors) == {"/a/0", "/a/1"}
    assert tensors["/a/0"].data_ptr() != tensors["/a/1"].data_ptr()
    back = from_parts(plain, tensors)
    assert torch.equal(back["a"][1], weight)
    assert back[1] == {"$x": 2}


def test_the_order_of_an_epoch_is_known_from_seed_and_number():
    assert shuffled(20, seed=1, epoch=0) == shuffled(20, seed=1, epoch=0)
    assert sorted(shuffled(20, seed=1, epoch=1)) == list(range(20))
    assert shuffled(20, seed=1, epoch=1) != shuffled(20, seed=1, epoch=0) != shuffled(20, seed=2, epoch=0)
