"""Several vectors a case, one hit a case, in an order that does not depend on how deep the search went."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radrag.errors import BadIndex
from radrag.index.cases import case_of, part_id, search_cases
from radrag.index.exact_index import ExactIndex
from radrag.index.faiss_index import FaissIndex


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ab!#zé"), st.sampled_from("pqr")), st.integers(1, 4), min_size=1, max_size=18
    ),
    st.integers(1, 7),
)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_k_cases_by_their_best_vector_then_by_case_id(parts, k):
    for index in (ExactIndex(2), FaissIndex(2)):
        names = [part_id(case, part) for case, part in parts]
        index.add(names, np.array([[score, 1.0] for score in parts.values()], dtype=np.float32))
        best: dict[str, float] = {}
        for (case, _), score in parts.items():
            best[case] = max(best.get(case, 0.0), float(score))
        found = search_cases(index, np.array([[1, 0]], dtype=np.float32), k)[0]
        assert found == sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))[:k]


def test_one_case_with_very_many_vectors_does_not_hide_the_others():
    index = FaissIndex(2)
    index.add([part_id("long", str(i)) for i in range(500)], np.tile(np.float32([[1, 0]]), (500, 1)))
    index.add([part_id("short", "1")], np.float32([[0.1, 1]]))
    assert [case for case, _ in search_cases(index, np.float32([[1, 0]]), 2)[0]] == ["long", "short"]


def test_part_names_that_could_not_be_taken_apart_are_refused():
    assert case_of(part_id("iu:CXR#1", "sentence-2")) == "iu:CXR#1"
    assert case_of("iu:CXR1") == "iu:CXR1"
    for part in ("", "a#b"):
        with pytest.raises(BadIndex, match="cannot name a part"):
            part_id("iu:CXR1", part)
