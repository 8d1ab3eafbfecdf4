"""A study's vector is the mean of the images that the encoder was trained to see."""

import dataclasses

import numpy as np
import pytest

from radrag.domain import View
from radrag.encoders.starter import StarterEncoder
from radrag.encoders.studies import images_used, study_vector
from radrag.errors import UsageError

FRONTAL = StarterEncoder.card_of()
ANY = dataclasses.replace(FRONTAL, views=())
BOTH = dataclasses.replace(FRONTAL, views=("PA", "AP", "LATERAL"))
VECTORS = np.eye(3, 4, dtype=np.float32)


@pytest.mark.parametrize(
    ("views", "card", "used"),
    [
        ([View.PA, View.LATERAL, View.AP], FRONTAL, (0, 2)),
        ([View.LATERAL, View.UNKNOWN, View.LATERAL], FRONTAL, (1,)),
        ([View.LATERAL, View.LATERAL], FRONTAL, (0, 1)),
        ([View.PA, View.LATERAL], BOTH, (0, 1)),
        ([View.PA, View.LATERAL], ANY, (0, 1)),
    ],
)
def test_views_the_encoder_was_not_trained_on_are_left_out_if_there_are_others(views, card, used):
    assert images_used(views, card) == used


def test_the_inner_product_with_a_query_follows_the_mean_cosine():
    vector = study_vector(VECTORS, [View.PA, View.AP, View.LATERAL], FRONTAL)
    np.testing.assert_allclose(vector, [2**-0.5, 2**-0.5, 0, 0], atol=1e-6)
    assert vector.dtype == np.float32


def test_one_image_is_its_own_study():
    np.testing.assert_allclose(study_vector(VECTORS[:1], [View.LATERAL], FRONTAL), VECTORS[0])


def test_opposite_vectors_still_give_unit_length():
    opposite = np.stack([VECTORS[0], -VECTORS[0]])
    assert np.linalg.norm(study_vector(opposite, [View.PA, View.AP], FRONTAL)) == pytest.approx(1)


@pytest.mark.parametrize("views", [[], [View.PA]])
def test_views_must_match_vectors(views):
    with pytest.raises(UsageError, match="make no study"):
        study_vector(VECTORS[: 2 * len(views)], views, FRONTAL)
