"""The kinds of FaissIndex: as good as exact search, whole after every interruption, and shared between processes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from index_data import clustered, names

from radrag.errors import BadIndex
from radrag.index.checks import self_recall, verify_files
from radrag.index.exact_index import ExactIndex
from radrag.index.faiss_index import FaissIndex
from radrag.index.first_pass import EFFORTS
from radrag.index.kinds import KINDS

APPROXIMATE = KINDS[1:]


@pytest.fixture(scope="module", params=APPROXIMATE)
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    index = FaissIndex(64, request.param)
    index.add(names(3000), clustered(3000))
    index.save(folder)
    return folder


def recall(index, oracle, queries, k=10) -> float:
    pairs = zip(index.search(queries, k), oracle.search(queries, k), strict=True)
    return float(np.mean([len({n for n, _ in ours} & {n for n, _ in theirs}) / k for ours, theirs in pairs]))


def test_neighbours_of_new_queries_are_found_with_their_exact_scores(saved):
    oracle = ExactIndex(64)
    oracle.add(names(3000), clustered(3000))
    index, queries = FaissIndex.load(saved), clustered(200, seed=5)
    assert recall(index, oracle, queries) >= 0.98
    assert self_recall(index, 500) >= 0.99
    for query, found in zip(queries, index.search(queries, 5), strict=True):
        for name, score in found:
            assert score == pytest.approx(float(oracle.vectors([name])[0] @ query), abs=1e-5)


def test_what_is_added_after_the_build_is_found_before_the_next_one(saved):
    index, late = FaissIndex.load(saved), clustered(20, seed=9)
    index.add(names(20, start=9000), late)
    assert [found[0][0] for found in index.search(late, 1)] == names(20, start=9000)
    index.build()
    assert [found[0][0] for found in index.search(late, 1)] == names(20, start=9000)


def test_removing_all_that_is_near_still_gives_k_and_never_a_removed_one(saved):
    index, query = FaissIndex.load(saved), clustered(1, seed=5)
    gone = [name for name, _ in index.search(query, 900)[0]]
    assert index.remove(gone) == 900
    found = [name for name, _ in index.search(query, 20)[0]]
    assert len(found) == 20
    assert not set(found) & set(gone)
    index.compact()
    assert len(index) == len(index.ids()) == 2100
    assert not {name for name, _ in index.search(query, 2100)[0]} & set(gone)


def test_a_flat_index_leaves_no_removed_vector_on_disk(tmp_path):
    index = FaissIndex(64)
    vectors = clustered(50)
    index.add(names(50), vectors)
    index.remove(names(1, start=7))
    index.save(tmp_path)
    stored = np.load(next(tmp_path.glob("vectors-*.npy")))
    assert not (stored == vectors[7]).all(axis=1).any()
    assert "case:000007" not in next(tmp_path.glob("ids-*.json")).read_text()


operations = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 79), st.integers(1, 40)),
        st.tuples(st.just("remove"), st.integers(0, 79), st.integers(1, 40)),
        st.tuples(st.sampled_from(["save", "load", "compact", "build"]), st.just(0), st.just(0)),
    ),
    max_size=14,
)


@pytest.mark.parametrize("kind", KINDS)
@given(steps=operations)
@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_any_sequence_of_changes_gives_what_exact_search_gives(kind, steps, tmp_path_factory, monkeypatch):
    monkeypatch.setattr("radrag.index.faiss_index.FEWEST", 39)
    monkeypatch.setattr("radrag.index.faiss_index.DEEP", 1)
    folder = tmp_path_factory.mktemp("steps")
    pool, queries = clustered(120), clustered(4, seed=3)
    index, oracle = FaissIndex(64, kind), ExactIndex(64)
    for what, start, count in steps:
        ids = names(count, start)
        if what == "add":
            new = [name for name in ids if name not in set(oracle.ids())]
            rows = pool[[int(name[-6:]) for name in new]]
            index.add(new, rows)
            oracle.add(new, rows)
        elif what == "remove":
            assert index.remove(ids) == oracle.remove(ids)
        elif what == "load":
            index.save(folder)
            index = FaissIndex.load(folder)
        else:
            getattr(index, what)(*([folder] if what == "save" else []))
        assert len(index) == len(oracle)
        assert sorted(index.ids()) == sorted(oracle.ids())
        ours, theirs = index.search(queries, 10), oracle.search(queries, 10)
        assert [len(found) for found in ours] == [len(found) for found in theirs]
        if kind in ("flat", "fp16"):
            assert [[name for name, _ in found] for found in ours] == [[name for name, _ in found] for found in theirs]
        else:
            assert {name for found in ours for name, _ in found} <= set(oracle.ids())


@pytest.mark.parametrize("role", ["vectors", "ids", "removed", "first"])
def test_every_cut_or_changed_file_is_noticed(saved, role, tmp_path):
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    verify_files(tmp_path)
    path = next(tmp_path.glob(f"{role}-*"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(BadIndex, match="cut off"):
        FaissIndex.load(tmp_path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(BadIndex, match="changed"):
        verify_files(tmp_path)
    if role != "vectors":  # a load maps the vectors and does not read them
        with pytest.raises(BadIndex, match="changed"):
            FaissIndex.load(tmp_path)
    path.unlink()
    with pytest.raises(BadIndex, match="lost a file"):
        FaissIndex.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "radrag.vectors/9"}, "radrag.vectors/9"),
        ({"kind": "annoy"}, "annoy"),
        ({"kind": "exact"}, "exact"),
        ({"dimension": 63}, "ids but vectors"),
        ({"count": 2999}, "as many"),
        ({"files": None}, "damaged"),
        ({"files": {}}, "names no"),
    ],
)
def test_a_header_of_something_else_is_refused(saved, tmp_path, change, message):
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    header = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(header | change))
    with pytest.raises(BadIndex, match=message):
        FaissIndex.load(tmp_path)


def test_a_graph_takes_only_unit_vectors_and_adds_nothing_of_a_bad_batch():
    index = FaissIndex(64, "hnsw")
    with pytest.raises(BadIndex, match="unit length"):
        index.add(names(2), np.stack([clustered(1)[0], 2 * clustered(1)[0]]))
    assert len(index) == 0


WRITER = """
import sys
from pathlib import Path
from index_data import clustered, names
from radrag.index.faiss_index import FaissIndex

