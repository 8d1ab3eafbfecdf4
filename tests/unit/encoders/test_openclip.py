"""BiomedCLIP's layout gives what open_clip gives; OpenCLIP's other models are refused with what to do."""

import json
import shutil

import numpy as np
import pytest
import torch
from tiny_models import save_biomedclip, waves

from radrag.encoders import load_image_encoder, load_text_encoder
from radrag.errors import WeightsError
from radrag.models.pull import pull

IMAGE = [0.17141378, -0.4342924, -0.23507376, 0.10764608]
TEXT = [-0.2620624, -0.4272574, -0.10905788, 0.16736357]
"""First values by open_clip 3.3.0 with its own preparation and tokenizer; timm 1.0.31, torch 2.15, seed 0."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_biomedclip(tmp_path_factory.mktemp("biomedclip"))


def both(name, cache):
    return load_image_encoder(name, cache=cache), load_text_encoder(name, cache=cache)


def test_vectors_are_those_of_open_clip(saved, tmp_path):
    images, texts = both(f"hf:{saved}", tmp_path)
    # open_clip rounds to 8 bits after the resize, radrag does not
    np.testing.assert_allclose(images.encode([waves(90, 70)]).vectors[0, :4], IMAGE, atol=5e-3)
    long = "the heart is large " * 30
    vectors = texts.encode(["no pleural effusion .", "", long])
    np.testing.assert_allclose(vectors[0, :4], TEXT, atol=2e-4)
    np.testing.assert_allclose(texts.encode([long + "effusion"])[0], vectors[2], atol=1e-6)


def test_both_towers_share_a_space_and_their_cards_say_how_they_prepare(saved, tmp_path):
    images, texts = both(f"hf:{saved}", tmp_path)
    assert images.card.shared_space == texts.card.shared_space != ""
    assert images.card.dimension == texts.card.dimension == 16
    assert "shortest side 224 bicubic" in images.card.normalisation
    assert (images.card.input_size, texts.card.input_size) == (224, 24)


def test_pulling_turns_the_pickle_into_safetensors_with_the_same_vectors(saved, tmp_path):
    found = pull("hf:owner/biomedclip", tmp_path, origin=str(saved))
    assert "open_clip_model.safetensors" in found.files
    assert not any(name.endswith(".bin") for name in found.files)
    expected, pulled = load_text_encoder(f"hf:{saved}", cache=tmp_path), both("hf:owner/biomedclip", tmp_path)
    assert expected.encode(["effusion"]).tobytes() == pulled[1].encode(["effusion"]).tobytes()
    assert pulled[0].card.dimension == 16


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("vision_cfg", {"timm_model_name": "resnet50"}, "resnet50"),
        ("vision_cfg", {"timm_pool": "avg"}, "pool 'avg'"),
        ("vision_cfg", {"timm_proj": "mlp"}, "vision_cfg without projection linear"),
        ("vision_cfg", {"timm_model_name": "vit_base_patch16_224"}, "do not fit vit_base"),
        ("vision_cfg", {"image_size": None}, "without image_size"),
        ("text_cfg", {"hf_proj_type": None}, "text_cfg without projection mlp"),
        ("text_cfg", {"hf_pooler_type": "mean_pooler"}, "pooling 'mean_pooler'"),
    ],
)
def test_another_open_clip_model_is_refused(saved, tmp_path, part, change, words):
    folder = tmp_path / "other"
    shutil.copytree(saved, folder)
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"][part] |= change
    path.write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=words) as refused:
        if part == "vision_cfg":
            load_image_encoder(f"hf:{folder}")
        else:
            load_text_encoder(f"hf:{folder}", cache=tmp_path)
    assert refused.value.hint


@pytest.mark.parametrize(
    "lost", ["visual.head.proj.weight", "text.proj.2.weight", "text.transformer.embeddings.word_embeddings.weight"]
)
def test_weights_that_are_missing_are_an_error(saved, tmp_path, lost):
    folder = tmp_path / "cut"
    shutil.copytree(saved, folder)
    state = torch.load(saved / "open_clip_pytorch_model.bin", weights_only=True)
    del state[lost]
    torch.save(state, folder / "open_clip_pytorch_model.bin")
    with pytest.raises(WeightsError):
        if lost.startswith("visual"):
            load_image_encoder(f"hf:{folder}")
        else:
            load_text_encoder(f"hf:{folder}", cache=tmp_path)
