"""A reader's window follows PS3.3 C.11.2.1.2, whatever the values' scale and polarity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_windowing

from radrag.dicom.window import Window, window_between, window_of, window_table

LEVELS = np.arange(4096, dtype=np.float32)


def by_pydicom(levels, window):
    """PS3.3 C.11.2.1.2 as pydicom computes it, for display in eight bits."""
    header = Dataset()
    header.PhotometricInterpretation, header.BitsStored, header.PixelRepresentation = "MONOCHROME2", 8, 0
    header.WindowCenter, header.WindowWidth = window.centre, window.width
    header.VOILUTFunction = "LINEAR_EXACT" if window.exact else "LINEAR"
    return apply_windowing(levels.astype(np.float64), header)


@given(st.floats(-500, 5000), st.floats(1, 5000), st.booleans())
def test_a_window_is_pydicom_s_to_the_rounding(centre, width, exact):
    window = Window(centre, width, exact)
    assert np.abs(window_table(LEVELS, window) - by_pydicom(LEVELS, window)).max() <= 0.5 + 1e-6


def test_the_example_of_the_standard():
    # PS3.3 C.11.2.1.2.1: c = 2048, w = 4096 takes 0 to black and 4095 to white; c = 0, w = 1 is a threshold
    assert window_table(LEVELS, Window(2048, 4096))[[0, 4095]].tolist() == [0, 255]
    around = np.array([-1, -0.5, 0, 1], np.float32)
    assert window_table(around, Window(0, 1)).tolist() == [0, 0, 255, 255]


@given(st.floats(-500, 5000), st.floats(1, 5000))
def test_inverse_is_the_mirror(centre, width):
    window = Window(centre, width)
    both = window_table(LEVELS, window).astype(int) + window_table(LEVELS, window, inverse=True)
    assert np.abs(both - 255).max() <= 1  # a grey just between two is rounded up in both


def test_padding_is_black_in_either_polarity():
    levels = np.array([np.nan, 0, 1], np.float32)
    assert window_table(levels, Window(1, 2))[0] == 0
    assert window_table(levels, Window(1, 2), inverse=True)[0] == 0


@given(st.integers(0, 4000), st.integers(1, 4000), st.booleans())
def test_a_window_between_two_values_shows_them_as_the_ends(low, apart, exact):
    high = min(low + apart, 4095)
    table = window_table(LEVELS, window_between(low, high, exact=exact))
    assert (table[: low + 1] == 0).all()
    assert (table[high:] == 255).all()
    assert table[high - 1] < 255 or high - low > 255


def test_a_window_between_a_value_and_itself_is_not_empty():
    assert window_between(7, 7).width == 1
    assert window_between(7.0, 7.0, exact=True).width > 0


@pytest.mark.parametrize("inverse", [False, True])
def test_a_linear_table_gives_its_window_back(inverse):
    window = Window(1500.5, 1000)
    half = np.clip((LEVELS - 1500) / 999 + 0.5, 0, 1)
    found = window_of(LEVELS, 1 - half if inverse else half)
    assert (found.centre, found.width) == pytest.approx((window.centre, window.width), abs=1)
