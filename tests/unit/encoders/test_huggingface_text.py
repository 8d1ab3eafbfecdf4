"""Text towers give what their own libraries give; unknown chains of modules are refused."""

import json

import numpy as np
import pytest
import torch
from tiny_models import save_bert, save_clip, save_cxr_bert, save_sentence_transformer, save_siglip, save_vit

from radrag.encoders import load_text_encoder
from radrag.errors import MissingDependency, MissingModel, WeightsError

TEXTS = ["no pleural effusion .", "", "the heart is large " * 30, "Ü 肺 a"]
GOLDEN = {
    save_bert: [-0.24531592, 0.02812085, -0.11761723, 0.31597114],
    save_cxr_bert: [-0.37935752, -0.05266754, 0.2634566, -0.21146409],
    save_clip: [0.2590131, -0.03396128, -0.16108844, -0.07485625],
    save_siglip: [-0.19190224, 0.34867913, -0.1632595, -0.21033478],
}
"""First four values of the first text; made with transformers 5.23, tokenizers 0.23, torch 2.15, seed 0."""


def load(folder):
    return load_text_encoder(f"hf:{folder}", cache=folder / "cache")


@pytest.mark.parametrize("save", GOLDEN)
def test_first_values_are_golden(save, tmp_path):
    np.testing.assert_allclose(load(save(tmp_path)).encode(TEXTS)[0, :4], GOLDEN[save], atol=2e-4)


@pytest.mark.parametrize(
    "choice",
    [{"pooling": "mean"}, {"pooling": "max", "dense": True}, {"pooling": "cls", "dense": True, "old_keys": False}],
)
def test_sentence_transformers_folders_give_what_that_library_gives(tmp_path, choice):
    from sentence_transformers import SentenceTransformer

    save_sentence_transformer(tmp_path, **choice)
    expected = SentenceTransformer(str(tmp_path), device="cpu").encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(load(tmp_path).encode(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize("save", [save_clip, save_siglip])
def test_shared_towers_give_what_transformers_gives(save, tmp_path):
    from transformers import AutoModel, AutoTokenizer

    save(tmp_path)
    padding = "max_length" if save is save_siglip else True
    tokens = AutoTokenizer.from_pretrained(tmp_path)(TEXTS, padding=padding, truncation=True, return_tensors="pt")
    wanted = {"input_ids"} if save is save_siglip else {"input_ids", "attention_mask"}
    with torch.inference_mode():
        model = AutoModel.from_pretrained(tmp_path).eval()
        found = model.get_text_features(**{name: tokens[name] for name in wanted}).pooler_output
    expected = torch.nn.functional.normalize(found, dim=1).numpy()
    np.testing.assert_allclose(load(tmp_path).encode(TEXTS), expected, atol=1e-5)


def test_cxr_bert_is_read_without_running_its_code(tmp_path):
    card = load(save_cxr_bert(tmp_path)).card
    assert card.dimension == 16
    assert "projection" in card.normalisation


def test_cxr_bert_without_its_projection_is_refused(tmp_path):
    config = json.loads((save_bert(tmp_path) / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"model_type": "cxr-bert"}))
    with pytest.raises(WeightsError, match="projection head lacks dense_to_hidden"):
        load(tmp_path)


def test_the_folders_own_length_wins(tmp_path):
    encoder = load(save_sentence_transformer(tmp_path))
    assert encoder.card.input_size == 20
    long = "heart " * 30
    np.testing.assert_allclose(*encoder.encode([long, long + "effusion"]), atol=1e-6)


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "pooling lasttoken"),
        ("1_Pooling/config.json", {"pooling_mode_lasttoken": True}, "pooling"),
        ("2_Dense/config.json", {"activation_function": "some.code.Here"}, "activation 'Here'"),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}, "prompt"),
        ("config.json", {"model_type": "gpt2"}, "no text tower"),
    ],
)
def test_a_step_that_is_not_known_is_refused(tmp_path, file, change, words):
    path = save_sentence_transformer(tmp_path, dense=True) / file
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(before | change))
    with pytest.raises(WeightsError, match=words):
        load(tmp_path)


@pytest.mark.parametrize("text", ["{", "[1]", '[{"type": "sentence_transformers.models.WordWeights", "path": ""}]'])
def test_modules_that_are_damaged_or_unknown_are_refused(tmp_path, text):
    (save_sentence_transformer(tmp_path) / "modules.json").write_text(text)
    with pytest.raises(WeightsError):
        load(tmp_path)


def test_a_vision_tower_is_no_text_tower(tmp_path):
    with pytest.raises(WeightsError, match="'vit' is no text tower"):
        load(save_vit(tmp_path))


def test_a_tokenizer_of_a_package_that_is_missing_names_it(tmp_path, monkeypatch):
    def missing(*_, **__):
        raise ImportError("SiglipTokenizer requires the SentencePiece library")

    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", missing)
    with pytest.raises(MissingDependency) as refused:
        load(save_siglip(tmp_path))
    assert refused.value.hint == "pip install sentencepiece"


def test_the_licence_is_read_from_the_readme(tmp_path):
    (save_bert(tmp_path) / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# A model\n")
    assert load(tmp_path).card.licence == "mit"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingModel, match="no folder"):
        load_text_encoder(f"hf:{tmp_path}/none", cache=tmp_path)
