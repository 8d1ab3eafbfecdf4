"""Vision towers give what transformers gives, from the folder alone; incomplete or unknown folders are refused."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_models import save_bert, save_clip, save_dinov2, save_siglip, save_vit, waves

from radrag.encoders import load_image_encoder, load_text_encoder
from radrag.encoders.huggingface_images import ImageSteps
from radrag.errors import MissingModel, UsageError, WeightsError

FAMILIES = [save_dinov2, save_vit, save_clip, save_siglip]
GOLDEN = {
    "save_dinov2": [-0.073777, 0.272536, 0.208067, -0.174569],
    "save_vit": [0.122088, -0.009490, 0.332828, 0.133065],
    "save_clip": [0.066677, 0.101011, -0.130823, 0.130430],
    "save_siglip": [-0.255218, 0.051973, -0.183587, -0.067515],
}
"""First four values; made with transformers 5.23, torch 2.15, torchvision 0.29, seed 0."""


@pytest.fixture(scope="module", params=FAMILIES)
def saved(request, tmp_path_factory):
    return request.param.__name__, request.param(tmp_path_factory.mktemp("model"))


def test_first_values_are_golden(saved):
    vector = load_image_encoder(f"hf:{saved[1]}").encode([waves(90, 70)]).vectors[0]
    np.testing.assert_allclose(vector[:4], GOLDEN[saved[0]], atol=2e-4)


def test_the_vector_is_what_transformers_gives_for_its_own_processor(saved):
    """Its processor rounds to 8 bits after the resize, ours does not: hence the tolerance."""
    from transformers import AutoImageProcessor, AutoModel

    name, folder = saved
    image = waves(90, 70)
    picture = Image.fromarray((image * 255).round().astype(np.uint8)).convert("RGB")
    pixels = AutoImageProcessor.from_pretrained(folder)(images=picture, return_tensors="pt")
    model = AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        if name in {"save_clip", "save_siglip"}:
            expected = model.get_image_features(**pixels).pooler_output[0]
        else:
            expected = model(**pixels).last_hidden_state[0, 0]
    found = load_image_encoder(f"hf:{folder}").encode([image]).vectors[0]
    assert float(torch.nn.functional.normalize(expected, dim=0) @ torch.from_numpy(found)) > 0.9999


@pytest.mark.parametrize("shape", [(90, 70), (70, 90), (30, 28), (42, 42), (300, 51)])
def test_prepared_pixels_agree_with_the_processor_to_a_grey_level(saved, shape):
    from transformers import AutoImageProcessor

    image = waves(*shape)
    steps = ImageSteps.read(saved[1], channels=3)
    picture = Image.fromarray((image * 255).round().astype(np.uint8)).convert("RGB")
    expected = AutoImageProcessor.from_pretrained(saved[1])(images=picture, return_tensors="pt")["pixel_values"][0]
    found, placement = steps.prepare(image)
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) < 1.6 / 255 / min(steps.std)
    assert placement.size == tuple(found.shape[1:])


def test_the_card_holds_the_preparation_and_no_path_of_the_machine(saved):
    card = load_image_encoder(f"hf:{saved[1]}").card
    assert "mean" in card.normalisation
    assert str(saved[1].parent) not in card.to_json()
    assert card.labels == ()
    assert card.size_bytes == (saved[1] / "model.safetensors").stat().st_size


def test_images_and_texts_of_one_folder_share_a_space(tmp_path):
    save_clip(tmp_path)
    images, texts = load_image_encoder(f"hf:{tmp_path}"), load_text_encoder(f"hf:{tmp_path}", cache=tmp_path)
    assert images.card.shared_space == texts.card.shared_space != ""
    assert images.card.dimension == texts.card.dimension == 16
    similarity = images.encode([waves(50, 40)]).vectors @ texts.encode(["no effusion", "the heart is large"]).T
    assert similarity.shape == (1, 2)


def test_a_vit_shares_its_space_with_nothing(tmp_path):
    assert load_image_encoder(f"hf:{save_vit(tmp_path)}").card.shared_space == ""


def test_other_preparation_makes_another_card(tmp_path):
    first = load_image_encoder(f"hf:{save_vit(tmp_path)}").card
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"image_mean": [0.1, 0.1, 0.1]}))
    assert load_image_encoder(f"hf:{tmp_path}").card.card_hash != first.card_hash


def test_weights_that_are_missing_are_an_error_not_random_numbers(tmp_path):
    path = save_vit(tmp_path) / "model.safetensors"
    state = load_file(path)
    del state["layernorm.weight"]
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"missing: layernorm\.weight"):
        load_image_encoder(f"hf:{tmp_path}")


def test_weights_of_another_shape_are_refused(tmp_path):
    config = json.loads((save_vit(tmp_path) / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"intermediate_size": 48}))
    with pytest.raises(WeightsError, match="do not fit"):
        load_image_encoder(f"hf:{tmp_path}")


def test_preparation_of_another_size_is_refused(tmp_path):
    path = save_vit(tmp_path) / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"size": {"height": 40, "width": 40}}))
    with pytest.raises(WeightsError, match=r"\(40, 40\)"):
        load_image_encoder(f"hf:{tmp_path}")


@pytest.mark.parametrize(
    ("file", "words"), [("preprocessor_config.json", "prepared"), ("model.safetensors", "weights")]
)
def test_a_folder_without_a_file_says_which(tmp_path, file, words):
    (save_vit(tmp_path) / file).unlink()
    with pytest.raises(WeightsError, match=words):
        load_image_encoder(f"hf:{tmp_path}")


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path):
    (save_vit(tmp_path) / "model.safetensors").unlink()
    trace = tmp_path / "ran"
    torch.save({"layernorm.weight": Payload(trace)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="could run code"):
        load_image_encoder(f"hf:{tmp_path}")
    assert not trace.exists()


class Payload:
    """Would create a file when unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_text_model_is_no_vision_tower(tmp_path):
    with pytest.raises(WeightsError, match="'bert' is no vision tower"):
        load_image_encoder(f"hf:{save_bert(tmp_path)}")


def test_a_model_that_is_not_here_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingModel, match="radrag models pull hf:microsoft/rad-dino"):
        load_image_encoder("hf:microsoft/rad-dino", cache=tmp_path)
    with pytest.raises(MissingModel, match="no folder"):
        load_image_encoder(f"hf:{tmp_path / 'nothing'}")


def test_a_separate_weights_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="brings its own weights"):
        load_image_encoder(f"hf:{save_vit(tmp_path)}", weights=tmp_path / "w.safetensors")
