"""Removing a corpus from indexes: nothing of it stays, the rest is found as before."""

import pytest
from fakes import sentence

from radrag.corpus.building import build_snapshot, drop_corpus
from radrag.corpus.snapshot import current_index, list_indexes, load_snapshot
from radrag.domain import Case
from radrag.encoders import load_text_encoder
from radrag.encoders.base import TextEncoder
from radrag.errors import BadIndex, StoreError
from radrag.index.manifest import verify_content
from radrag.store.repository import Store
from radrag.store.values import CorpusInfo

TEXTS = ("Heart size is normal.", "Small left effusion.", "No pneumothorax.")


def add(store, corpus, texts=TEXTS):
    cases = []
    for number, text in enumerate(texts):
        case_id = f"{corpus}:{number}"
        case = Case(case_id, corpus, f"patient-{corpus}-{number}", (), {"findings": text})
        cases.append((case, [sentence(text, case=case_id)]))
    store.add_cases(cases, corpus=CorpusInfo(corpus))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> TextEncoder:
    return load_text_encoder("minilm", cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture
def store():
    with Store.open("sqlite://") as opened:
        yield opened


def test_a_dropped_corpus_is_in_no_index_and_the_rest_stays_searchable(store, encoder, tmp_path):
    add(store, "kept")
    build_snapshot(store, encoder, tmp_path)
    add(store, "gone")
    build_snapshot(store, encoder, tmp_path)
    before = load_snapshot(current_index(tmp_path))

    assert drop_corpus(store, tmp_path, "gone") == 1
    store.remove_corpus("gone")

    folder = current_index(tmp_path)
    after = load_snapshot(folder)
    assert set(after.cases) == {f"kept:{number}" for number in range(3)}
    assert after.manifest.corpora == {"kept": 3}
    assert after.manifest.corpus_sha256 == store.corpus_fingerprint()
    verify_content(folder)
    query = encoder.encode(["effusion"])
    found = [name for name, _ in before.vectors["text"].search(query, 6)[0] if name.startswith("kept:")]
    assert [name for name, _ in after.vectors["text"].search(query, 6)[0]] == found
    assert not any(b"gone:" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_an_index_of_nothing_else_goes(store, encoder, tmp_path):
    add(store, "gone")
    build_snapshot(store, encoder, tmp_path)
    assert drop_corpus(store, tmp_path, "gone") == 1
    assert list_indexes(tmp_path) == []
    with pytest.raises(BadIndex, match="has no index"):
        current_index(tmp_path)


def test_indexes_without_the_corpus_are_left_alone(store, encoder, tmp_path):
    add(store, "kept")
    manifest = build_snapshot(store, encoder, tmp_path)
    add(store, "gone")
    assert drop_corpus(store, tmp_path, "gone") == 0
    assert current_index(tmp_path).name == manifest.index_id


def test_a_drop_that_was_cut_off_is_finished_by_the_next(store, encoder, tmp_path, monkeypatch):
    add(store, "kept")
    add(store, "gone")
    build_snapshot(store, encoder, tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr("radrag.corpus.building.shutil.rmtree", _refuse)
        with pytest.raises(StoreError):
            drop_corpus(store, tmp_path, "gone")
    drop_corpus(store, tmp_path, "gone")
    assert [manifest.corpora for manifest, _ in list_indexes(tmp_path)] == [{"kept": 3}]


def _refuse(path, ignore_errors=False):
    if not ignore_errors:
        raise StoreError("cut off")
