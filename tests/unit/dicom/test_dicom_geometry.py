"""Every way from original to display and model pixels leads back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.dicom.geometry import Geometry, resize

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


def test_shrinking_is_antialiased():
    fine = np.indices((256, 256)).sum(0) % 2
    assert np.allclose(resize(fine.astype(np.float32), (16, 16)), 0.5, atol=0.05)
