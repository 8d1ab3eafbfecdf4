"""Reciprocal rank fusion keeps every channel's rank and does not depend on order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.retrieval.fusion import reciprocal_rank

NAMES = st.lists(st.sampled_from([f"c:{i}" for i in range(12)]), unique=True)
LISTS = st.dictionaries(st.sampled_from(["labels", "text", "image"]), NAMES)


def ranked(names):
    return [(name, 1.0 - 0.01 * i) for i, name in enumerate(names)]


def test_the_formula_is_the_published_one():
    fused = reciprocal_rank({"labels": [("a", 0.9), ("b", 0.8)], "text": [("b", 0.7)]})
    assert [item.id for item in fused] == ["b", "a"]
    assert fused[0].score == pytest.approx(1 / 62 + 1 / 61)
    assert fused[0].channels == {"labels": (2, 0.8), "text": (1, 0.7)}
    assert fused[1].channels == {"labels": (1, 0.9)}


def test_weights_count():
    fused = reciprocal_rank({"labels": [("a", 1)], "text": [("b", 1)]}, weights={"text": 2.0})
    assert [item.id for item in fused] == ["b", "a"]


@given(LISTS)
def test_every_id_appears_once_sorted_with_its_ranks(lists):
    fused = reciprocal_rank({channel: ranked(names) for channel, names in lists.items()})
    assert sorted(item.id for item in fused) == sorted({name for names in lists.values() for name in names})
    assert [(-item.score, item.id) for item in fused] == sorted((-item.score, item.id) for item in fused)
    for item in fused:
        for channel, (rank, _) in item.channels.items():
            assert lists[channel][rank - 1] == item.id


@given(LISTS)
def test_the_order_of_channels_does_not_matter(lists):
    forward = {channel: ranked(names) for channel, names in lists.items()}
    backward = dict(reversed(forward.items()))
    assert reciprocal_rank(forward) == reciprocal_rank(backward)


@given(NAMES.filter(bool), NAMES)
def test_rising_in_one_channel_never_lowers_an_id(first, second):
    before = reciprocal_rank({"labels": ranked(first), "text": ranked(second)})
    risen = [first[-1], *first[:-1]]
    after = reciprocal_rank({"labels": ranked(risen), "text": ranked(second)})
    place = {item.id: i for i, item in enumerate(before)}
    assert {item.id: i for i, item in enumerate(after)}[first[-1]] <= place[first[-1]]