folder, kind = Path(sys.argv[1]), sys.argv[2]
index = FaissIndex.load(folder)
print("ready", flush=True)
while True:
    held = index.ids()
    if len(held) > 2500:
        index.remove(held[:10])
    else:
        index.add(names(10, 1 + int(held[-1][-6:])), clustered(10))
    index.save(folder)
"""


def start_writer(folder, kind) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), kind], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "ready\n"
    return writer


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_a_writer_killed_at_any_moment_leaves_a_whole_index(tmp_path, kind):
    index = FaissIndex(64, kind)
    index.add(names(2600), clustered(2600))
    index.save(tmp_path)
    random = np.random.default_rng(0)
    for _ in range(6):
        writer = start_writer(tmp_path, kind)
        time.sleep(float(random.uniform(0.0, 0.3)))
        writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
        verify_files(tmp_path)
        assert self_recall(FaissIndex.load(tmp_path), 50) >= 0.98
    FaissIndex.load(tmp_path).save(tmp_path)
    header = json.loads((tmp_path / "index.json").read_text())
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"index.json", *(entry["file"] for entry in header["files"].values())}


def test_readers_go_on_while_a_writer_replaces_the_index(tmp_path):
    index = FaissIndex(64)
    index.add(names(2600), clustered(2600))
    index.save(tmp_path)
    before = index.search(clustered(3, seed=4), 5)
    held = FaissIndex.load(tmp_path)
    writer = start_writer(tmp_path, "flat")
    try:
        stop, seen = time.monotonic() + 3, set()
        while time.monotonic() < stop:
            fresh = FaissIndex.load(tmp_path)
            seen.add(len(fresh))
            assert len(fresh.search(clustered(1, seed=4), 5)[0]) == 5
        assert len(seen) > 1
        assert held.search(clustered(3, seed=4), 5) == before
    finally:
        writer.kill()
        writer.wait()


def test_threads_search_one_index_together(saved):
    index, queries = FaissIndex.load(saved), clustered(40, seed=6)
    expected = index.search(queries, 5)
    found: list[list] = []
    threads = [threading.Thread(target=lambda: found.append(index.search(queries, 5))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_a_loaded_index_is_mapped_and_not_read(tmp_path):
    index = FaissIndex(64)
    index.add(names(60_000), clustered(60_000))
    index.save(tmp_path)
    code = (
        "import sys, pathlib, faiss\n"
        "from radrag.index.faiss_index import FaissIndex\n"
        "def private(): return sum(int(line.split()[1]) for line in open('/proc/self/smaps_rollup') "
        "if line.startswith('Private_'))\n"
        "before = private()\n"
        "index = FaissIndex.load(pathlib.Path(sys.argv[1]))\n"
        "index.search(index.vectors(['case:000001']), 3)\n"
        "print(len(index), private() - before)\n"
    )
    # Another process has the pages too: those of the file are then shared, and private are only this one's own.
    here = FaissIndex.load(tmp_path)
    here.search(clustered(1), 3)
    out = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    rows, kilobytes = map(int, out.stdout.split())
    assert rows == 60_000
    assert kilobytes < 60_000 * 64 * 4 / 1024  # less than the vectors: the names are what each process keeps for itself


@pytest.mark.parametrize("kind", ["hnsw", "ivfpq"])
def test_reports_that_repeat_each_other_hide_no_other(kind):
    random, vectors = np.random.default_rng(0), clustered(6000)
    copies = random.choice(6000, 2000, replace=False)
    vectors[copies] = vectors[random.integers(0, 20, 2000)]
    vectors[copies[:1000]] += np.float32(1e-7) * random.standard_normal((1000, 64)).astype(
        np.float32
    )  # encoders' noise
    index, oracle = FaissIndex(64, kind), ExactIndex(64)
    for one in (index, oracle):
        one.add(names(6000), vectors)
    index.build()
    others = clustered(200, seed=5)
    tenth = [found[-1][1] for found in oracle.search(others, 10)]
    found = index.search(others, 10)
    near = [np.mean([score >= least - 1e-5 for _, score in row]) for row, least in zip(found, tenth, strict=True)]
    assert np.mean(near) >= 0.98
    assert self_recall(index, 500) >= 0.99
    index.add(names(100, start=7000), vectors[copies[:100]])
    index.build()
    again = index.search(vectors[copies[:1]], 2000)[0]
    assert any(int(name[-6:]) >= 7000 for name, _ in again)


def test_a_graph_that_misses_far_apart_clusters_gives_way_to_inverted_lists(tmp_path, monkeypatch):
    monkeypatch.setattr("radrag.index.first_pass.FLOOR", 1.01)
    monkeypatch.setattr("radrag.index.first_pass.TARGET", 1.01)
    monkeypatch.setitem(EFFORTS, "hnsw", (1,))
    monkeypatch.setitem(EFFORTS, "ivfpq", (1024,))
    monkeypatch.setattr("radrag.index.first_pass.BUILD_EFFORT", 4)
    index = FaissIndex(64, "hnsw")
    index.add(names(6000), clustered(6000))
    index.save(tmp_path)
    header = json.loads((tmp_path / "index.json").read_text())
    assert (header["kind"], header["method"]) == ("hnsw", "ivfpq")
    assert self_recall(FaissIndex.load(tmp_path), 200) >= 0.99
