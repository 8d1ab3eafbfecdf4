"""The shared space in use: what the maps take, refuse, and keep through a file."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from tiny_alignments import LABELS, LOOKS, tiny_alignment

from radrag.encoders.alignment import CARD, WEIGHTS, image_inputs, load_alignment
from radrag.errors import MissingModel, WeightsError

VECTORS = np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32)
CHANCES = [{"Pleural Effusion": 0.9, "Pneumothorax": 0.1}, {"Pleural Effusion": 0.2}, {}]


def test_images_and_texts_have_unit_length_in_one_space():
    alignment = tiny_alignment()
    images, texts = alignment.image_vectors(VECTORS, CHANCES), alignment.text_vectors(VECTORS)
    assert images.shape == texts.shape == (3, 6)
    assert images.dtype == texts.dtype == np.float32
    assert np.allclose(np.linalg.norm(np.vstack([images, texts]), axis=1), 1, atol=1e-5)


def test_a_label_that_was_not_assessed_counts_as_usual():
    alignment = tiny_alignment()
    usual = float(1 / (1 + np.exp(-alignment._state["image.mean"][1])))
    missing, told, unknown = (
        alignment.image_vectors(VECTORS[:1], [{"Pleural Effusion": 0.2, **other}])
        for other in ({}, {"Pneumothorax": usual}, {"Pneumothorax": math.nan})
    )
    assert np.allclose(missing, told, atol=1e-5)
    assert np.allclose(missing, unknown)


def test_only_the_leading_components_count_and_not_their_length():
    alignment = tiny_alignment()
    other = VECTORS * np.float32([2, 2, 2, -5, 1, 1, 1, 0])
    assert np.allclose(alignment.image_vectors(VECTORS, CHANCES), alignment.image_vectors(other, CHANCES), atol=1e-5)


def test_certainty_stays_finite_and_no_images_give_none():
    found = image_inputs(VECTORS[:2], [{"Pleural Effusion": 1.0}, {"Pleural Effusion": 0.0}], LABELS, 3)
    assert np.isfinite(found[:, 0]).all()
    assert found[0, 0] > 9 > -9 > found[1, 0]
    assert tiny_alignment().image_vectors(VECTORS[:0], []).shape == (0, 6)


def test_other_encoders_are_refused():
    alignment = tiny_alignment()
    alignment.require(LOOKS, LOOKS)
    with pytest.raises(WeightsError, match="tiny 2"):
        alignment.require(replace(LOOKS, version="2"), LOOKS)
    with pytest.raises(WeightsError, match="learned behind tiny"):
        alignment.require(LOOKS, replace(LOOKS, sha256="0" * 64))


def test_what_is_saved_is_what_is_loaded(tmp_path):
    alignment = tiny_alignment()
    card = alignment.save(tmp_path)
    loaded = load_alignment(tmp_path)
    assert loaded.card == card
    assert card.size_bytes == (tmp_path / WEIGHTS).stat().st_size
    assert np.allclose(loaded.text_vectors(VECTORS), alignment.text_vectors(VECTORS), atol=5e-3)  # float16


def test_missing_damaged_and_foreign_files_are_named(tmp_path):
    with pytest.raises(MissingModel, match="alignment"):
        load_alignment(tmp_path)
    tiny_alignment().save(tmp_path)
    values = json.loads((tmp_path / CARD).read_text())
    (tmp_path / CARD).write_text(json.dumps(values | {"appearance": 2}))
    with pytest.raises(WeightsError, match="not those of"):
        load_alignment(tmp_path)
    (tmp_path / CARD).write_text(json.dumps(values | {"sha256": "0" * 64}))
    with pytest.raises(WeightsError, match="damaged"):
        load_alignment(tmp_path)
    (tmp_path / CARD).write_text("{}")
    with pytest.raises(WeightsError, match="no card"):
        load_alignment(tmp_path)
