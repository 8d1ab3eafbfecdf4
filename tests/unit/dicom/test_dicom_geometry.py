"""Every way from original to display and model pixels leads back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.dicom.geometry import Geometry, fit, resize

sides = st.integers(1, 400)
share = st.floats(0, 1)


@st.composite
def geometries(draw):
    plain = Geometry.of(
        draw(sides), draw(sides), transpose=draw(st.booleans()), flip_x=draw(st.booleans()), flip_y=draw(st.booleans())
    )
    return Geometry(plain.rows, plain.columns, draw(sides), draw(sides), plain.transpose, plain.flip_x, plain.flip_y)


@given(geometries(), share, share)
def test_points_come_back(geometry, across, down):
    point = (across * geometry.columns, down * geometry.rows)
    shown = geometry.point_to_display(point)
    assert -1e-6 <= shown[0] <= geometry.display_columns + 1e-6
    assert -1e-6 <= shown[1] <= geometry.display_rows + 1e-6
    assert geometry.point_to_original(shown) == pytest.approx(point, abs=1e-6)


@given(geometries(), st.tuples(share, share, share, share))
def test_boxes_come_back_with_their_corners_in_order(geometry, shares):
    x0, x1 = sorted((shares[0] * geometry.columns, shares[1] * geometry.columns))
    y0, y1 = sorted((shares[2] * geometry.rows, shares[3] * geometry.rows))
    shown = geometry.box_to_display((x0, y0, x1, y1))
    assert shown[0] <= shown[2]
    assert shown[1] <= shown[3]
    assert geometry.box_to_original(shown) == pytest.approx((x0, y0, x1, y1), abs=1e-6)


@given(st.booleans(), st.booleans(), st.booleans(), st.integers(0, 4), st.integers(0, 6))
def test_turned_pixels_lie_where_the_geometry_says(transpose, flip_x, flip_y, row, column):
    pixels = np.zeros((5, 7), np.float32)
    pixels[row, column] = 1
    geometry = Geometry.of(5, 7, transpose=transpose, flip_x=flip_x, flip_y=flip_y)
    turned = geometry.turn(pixels)
    assert turned.shape == (geometry.display_rows, geometry.display_columns)
    x, y = geometry.point_to_display((column + 0.5, row + 0.5))
    assert turned[int(y), int(x)] == 1


@given(geometries(), st.integers(8, 64), st.sampled_from(["letterbox", "crop"]), share, share)
def test_model_points_come_back(geometry, size, mode, across, down):
    _, model = fit(
        np.zeros((geometry.display_rows, geometry.display_columns), np.float32), size, geometry=geometry, mode=mode
    )
    x0, y0, x1, y1 = model.content
    assert 0 <= x0 < x1 <= size
    assert 0 <= y0 < y1 <= size
    point = (x0 + across * (x1 - x0), y0 + down * (y1 - y0))
    original = model.point_to_original(point)
    assert -1e-3 <= original[0] <= geometry.columns + 1e-3
    assert -1e-3 <= original[1] <= geometry.rows + 1e-3
    assert model.point_to_model(original) == pytest.approx(point, abs=1e-4)


def test_a_bright_spot_is_found_back_from_the_models_input():
    pixels = np.zeros((300, 200), np.float32)
    pixels[30:50, 140:160] = 1
    geometry = Geometry(600, 200, 300, 200, flip_x=True)  # pixels twice as wide as high, film mirrored
    for mode in ("letterbox", "crop"):
        image, model = fit(pixels, 64, geometry=geometry, mode=mode)
        assert image.shape == (64, 64)
        assert image.dtype == np.float32
        rows, columns = np.nonzero(image > 0.5)
        if mode == "crop":
            assert rows.size == 0  # the spot lies above the centre square
            continue
        box = model.box_to_original((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
        assert box == pytest.approx((40, 60, 60, 100), abs=7)
        assert model.box_to_model(box) == pytest.approx((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))


def test_letterbox_margins_have_the_fill_value_and_map_to_the_edge():
    image, model = fit(np.ones((100, 50), np.float32), 64, fill=-1.0)
    assert np.all(image[:, :16] == -1)
    assert np.all(image[:, 16:48] == 1)
    assert model.point_to_original((0.0, 32.0)) == pytest.approx((0.0, 50.0))


def test_crop_takes_the_centre():
    pixels = np.zeros((50, 100), np.float32)
    pixels[:, 25:75] = 1
    image, model = fit(pixels, 50, mode="crop")
    assert np.allclose(image, 1)
    assert model.content == (0, 0, 50, 50)
    assert model.point_to_original((0, 0)) == pytest.approx((25, 0))


def test_shrinking_is_antialiased():
    fine = np.indices((256, 256)).sum(0) % 2
    assert np.allclose(resize(fine.astype(np.float32), (16, 16)), 0.5, atol=0.05)
