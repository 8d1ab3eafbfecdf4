"""The shipped starter: its files agree, its first values are fixed, damaged files are refused."""

import csv
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from radrag.dicom.read import load_image
from radrag.disk import sha256_of
from radrag.encoders import load_image_encoder
from radrag.encoders.starter import StarterEncoder
from radrag.encoders.starter_network import empty_network, fill, packed
from radrag.errors import MissingModel, UsageError, WeightsError
from radrag.models.card import ModelCard
from radrag.models.weights import SHIPPED_ENCODERS
from radrag.training.nih import COLUMNS
from radrag.training.scores import auc

SHIPPED = SHIPPED_ENCODERS / "starter.safetensors"


@pytest.fixture(scope="module")
def encoder():
    return load_image_encoder("starter")


def test_the_card_describes_the_shipped_file(encoder):
    card = encoder.card
    assert card == ModelCard.from_json(SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))
    assert card.sha256 == sha256_of(SHIPPED)
    assert card.size_bytes == SHIPPED.stat().st_size <= 16 * 2**20


def test_the_card_reports_every_label_beside_its_baselines(encoder):
    for label in encoder.card.labels:
        row = encoder.card.metrics[label]
        assert row["auc_low"] <= row["auc"] <= row["auc_high"]
        assert 0 < row["positives"] < row["n"]
        assert {"sensitivity", "specificity", "auc_nearest_neighbour", "auc_constant"} <= row.keys()
    mean = encoder.card.metrics["mean of 14"]
    assert mean["auc"] > mean["auc_nearest_neighbour"]
    assert mean["specificity"] >= 0.9
    assert mean["false_findings_per_normal_image"] < 0.5


def test_packing_twice_changes_nothing():
    state = load_file(SHIPPED)
    again = packed(fill(empty_network(), state))
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], state[name]) for name in state)


def test_the_sample_radiograph_has_its_golden_values(encoder, sample_radiograph):
    """Made with starter 1.1.0, torch 2.15, timm 1.0.31, pydicom 3.0.2."""
    result = encoder.encode([load_image(sample_radiograph).pixels])
    np.testing.assert_allclose(result.vectors[0, :4], GOLDEN_VECTOR, atol=2e-3)
    found = {finding.label: finding.probability for finding in result.findings[0]}
    for label, probability in GOLDEN_PROBABILITIES.items():
        assert found[label] == pytest.approx(probability, abs=0.02)


GOLDEN_VECTOR = [-0.13266, -0.06081, -0.14966, -0.20203]
GOLDEN_PROBABILITIES = {"Mass": 0.1208, "Pleural Effusion": 0.2612, "No Finding": 0.1304}


def copy_to(folder):
    folder.mkdir(exist_ok=True)
    for file in (SHIPPED, SHIPPED.with_suffix(".json")):
        shutil.copy(file, folder)
    return folder / SHIPPED.name


def test_weights_of_ones_own_are_loaded_with_their_card(tmp_path):
    assert load_image_encoder("starter", weights=copy_to(tmp_path)).card.name == "starter"


def test_missing_weights_name_the_setting(tmp_path):
    with pytest.raises(MissingModel, match="RADRAG_ENCODER_WEIGHTS"):
        StarterEncoder.load(weights=tmp_path / "none.safetensors")


def test_a_missing_card_is_named(tmp_path):
    path = copy_to(tmp_path)
    path.with_suffix(".json").unlink()
    with pytest.raises(MissingModel, match="model card"):
        StarterEncoder.load(weights=path)


def test_one_flipped_bit_is_noticed(tmp_path):
    path = copy_to(tmp_path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="SHA-256"):
        StarterEncoder.load(weights=path)


def test_weights_of_another_architecture_are_refused(tmp_path):
    path = copy_to(tmp_path)
    save_file({"heads.weight": torch.zeros(3, 3)}, path)
    card = path.with_suffix(".json")
    card.write_text(card.read_text().replace(sha256_of(SHIPPED), sha256_of(path)))
    with pytest.raises(WeightsError, match="architecture"):
        StarterEncoder.load(weights=path)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cuda:x", ""])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(UsageError, match="evice"):
        load_image_encoder("starter", device=device)


@pytest.mark.data
def test_the_cards_scores_are_true_of_the_shipped_file(encoder, shared_data):
    """All validation images, read and encoded as a user would."""
    with (shared_data / "nih" / "labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "val"]
    images = [np.asarray(Image.open(shared_data / "nih" / "images" / row["image"]), np.float32) / 255 for row in rows]
    findings = encoder.encode([image.astype(np.float32) for image in images]).findings
    scores = np.array([[finding.probability for finding in found] for found in findings])
    for place, (column, label) in enumerate(COLUMNS.items()):
        truth = np.array([float(row[column]) for row in rows])
        assert encoder.card.labels[place] == label
        assert auc(truth, scores[:, place]) == pytest.approx(encoder.card.metrics[label]["auc"], abs=0.005)
    assert encoder.card.metrics["mean of 14"]["auc"] > 0.72
