"""The kind that is chosen fits its memory and is the most exact that is fast."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.errors import BadIndex
from radrag.index.faiss_index import FaissIndex
from radrag.index.kinds import KINDS, bytes_per_row, choose_kind

GIGA = 10**9


@pytest.mark.parametrize(
    ("rows", "memory", "kind"),
    [
        (3_955, GIGA, "flat"),
        (7_000, GIGA, "flat"),
        (7_000, 10_000_000, "fp16"),
        (7_000, 5_000_000, "sq8"),
        (7_000, 1_000_000, "ivfpq"),
        (8_000, GIGA, "hnsw"),
        (377_110, 4 * GIGA, "hnsw"),
        (377_110, 50_000_000, "ivfpq"),
    ],
)
def test_the_kind_follows_rows_and_memory(rows, memory, kind):
    assert choose_kind(rows, 512, memory) == kind


@given(st.integers(1, 10**8), st.integers(32, 2048), st.integers(0, 10**12))
def test_what_is_chosen_fits_and_what_does_not_fit_is_refused(rows, dimension, memory):
    try:
        kind = choose_kind(rows, dimension, memory)
    except BadIndex:
        assert all(rows * bytes_per_row(kind, dimension) > memory for kind in ("hnsw", "ivfpq"))
    else:
        assert rows * bytes_per_row(kind, dimension) <= memory


def test_too_little_memory_is_an_error_with_the_least_that_would_do():
    with pytest.raises(BadIndex, match=r"need at least 27\.2 MB, allowed are 1\.0"):
        choose_kind(377_110, 512, 10**6)


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(BadIndex, match=", ".join(KINDS)):
        FaissIndex(64, "annoy")
    with pytest.raises(BadIndex, match="Use flat"):
        FaissIndex(28, "hnsw")
