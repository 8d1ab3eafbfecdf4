"""What every VectorIndex must do; an implementation subclasses VectorIndexContract and names itself."""

from typing import ClassVar

import numpy as np
import pytest

from radrag.errors import BadIndex
from radrag.index.exact_index import ExactIndex
from radrag.index.faiss_index import FaissIndex


def random_unit(n: int, d: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class VectorIndexContract:
    implementation: ClassVar[type]

    def filled(self, vectors: np.ndarray):
        index = self.implementation(vectors.shape[1])
        index.add([f"case:{i:05d}" for i in range(len(vectors))], vectors)
        return index

    def test_a_stored_vector_is_its_own_nearest_neighbour(self):
        vectors = random_unit(300, 16, seed=1)
        for row, found in enumerate(self.filled(vectors).search(vectors, 1)):
            assert found[0][0] == f"case:{row:05d}"
            assert found[0][1] == pytest.approx(1.0, abs=1e-5)

    def test_it_agrees_with_the_exact_oracle(self):
        vectors, queries = random_unit(500, 24, seed=2), random_unit(20, 24, seed=3)
        oracle = ExactIndex(24)
        oracle.add([f"case:{i:05d}" for i in range(500)], vectors)
        for ours, theirs in zip(self.filled(vectors).search(queries, 10), oracle.search(queries, 10), strict=True):
            assert [name for name, _ in ours] == [name for name, _ in theirs]

    @pytest.mark.parametrize(("repeats", "k"), [(2, 1), (7, 5), (40, 3), (90, 20), (300, 33)])
    def test_ties_come_in_order_of_id_even_across_the_kth_place(self, repeats, k):
        index = self.implementation(3)
        names = [f"case:{i:03d}" for i in range(repeats)]
        index.add(names[::-1], np.tile(np.array([[0.6, 0.8, 0.0]], dtype=np.float32), (repeats, 1)))
        found = index.search(np.array([[0.6, 0.8, 0.0]], dtype=np.float32), k)[0]
        assert [name for name, _ in found] == names[:k]

    def test_removed_vectors_are_not_found_and_the_others_keep_their_ids(self):
        vectors = random_unit(50, 8, seed=4)
        index = self.filled(vectors)
        assert index.remove(["case:00003", "case:00049", "never:there"]) == 2
        assert len(index) == 48
        found = index.search(vectors[[3, 10]], 48)
        assert all(name not in {"case:00003", "case:00049"} for row in found for name, _ in row)
        assert found[1][0][0] == "case:00010"
        index.add(["case:00003"], vectors[[3]])
        assert index.search(vectors[[3]], 1)[0][0][0] == "case:00003"

    def test_it_comes_back_from_disk_as_it_was(self, tmp_path):
        vectors = random_unit(40, 8, seed=5)
        index = self.filled(vectors)
        index.save(tmp_path)
        assert self.implementation.load(tmp_path).search(vectors, 5) == index.search(vectors, 5)

    def test_an_empty_index_finds_nothing(self):
        assert self.implementation(4).search(np.ones((2, 4), dtype=np.float32), 3) == [[], []]

    def test_more_neighbours_than_vectors_are_not_invented(self):
        assert len(self.filled(random_unit(5, 4, seed=6)).search(random_unit(1, 4, seed=7), 50)[0]) == 5

    @pytest.mark.parametrize(
        "bad",
        [
            np.ones((2, 5), dtype=np.float32),
            np.ones(4, dtype=np.float32),
            np.array([[1, np.nan, 0, 0]], dtype=np.float32),
        ],
    )
    def test_wrong_shapes_and_non_finite_values_are_refused(self, bad):
        index = self.implementation(4)
        with pytest.raises(BadIndex):
            index.add(["a", "b"][: len(bad)], bad)
        with pytest.raises(BadIndex):
            index.search(bad, 1)

    def test_an_id_cannot_be_added_twice(self):
        index = self.filled(random_unit(3, 4, seed=8))
        with pytest.raises(BadIndex, match="case:00001"):
            index.add(["case:00001"], random_unit(1, 4, seed=9))
        with pytest.raises(BadIndex, match="new"):
            index.add(["new", "new"], random_unit(2, 4, seed=9))
        with pytest.raises(BadIndex, match="ids were given"):
            index.add(["one"], random_unit(2, 4, seed=9))
        assert len(index) == 3

    def test_a_missing_or_damaged_folder_is_an_error_that_says_so(self, tmp_path):
        with pytest.raises(BadIndex, match="Build it anew"):
            self.implementation.load(tmp_path)
        self.filled(random_unit(3, 4, seed=8)).save(tmp_path)
        for path in tmp_path.iterdir():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(BadIndex):
            self.implementation.load(tmp_path)


class TestExactIndex(VectorIndexContract):
    implementation = ExactIndex


class TestFaissIndex(VectorIndexContract):
    implementation = FaissIndex
