"""A manifest refuses other encoders and notices every change of an index folder."""

import dataclasses
import json

import pytest

from radrag.errors import BadIndex
from radrag.index import manifest as manifest_module
from radrag.index.manifest import Manifest, content_sha256, read_manifest, verify_content, write_manifest

ENCODER = {"name": "minilm", "version": "1", "sha256": "ab" * 32, "card_hash": "12" * 32}


def manifest_for(folder, **changes) -> Manifest:
    values = {
        "index_id": "0123456789abcdef",
        "sha256": content_sha256(folder),
        "rows": 1,
        "corpora": {"iu-xray": 1},
        "corpus_sha256": "cd" * 32,
        "text_encoder": ENCODER,
        "image_encoder": {},
        "labels": ("Edema", "Mass"),
        "channels": {"labels": {"dimension": 2, "metric": "inner product"}},
        "radrag": "0.1.0",
        "created_at": "2026-01-01T00:00:00+00:00",
    }
    return Manifest(**values | changes)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "vectors.faiss").write_bytes(b"0123")
    (tmp_path / "cases.json").write_text("[]")
    return tmp_path


def test_it_comes_back_as_written(folder):
    manifest = manifest_for(folder)
    write_manifest(folder, manifest)
    assert read_manifest(folder) == manifest
    assert verify_content(folder) == manifest


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "labels" / "vectors.faiss").write_bytes(b"0124"),
        lambda folder: (folder / "cases.json").unlink(),
        lambda folder: (folder / "more").write_text(""),
        lambda folder: (folder / "cases.json").rename(folder / "labels" / "cases.json"),
    ],
)
def test_a_changed_lost_added_or_moved_file_is_noticed(folder, change):
    write_manifest(folder, manifest_for(folder))
    change(folder)
    with pytest.raises(BadIndex, match="changed"):
        verify_content(folder)


def test_another_encoder_or_label_set_is_refused(folder):
    manifest = manifest_for(folder)
    manifest.require(text_encoder=ENCODER, labels=("Edema", "Mass"))
    for other in ({"name": "hf:other"}, {"sha256": "ef" * 32}, {"card_hash": "34" * 32}):
        with pytest.raises(BadIndex, match="text encoder minilm 1") as refused:
            manifest.require(text_encoder=ENCODER | other, labels=("Edema", "Mass"))
        assert "RADRAG_TEXT_ENCODER" in refused.value.hint
    with pytest.raises(BadIndex, match="label set"):
        manifest.require(text_encoder=ENCODER, labels=("Mass", "Edema"))


def test_missing_damaged_and_foreign_manifests_say_what_to_do(folder):
    with pytest.raises(BadIndex, match="radrag index build"):
        read_manifest(folder)
    (folder / "manifest.json").write_text('{"labels": []}')
    with pytest.raises(BadIndex, match="no readable manifest"):
        read_manifest(folder)


def test_an_index_of_another_version_says_to_rebuild_it_and_has_another_id(folder, monkeypatch):
    before = content_sha256(folder)
    values = dataclasses.asdict(manifest_for(folder, schema="radrag.index/2")) | {"a_field_of_that_time": 1}
    (folder / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(BadIndex, match="another version of radrag .schema radrag.index/2") as refused:
        read_manifest(folder)
    assert "radrag index build" in refused.value.hint
    monkeypatch.setattr(manifest_module, "SCHEMA", "radrag.index/2")
    assert content_sha256(folder) != before
