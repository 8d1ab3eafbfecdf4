"""torchxrayvision's arithmetic is kept: input range, operating points, masked targets; only safe files are read."""

import math

import numpy as np
import pytest
import torch
import torchxrayvision
from safetensors.torch import save_file

from radrag.domain import View
from radrag.encoders import load_image_encoder
from radrag.encoders.preprocessing import centre_square
from radrag.errors import MissingModel, UsageError, WeightsError
from radrag.models import registry

NAME = "xrv:densenet121-res224-chex"
IMAGE = np.random.default_rng(1).random((240, 230), dtype=np.float32)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return torchxrayvision.models.DenseNet(weights=None).eval()


@pytest.fixture(scope="module")
def weights(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("xrv") / "w.safetensors"
    save_file(model.state_dict(), path)
    return path


def test_scores_and_features_are_torchxrayvisions(model, weights):
    encoding = load_image_encoder(NAME, weights=weights).encode([IMAGE])
    pixels = centre_square(IMAGE, 224)[None] * 2048 - 1024
    assert float(pixels.min()) < -900
    assert float(pixels.max()) > 900
    with torch.inference_mode():
        logits, features = model(pixels)[0], model.features2(pixels)[0]
    expected = torch.nn.functional.normalize(features, dim=0).numpy()
    np.testing.assert_allclose(encoding.vectors[0], expected, atol=1e-5)
    for finding, logit in zip(encoding.findings[0], logits, strict=True):
        if finding.trained:
            assert finding.probability == pytest.approx(float(torch.sigmoid(logit)), abs=1e-5)


def test_thresholds_are_the_operating_points_not_one_half(weights):
    card = load_image_encoder(NAME, weights=weights).card
    facts = torchxrayvision.models.model_urls["densenet121-res224-chex"]
    points = dict(zip(facts["labels"], facts["op_threshs"], strict=True))
    assert card.thresholds["Pleural Effusion"] == pytest.approx(points["Effusion"])
    assert card.thresholds["Edema"] == pytest.approx(points["Edema"])


def test_targets_it_was_not_trained_for_are_masked(weights):
    (findings,) = load_image_encoder(NAME, weights=weights).encode([IMAGE], [View.PA]).findings
    masked = {finding.label for finding in findings if not finding.trained}
    assert {"Hernia", "Fibrosis", "Mass"} <= masked
    assert all(math.isnan(finding.probability) for finding in findings if not finding.trained)
    assert "" not in {finding.label for finding in findings}


def test_other_weights_make_another_card(weights, tmp_path):
    first = load_image_encoder(NAME, weights=weights).card
    torch.manual_seed(1)
    save_file(torchxrayvision.models.DenseNet(weights=None).state_dict(), tmp_path / "w.safetensors")
    second = load_image_encoder(NAME, weights=tmp_path / "w.safetensors").card
    assert first.card_hash != second.card_hash


@pytest.mark.parametrize("name", [name for name in registry.names(registry.IMAGE_TASK) if name.startswith("xrv:")])
def test_every_registered_model_is_known_to_torchxrayvision(name, weights):
    card = load_image_encoder(name, weights=weights).card
    assert len(card.labels) == 18
    assert card.trained
    assert all(0 < value < 1 for value in card.thresholds.values())


@pytest.mark.parametrize("weights", [None, "nowhere.safetensors"])
def test_a_missing_file_names_the_setting(weights, tmp_path):
    with pytest.raises(MissingModel, match=r"--encoder-weights.*RADRAG_ENCODER_WEIGHTS"):
        load_image_encoder(NAME, weights=weights and tmp_path / weights)


def test_a_whole_pickled_model_is_refused(model, tmp_path):
    torch.save(model, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="could run code"):
        load_image_encoder(NAME, weights=tmp_path / "w.pt")


def test_another_architecture_is_refused(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="DenseNet-121"):
        load_image_encoder(NAME, weights=tmp_path / "w.safetensors")


def test_weights_unknown_to_the_library_are_refused(weights):
    from radrag.encoders.xrv import XrvEncoder

    with pytest.raises(UsageError, match="no weights"):
        XrvEncoder.load("xrv:nothing", weights=weights)
