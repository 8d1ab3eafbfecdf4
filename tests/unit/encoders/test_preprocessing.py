"""Any display image becomes the same kind of model input, whatever its size, border and grey range."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from radrag.encoders.preprocessing import busy_part, fit_centre, stretch, to_square

IMAGES = arrays.arrays(
    np.float32, st.tuples(st.integers(2, 70), st.integers(2, 70)), elements=st.floats(0, 1, width=32)
)


def textured(rows, columns, seed=0):
    return np.random.default_rng(seed).random((rows, columns), dtype=np.float32)


@settings(deadline=None)  # the first call imports torch
@given(IMAGES, st.sampled_from([32, 64]))
def test_the_result_is_always_a_finite_square_in_range(image, size):
    for result in (to_square(image, size), fit_centre(image, size)[0]):
        assert result.shape == (1, size, size)
        assert result.dtype == torch.float32
        assert bool(((result >= 0) & (result <= 1)).all())


def test_the_input_is_left_alone():
    image = textured(90, 70)
    before = image.copy()
    to_square(image, 32)
    np.testing.assert_array_equal(image, before)


def test_a_flat_border_is_cut_off():
    framed = np.zeros((120, 100), np.float32)
    framed[10:110, 20:95] = textured(100, 75)
    assert busy_part(framed) == (slice(10, 110), slice(20, 95))


def test_a_frame_does_not_change_what_the_model_sees():
    bare = textured(100, 100)
    framed = np.zeros((140, 130), np.float32)
    framed[20:120, 15:115] = bare
    torch.testing.assert_close(to_square(framed, 64), to_square(bare, 64))


@pytest.mark.parametrize("image", [np.zeros((40, 30), np.float32), np.ones((40, 30), np.float32)])
def test_a_flat_image_becomes_black_and_does_not_fail(image):
    assert busy_part(image) == (slice(0, image.shape[0]), slice(0, image.shape[1]))
    assert float(to_square(image, 32).max()) == 0


def test_a_mostly_flat_image_is_not_trimmed_to_a_scrap():
    image = np.zeros((100, 100), np.float32)
    image[45:55, 45:55] = textured(10, 10)
    assert busy_part(image) == (slice(0, image.shape[0]), slice(0, image.shape[1]))


@settings(deadline=None)
@given(st.floats(0.2, 1), st.floats(0, 0.2))
def test_gain_and_offset_of_the_source_do_not_matter(gain, offset):
    image = textured(64, 64)
    changed = (image * np.float32(gain * (1 - offset)) + np.float32(offset)).astype(np.float32)
    np.testing.assert_allclose(stretch(changed), stretch(image), atol=1e-4)


def test_a_bright_marker_does_not_set_the_scale():
    image = textured(200, 200) * 0.5
    marked = image.copy()
    marked[3:8, 3:8] = 1
    np.testing.assert_allclose(stretch(marked)[20:], stretch(image)[20:], atol=0.01)


def test_the_aspect_ratio_is_kept_and_the_rest_is_black():
    result = to_square(np.maximum(textured(100, 50), 0.1), 64)[0]
    assert float(result[:, :16].max()) == 0
    assert float(result[:, 48:].max()) == 0
    assert float(result[:, 16:48].mean()) > 0.3


def test_downsampling_is_antialiased():
    stripes = np.tile(np.array([0, 1], np.float32), (512, 256))
    assert float(to_square(stripes, 64)[0, 8:-8, 8:-8].std()) < 0.02


def test_torchxrayvision_input_is_the_centre():
    image = np.zeros((50, 100), np.float32)
    image[:, 25:75] = 1
    assert float(fit_centre(image, 20)[0].min()) == pytest.approx(1, abs=1e-6)
