"""Removing a corpus from indexes: nothing of it stays, the rest is found as before."""

import json

import pytest
from click.testing import CliRunner
from fakes import sentence

from radrag.cli.index import build
from radrag.corpus.building import build_snapshot, drop_corpus
from radrag.corpus.snapshot import current_index, list_indexes, load_snapshot
from radrag.domain import Case
from radrag.encoders import load_text_encoder
from radrag.encoders.base import TextEncoder
from radrag.errors import BadIndex, StoreError
from radrag.index.manifest import verify_content
from radrag.settings import load_settings
from radrag.store.repository import Store
from radrag.store.values import CorpusInfo
from radrag.workspace import Workspace

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


def test_cases_left_out_are_in_no_channel_and_named_in_the_manifest(store, encoder, tmp_path):
    add(store, "kept")
    whole = build_snapshot(store, encoder, tmp_path)
    manifest = build_snapshot(store, encoder, tmp_path, left_out=["kept:2", "kept:1"])
    folder = current_index(tmp_path)
    found = load_snapshot(folder)
    assert list(found.cases) == ["kept:0"]
    assert found.vectors["text"].ids() == ["kept:0"]
    assert (found.manifest.left_out, found.manifest.corpora) == (("kept:1", "kept:2"), {"kept": 1})
    assert manifest.index_id != whole.index_id
    assert whole.left_out == ()
    verify_content(folder)


def test_what_was_left_out_goes_with_its_corpus(store, encoder, tmp_path):
    add(store, "kept")
    add(store, "gone")
    build_snapshot(store, encoder, tmp_path, left_out=["kept:0", "gone:0"])
    drop_corpus(store, tmp_path, "gone")
    assert load_snapshot(current_index(tmp_path)).manifest.left_out == ("kept:0",)


def test_the_command_reads_the_file_that_the_leakage_audit_wrote(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(Workspace, "text_encoder", encoder)
    settings = load_settings(workspace=tmp_path)
    with Store.open(settings.url) as opened:
        add(opened, "kept")
    listed = tmp_path / "leave_out_cases.txt"
    listed.write_text("kept:1\n\nkept:1\n", encoding="utf-8")
    result = CliRunner().invoke(build, ["--json", "--leave-out", str(listed)], obj=settings)
    assert json.loads(result.stdout)["left_out"] == ["kept:1"]
    listed.write_text("kept:1\nkept:7\nkept:8\n", encoding="utf-8")
    result = CliRunner().invoke(build, ["--leave-out", str(listed)], obj=settings)
    assert "does not hold: kept:7, kept:8." in str(result.exception)
