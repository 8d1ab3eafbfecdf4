"""What every VectorIndex must do; an implementation subclasses VectorIndexContract and says how one is made."""

from typing import ClassVar

import numpy as np
import pytest
from support import missing

from radrag.errors import BadIndex
from radrag.index.base import VectorIndex
from radrag.index.cases import part_id, search_cases
from radrag.index.checks import self_recall
from radrag.index.exact_index import ExactIndex
from radrag.index.faiss_index import FaissIndex
from radrag.index.milvus_index import MilvusIndex


def random_unit(n: int, d: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class VectorIndexContract:
    implementation: ClassVar[type]

    def new(self, dimension: int) -> VectorIndex:
        return self.implementation(dimension)

    def filled(self, vectors: np.ndarray):
        index = self.new(vectors.shape[1])
        index.add([f"case:{i:05d}" for i in range(len(vectors))], vectors)
        return index

    def test_a_stored_vector_is_its_own_nearest_neighbour(self):
        vectors = random_unit(300, 32, seed=1)
        index = self.filled(vectors)
        for row, found in enumerate(index.search(vectors, 1)):
            assert found[0][0] == f"case:{row:05d}"
            assert found[0][1] == pytest.approx(1.0, abs=1e-5)
        assert self_recall(index, 100) == 1.0

    def test_it_agrees_with_the_exact_oracle(self):
        vectors, queries = random_unit(500, 32, seed=2), random_unit(20, 32, seed=3)
        oracle = ExactIndex(32)
        oracle.add([f"case:{i:05d}" for i in range(500)], vectors)
        for ours, theirs in zip(self.filled(vectors).search(queries, 10), oracle.search(queries, 10), strict=True):
            assert [name for name, _ in ours] == [name for name, _ in theirs]
            assert [score for _, score in ours] == pytest.approx([score for _, score in theirs], abs=1e-5)

    @pytest.mark.parametrize(("repeats", "k"), [(2, 1), (7, 5), (40, 3), (90, 20), (300, 33)])
    def test_ties_come_in_order_of_id_even_across_the_kth_place(self, repeats, k):
        index = self.new(32)
        names = [f"case:{i:03d}" for i in range(repeats)]
        vector = np.zeros((1, 32), dtype=np.float32)
        vector[0, :2] = 0.6, 0.8
        index.add(names[::-1], np.tile(vector, (repeats, 1)))
        assert [name for name, _ in index.search(vector, k)[0]] == names[:k]

    def test_removed_vectors_are_not_found_and_the_others_keep_their_ids(self):
        vectors = random_unit(50, 32, seed=4)
        index = self.filled(vectors)
        assert index.remove(["case:00003", "case:00049", "case:00003", "never:there"]) == 2
        assert len(index) == len(index.ids()) == 48
        found = index.search(vectors[[3, 10]], 48)
        assert [len(row) for row in found] == [48, 48]
        assert all(name not in {"case:00003", "case:00049"} for row in found for name, _ in row)
        assert found[1][0][0] == "case:00010"
        index.add(["case:00003"], vectors[[3]])
        assert index.search(vectors[[3]], 1)[0][0][0] == "case:00003"
        index.compact()
        assert index.search(vectors[[3, 10]], 2)[1][0][0] == "case:00010"

    def test_it_gives_back_the_vectors_it_was_given(self):
        vectors = random_unit(5, 32, seed=4)
        index = self.filled(vectors)
        assert sorted(index.ids()) == [f"case:{i:05d}" for i in range(5)]
        assert np.array_equal(index.vectors(["case:00004", "case:00001"]), vectors[[4, 1]])
        assert index.vectors([]).shape == (0, 32)
        with pytest.raises(BadIndex, match="case:9"):
            index.vectors(["case:9"])

    def test_it_comes_back_from_disk_as_it_was(self, tmp_path):
        vectors = random_unit(40, 32, seed=5)
        index = self.filled(vectors)
        index.remove(["case:00007"])
        index.save(tmp_path)
        again = type(index).load(tmp_path)
        assert len(again) == 39
        assert again.search(vectors, 5) == index.search(vectors, 5)

    def test_what_was_loaded_can_grow_shrink_and_be_saved_over_itself(self, tmp_path):
        vectors = random_unit(60, 32, seed=5)
        self.filled(vectors[:40]).save(tmp_path)
        index = self.implementation.load(tmp_path)
        index.add([f"new:{i}" for i in range(20)], vectors[40:])
        index.remove(["case:00000", "new:3"])
        index.save(tmp_path)
        again = self.implementation.load(tmp_path)
        assert len(again) == 58
        assert again.search(vectors[[45]], 1)[0][0][0] == "new:5"
        assert "new:3" not in again.ids()

    def test_several_vectors_of_a_case_are_one_hit(self):
        vectors = random_unit(30, 32, seed=6)
        index = self.new(32)
        index.add([part_id(f"iu:{i // 10}", str(i % 10)) for i in range(30)], vectors)
        found = search_cases(index, vectors[[25]], 2)[0]
        assert found[0][0] == "iu:2"
        assert len({case for case, _ in found}) == 2
        assert len(search_cases(index, vectors[[25]], 9)[0]) == 3

    def test_an_empty_index_finds_nothing(self):
        index = self.new(32)
        assert index.search(np.ones((2, 32), dtype=np.float32), 3) == [[], []]
        assert search_cases(index, np.ones((2, 32), dtype=np.float32), 3) == [[], []]
        assert self_recall(index) == 1.0

    def test_more_neighbours_than_vectors_are_not_invented(self):
        assert len(self.filled(random_unit(5, 32, seed=6)).search(random_unit(1, 32, seed=7), 50)[0]) == 5

    def test_what_is_no_vector_is_refused_and_nothing_is_added(self):
        index = self.new(32)
        good = random_unit(1, 32, seed=1)[0]
        bad_queries = [
            np.ones((2, 33), dtype=np.float32),
            np.ones(32, dtype=np.float32),
            np.full((1, 32), np.nan, dtype=np.float32),
            np.full((1, 32), 1e300),
            np.array([["0"] * 32]),
            np.ones((1, 32), dtype=complex),
        ]
        for bad in bad_queries:
            with pytest.raises(BadIndex):
                index.add(["a", "b"][: len(bad)], bad)
            with pytest.raises(BadIndex):
                index.search(bad, 1)
        with pytest.raises(BadIndex, match="zeros|unit length"):
            index.add(["a", "b"], np.stack([good, np.zeros(32, dtype=np.float32)]))
        assert len(index) == 0

    @pytest.mark.parametrize("k", [0, -1])
    def test_fewer_than_one_neighbour_cannot_be_asked_for(self, k):
        with pytest.raises(BadIndex, match="at least 1"):
            self.filled(random_unit(3, 32, seed=1)).search(random_unit(1, 32, seed=7), k)

    def test_an_id_cannot_be_added_twice(self):
        index = self.filled(random_unit(3, 32, seed=8))
        with pytest.raises(BadIndex, match="case:00001"):
            index.add(["first", "case:00001"], random_unit(2, 32, seed=9))
        with pytest.raises(BadIndex, match="new"):
            index.add(["new", "new"], random_unit(2, 32, seed=9))
        with pytest.raises(BadIndex, match="ids were given"):
            index.add(["one"], random_unit(2, 32, seed=9))
        with pytest.raises(BadIndex, match="texts"):
            index.add([7], random_unit(1, 32, seed=9))
        assert len(index) == 3

    def test_a_missing_or_damaged_folder_is_an_error_that_says_so(self, tmp_path):
        with pytest.raises(BadIndex, match="Build it anew"):
            self.implementation.load(tmp_path)
        self.filled(random_unit(3, 32, seed=8)).save(tmp_path)
        for path in tmp_path.iterdir():
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(BadIndex, match="Build it anew"):
            self.implementation.load(tmp_path)


class TestExactIndex(VectorIndexContract):
    implementation = ExactIndex


class TestFaissFlat(VectorIndexContract):
    implementation = FaissIndex


class FirstPassContract(VectorIndexContract):
    """The kinds with a first pass, which is made for these small indexes too and not only from 2,000 vectors on."""

    implementation = FaissIndex
    kind: ClassVar[str]

    @pytest.fixture(autouse=True)
    def small_first_pass(self, monkeypatch):
        monkeypatch.setattr("radrag.index.faiss_index.FEWEST", 39)
        monkeypatch.setattr("radrag.index.faiss_index.DEEP", 1)

    def new(self, dimension):
        return FaissIndex(dimension, self.kind)

    def filled(self, vectors):
        index = super().filled(vectors)
        index.build()
        return index


class TestFaissFloat16(FirstPassContract):
    kind = "fp16"


class TestFaissBytes(FirstPassContract):
    kind = "sq8"


class TestFaissGraph(FirstPassContract):
    kind = "hnsw"


class TestFaissInvertedLists(FirstPassContract):
    kind = "ivfpq"


class TestMilvusLite(VectorIndexContract):
    implementation = MilvusIndex

    @pytest.fixture(autouse=True)
    def database(self, tmp_path_factory, monkeypatch):
        for package in ("pymilvus", "milvus_lite"):
            try:
                __import__(package)
            except ImportError:
                missing(f"{package} (pip install 'radrag[cluster]')")
        monkeypatch.setenv("RADRAG_MILVUS_URI", str(tmp_path_factory.mktemp("milvus") / "vectors.db"))
