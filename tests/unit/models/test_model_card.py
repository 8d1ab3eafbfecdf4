"""A card survives JSON, and its hash changes with what a model returns, not with how it is described."""

import dataclasses
import json

import pytest

from radrag.errors import WeightsError
from radrag.models.card import IDENTITY, ModelCard

CARD = ModelCard(
    name="tiny",
    version="1",
    task="image-encoder",
    input_size=32,
    value_range=(-1.0, 1.0),
    polarity="air dark",
    normalisation="none",
    dimension=4,
    labels=("Mass", "Nodule"),
    trained=("Mass",),
    licence="Apache-2.0",
    source="made for this test",
    sha256="00",
    thresholds={"Mass": 0.3},
    n={"train": 3},
    metrics={"Mass": {"auc": 0.8}},
    limits=("It is tiny.",),
)


def test_a_card_survives_json():
    assert ModelCard.from_json(CARD.to_json()) == CARD


def test_the_hash_is_the_same_after_json():
    assert ModelCard.from_json(CARD.to_json()).card_hash == CARD.card_hash


@pytest.mark.parametrize("field", IDENTITY)
def test_the_hash_follows_every_field_that_decides_the_vectors(field):
    value = getattr(CARD, field)
    changed = value + 1 if isinstance(value, int) else value * 2
    assert dataclasses.replace(CARD, **{field: changed}).card_hash != CARD.card_hash


@pytest.mark.parametrize("field", ["metrics", "limits", "source", "data"])
def test_the_hash_ignores_description(field):
    assert dataclasses.replace(CARD, **{field: type(getattr(CARD, field))()}).card_hash == CARD.card_hash


def test_a_card_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CARD.name = "other"


def test_missing_and_unknown_fields_are_named():
    values = CARD.to_dict()
    del values["labels"]
    values["colour"] = "blue"
    with pytest.raises(WeightsError, match="colour, labels"):
        ModelCard.from_dict(values)


@pytest.mark.parametrize("text", ["{", "[]", json.dumps("card")])
def test_text_that_is_no_card_is_refused(text):
    with pytest.raises(WeightsError):
        ModelCard.from_json(text)
