"""Milvus beyond the contract: two processes on one collection, refused addresses, and a token that stays secret."""

import json

import numpy as np
import pytest
from index_data import clustered, names
from support import missing

from radrag.errors import BadIndex
from radrag.index.milvus_index import MilvusIndex

SECRET = "reader:not-to-be-shown"


@pytest.fixture(autouse=True)
def milvus_lite():
    for package in ("pymilvus", "milvus_lite"):
        try:
            __import__(package)
        except ImportError:
            missing(f"{package} (pip install 'radrag[cluster]')")


@pytest.fixture
def database(tmp_path, monkeypatch) -> str:
    monkeypatch.setenv("RADRAG_MILVUS_TOKEN", SECRET)
    return str(tmp_path / "vectors.db")


def test_a_graph_in_milvus_finds_what_exact_search_finds(database):
    vectors, queries = clustered(2500), clustered(50, seed=4)
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    index = MilvusIndex(64, database, index_type="HNSW")
    index.add(names(2500), vectors)
    index.compact()
    found = index.search(queries, 10)
    shares = [
        len({name for name, _ in row} & {f"case:{at:06d}" for at in near})
        for row, near in zip(found, exact, strict=True)
    ]
    assert np.mean(shares) >= 9.8
    assert all(
        score == pytest.approx(float(vectors[int(n[-6:])] @ q), abs=1e-4)
        for q, row in zip(queries, found, strict=True)
        for n, score in row
    )
    assert index.ids() == names(2500)  # more than one page


def test_two_indexes_share_one_database_and_do_not_meet(database):
    first, second = MilvusIndex(64, database), MilvusIndex(32, database)
    first.add(["a"], clustered(1))
    assert len(second) == 0
    assert second.search(clustered(1, 32), 1) == [[]]
    assert first.search(clustered(1), 1)[0][0][0] == "a"


def test_a_collection_that_changed_or_went_after_saving_is_refused(database, tmp_path):
    index = MilvusIndex(64, database, collection="reports")
    index.add(names(5), clustered(5))
    index.save(tmp_path)
    with pytest.raises(BadIndex, match="exists already"):
        MilvusIndex(64, database, collection="reports")
    index.add(["late"], clustered(1, seed=3))
    with pytest.raises(BadIndex, match="changed after it was saved"):
        MilvusIndex.load(tmp_path)
    index.save(tmp_path)
    assert len(MilvusIndex.load(tmp_path)) == 6
    pointer = json.loads((tmp_path / "milvus.json").read_text())
    for change, message in (
        ({"dimension": 32}, "vectors of 32"),
        ({"collection": "gone"}, "no collection gone"),
        ({"schema": "radrag.milvus/9"}, "radrag.milvus/9"),
    ):
        (tmp_path / "milvus.json").write_text(json.dumps(pointer | change))
        with pytest.raises(BadIndex, match=message):
            MilvusIndex.load(tmp_path)


def test_the_token_is_in_no_file_and_no_message(database, tmp_path, caplog):
    index = MilvusIndex(64, database)
    index.add(["a"], clustered(1))
    index.save(tmp_path)
    assert SECRET not in (tmp_path / "milvus.json").read_text()
    with pytest.raises(BadIndex) as refused:
        MilvusIndex(64, "http://127.0.0.1:9")
    assert "could not connect" in str(refused.value)
    assert SECRET not in str(refused.value) + caplog.text


def test_addresses_that_are_missing_or_carry_a_login_are_refused(monkeypatch):
    monkeypatch.delenv("RADRAG_MILVUS_URI", raising=False)
    with pytest.raises(BadIndex, match="RADRAG_MILVUS_URI"):
        MilvusIndex(64)
    with pytest.raises(BadIndex, match="RADRAG_MILVUS_TOKEN") as refused:
        MilvusIndex(64, "https://reader:hunter2@milvus.example:19530")
    assert "hunter2" not in str(refused.value)


def test_ids_that_milvus_could_not_hold_and_depths_it_cannot_reach_are_refused(database, monkeypatch):
    index = MilvusIndex(64, database)
    with pytest.raises(BadIndex, match="longer than 512 bytes"):
        index.add(["é" * 257], clustered(1))
    assert len(index) == 0
    index.add(names(30), clustered(30))
    monkeypatch.setattr("radrag.index.milvus_index.LIMIT", 20)
    assert len(index.search(clustered(1), 20)[0]) == 20
    with pytest.raises(BadIndex, match="at most 20 results"):
        index.search(clustered(1), 21)
