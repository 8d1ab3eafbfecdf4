"""torchxrayvision's arithmetic is kept: input range, operating points, masked targets; only safe files are read."""

import math

import numpy as np
import pytest
import torch
import torchxrayvision
from safetensors.torch import save_file

from radrag.domain import View
from radrag.encoders import load_image_encoder
from radrag.encoders.preprocessing import fit_centre
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
    pixels = fit_centre(IMAGE, 224)[0][None] * 2048 - 1024
    assert float(pixels.min()) < -900
    assert float(pixels.max()) > 900
    with torch.inference_mode():
        logits, features = model(pixels)[0], model.features2(pixels)[0]
    expected = torch.nn.functional.normalize(features, dim=0).numpy()
    np.testing.assert_allclose(encoding.vectors[0], expected, atol=1e-5)
    for finding, logit in zip(encoding.findings[0], logits, strict=True):
        if finding.trained:
            assert finding.probability == pytest.approx(float(torch.sigmoid(logit)), abs=1e-5)


def test_the_resnet_scores_as_torchxrayvisions_own(tmp_path):
    """Its own class reads a file of the released name from a folder; it has no way to be built without one."""
    from torchvision.models import resnet50

    name = "resnet50-res512-all"
    torch.manual_seed(0)
    network = resnet50(num_classes=18)
    network.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    released = tmp_path / torchxrayvision.models.model_urls[name]["weights_url"].rsplit("/", 1)[1]
    torch.save(network.state_dict(), released)
    theirs = torchxrayvision.models.ResNet(weights=name, cache_dir=str(tmp_path))
    theirs.op_threshs = None  # else the outputs are rescaled
    encoding = load_image_encoder(f"xrv:{name}", weights=released).encode([IMAGE])
    pixels = fit_centre(IMAGE, 512)[0][None] * 2048 - 1024
    with torch.inference_mode():
        scores, features = torch.sigmoid(theirs(pixels)[0]), theirs.features(pixels)[0]
    expected = torch.nn.functional.normalize(features, dim=0).numpy()
    np.testing.assert_allclose(encoding.vectors[0], expected, atol=1e-5)
    for finding, score in zip(encoding.findings[0], scores, strict=True):
        assert not finding.trained or finding.probability == pytest.approx(float(score), abs=1e-5)
    assert {finding.label for finding in encoding.findings[0] if not finding.trained} == {
        "Lung Lesion",
        "Enlarged Cardiomediastinum",
    }


def test_first_values_are_golden(weights):
    """Made with torch 2.15 and torchxrayvision 1.5.7, seed 0."""
    encoding = load_image_encoder(NAME, weights=weights).encode([IMAGE])
    np.testing.assert_allclose(encoding.vectors[0, GOLDEN_PLACES], GOLDEN, rtol=1e-3)


GOLDEN_PLACES = [848, 252, 30, 300]
GOLDEN = [0.1512485, 0.14280286, 0.13708273, 0.12222915]


@pytest.mark.parametrize("name", [name for name in registry.names(registry.IMAGE_TASK) if name.startswith("xrv:")])
def test_the_table_is_the_librarys(name):
    """Operating points and trained targets of every model; targets without an operating point were not trained."""
    facts = torchxrayvision.models.model_urls[name.removeprefix("xrv:")]
    theirs = {"Effusion": "Pleural Effusion", "Pleural_Thickening": "Pleural Thickening"}
    points = {
        theirs.get(target, target): point
        for target, point in zip(facts["labels"], facts["op_threshs"], strict=True)
        if target and math.isfinite(point)
    }
    card = registry.entry(name).card()
    assert card.thresholds == points
    assert set(card.trained) == set(points)
    assert (card.url, card.input_size) == (facts["weights_url"], facts["input_resolution"])
    assert not card.calibrated
    assert card.labels == tuple(theirs.get(target, target) for target in torchxrayvision.models.DenseNet.targets)


def test_the_region_is_where_the_class_activation_map_is(model, weights):
    """The map's sum is the logit less the bias: nothing of the score comes from elsewhere."""
    encoder = load_image_encoder(NAME, weights=weights)
    encoding = encoder.encode([IMAGE])
    activations = encoding.activations[0]
    assert activations
    pixels = fit_centre(IMAGE, 224)[0][None] * 2048 - 1024
    with torch.inference_mode():
        logits = model(pixels)[0] - model.classifier.bias
    for label, activation in activations.items():
        logit = float(logits[encoder.card.labels.index(label)])
        assert float(activation.evidence.sum()) == pytest.approx(logit, rel=1e-5, abs=1e-4)  # float32 sums
    for finding in encoding.findings[0]:
        assert finding.region is None or finding.positive


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


@pytest.mark.parametrize("weights", [None, "nowhere.safetensors"])
def test_a_missing_file_names_the_setting(weights, tmp_path):
    with pytest.raises(MissingModel, match=rf"radrag models pull {NAME}.*--encoder-weights.*RADRAG_ENCODER_WEIGHTS"):
        load_image_encoder(NAME, weights=weights and tmp_path / weights)


def test_a_whole_pickled_model_is_refused(model, tmp_path):
    torch.save(model, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="could run code"):
        load_image_encoder(NAME, weights=tmp_path / "w.pt")


def test_another_architecture_is_refused(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="no torchxrayvision densenet121"):
        load_image_encoder(NAME, weights=tmp_path / "w.safetensors")


def test_weights_unknown_to_the_library_are_refused(weights):
    from radrag.encoders.xrv import XrvEncoder

    with pytest.raises(UsageError, match="no weights"):
        XrvEncoder.load("xrv:nothing", weights=weights)
