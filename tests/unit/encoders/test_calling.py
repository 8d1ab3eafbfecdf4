"""What the starter calls: its thresholds, and less where the image does not look normal."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radrag.encoders.calling import ABNORMAL, NEAR, thresholds_for

THRESHOLDS = np.array([0.3, 0.16, 0.6])
NORMAL = 2


def called(*probabilities):
    row = np.array([probabilities])
    return (row >= thresholds_for(row, THRESHOLDS, NORMAL))[0].tolist()


def test_of_an_abnormal_image_without_a_call_those_near_their_threshold_are_called():
    assert called(0.26, 0.12, 0.1) == [True, True, False]
    assert called(0.26, 0.05, 0.1) == [True, False, False]


def test_the_nearest_is_called_however_far_it_is():
    assert called(0.05, 0.02, 0.1) == [True, False, False]


def test_a_call_or_a_normal_look_leaves_the_thresholds_as_they_are():
    assert called(0.31, 0.15, 0.1) == [True, False, False]
    assert called(0.29, 0.15, ABNORMAL) == [False, False, False]


@given(arrays(np.float64, (4, 3), elements=st.floats(0.001, 0.999)))
def test_every_image_is_called_something_or_may_be_normal(probabilities):
    held = thresholds_for(probabilities, THRESHOLDS, NORMAL)
    calls = (probabilities >= held)[:, :NORMAL]
    assert (calls.any(axis=1) | (probabilities[:, NORMAL] >= ABNORMAL)).all()
    assert (held <= THRESHOLDS).all()
    assert (held[:, NORMAL] == THRESHOLDS[NORMAL]).all()
    usual = (probabilities >= THRESHOLDS)[:, :NORMAL]
    assert (held[usual.any(axis=1)] == THRESHOLDS).all()
    rest = calls & ~usual
    shares = (probabilities / THRESHOLDS)[:, :NORMAL]
    assert (
        shares[rest] >= np.minimum(NEAR, np.broadcast_to(shares.max(axis=1)[:, None], rest.shape)[rest]) - 1e-6
    ).all()
