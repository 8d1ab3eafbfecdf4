"""The figure depends on image, preset and focus alone, and shows every window of the image."""

import base64
import io
import json

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from ui import viewer_figure as viewer

RAMP = np.linspace(0.0, 1.0, 40 * 30, dtype=np.float32).reshape(40, 30)


def decoded(uri):
    head, _, body = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


@given(
    npst.arrays(np.float32, npst.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(0, 1, width=32)),
    st.sampled_from(viewer.PRESETS),
)
def test_every_window_gives_eight_bits_of_the_same_shape(pixels, preset):
    shown = viewer.windowed(pixels, preset)
    assert shown.dtype == np.uint8
    assert shown.shape == pixels.shape


@given(st.sampled_from([preset for preset in viewer.PRESETS if not preset.inverted]))
def test_a_window_keeps_the_order_of_brightness(preset):
    assert (np.diff(viewer.windowed(RAMP, preset).ravel().astype(int)) >= 0).all()


def test_the_default_window_changes_nothing_and_invert_is_its_mirror():
    default, invert = (next(p for p in viewer.PRESETS if p.name == name) for name in ("Default", "Invert"))
    assert (viewer.windowed(RAMP, default) == np.rint(RAMP * 255)).all()
    assert (viewer.windowed(RAMP, default).astype(int) + viewer.windowed(RAMP, invert) == 255).all()


def test_a_narrow_window_spreads_its_range_over_all_greys():
    lung = viewer.Preset("Lung", low=0.0, high=50.0)
    shown = viewer.windowed(RAMP, lung)
    assert shown.min() == 0
    assert (shown.ravel()[RAMP.size // 2 + 1 :] == 255).all()


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_image_is_shown_without_dividing_by_zero(value):
    constant = np.full((4, 4), value, np.float32)
    for preset in viewer.PRESETS:
        assert np.ptp(viewer.windowed(constant, preset)) == 0


def test_what_is_not_finite_is_black_or_white():
    pixels = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
    assert viewer.windowed(pixels, viewer.PRESETS[0]).tolist() == [[0, 255, 0, 128]]


def test_large_images_shrink_in_proportion_and_small_ones_stay():
    assert viewer.shrunk(np.zeros((3000, 1500), np.float32), 1000).shape == (1000, 500)
    assert viewer.shrunk(RAMP, 1000) is not None
    assert viewer.shrunk(RAMP, 1000).shape == RAMP.shape
    assert viewer.shrunk(np.zeros((5000, 1), np.float32), 100).shape == (100, 1)


def test_shrinking_averages():
    pixels = np.kron(np.array([[0.0, 1.0], [1.0, 0.0]], np.float32), np.ones((8, 8), np.float32))
    assert viewer.shrunk(pixels, 2) == pytest.approx(np.array([[0, 1], [1, 0]]))
    assert viewer.shrunk(pixels, 1) == pytest.approx(np.array([[0.5]]))


def test_every_preset_travels_as_a_lossless_png():
    shown = viewer.display_image(RAMP)
    assert list(shown.sources) == [preset.name for preset in viewer.PRESETS]
    for preset in viewer.PRESETS:
        assert (decoded(shown.sources[preset.name]) == viewer.windowed(RAMP, preset)).all()
    assert (shown.rows, shown.columns) == RAMP.shape


def test_a_thumbnail_is_small():
    assert max(decoded(viewer.thumbnail(np.zeros((900, 600), np.float32))).shape) == 280


def test_the_same_image_preset_and_focus_give_the_same_json():
    first, second = viewer.display_image(RAMP), viewer.display_image(RAMP.copy())
    assert json.dumps(viewer.figure(first)) == json.dumps(viewer.figure(second))
    box = (1.0, 2.0, 3.0, 4.0)
    assert viewer.figure(first, focus=box) == viewer.figure(second, focus=box)
    assert viewer.figure(first, focus=box) != viewer.figure(first)


def test_the_buttons_swap_the_source_and_nothing_else():
    image = viewer.display_image(RAMP)
    figure = viewer.figure(image, preset="Bone")
    (menu,) = figure["layout"]["updatemenus"]
    assert figure["layout"]["images"][0]["source"] == image.sources["Bone"]
    assert menu["buttons"][menu["active"]]["label"] == "Bone"
    for button in menu["buttons"]:
        assert button["method"] == "relayout"
        assert button["args"] == [{"images[0].source": image.sources[button["label"]]}]


def test_plotly_accepts_the_figure_and_keeps_its_aspect():
    figure = viewer.figure(viewer.display_image(RAMP), focus=(5.0, 5.0, 10.0, 10.0))
    go.Figure(figure)  # raises on any unknown property
    assert figure["layout"]["yaxis"]["scaleanchor"] == "x"
    assert figure["layout"]["dragmode"] == "pan"
    assert viewer.CONFIG["scrollZoom"] is True


@settings(max_examples=50)
@given(st.floats(0, 29), st.floats(0, 39), st.floats(0.5, 30), st.floats(0.5, 40))
def test_a_focus_lies_in_the_middle_of_a_view_of_the_image_s_aspect(x, y, width, height):
    box = (x, y, x + width, y + height)
    layout = viewer.figure(viewer.display_image(RAMP), focus=box)["layout"]
    (x0, x1), (y1, y0) = layout["xaxis"]["range"], layout["yaxis"]["range"]
    assert (x0 + x1) / 2 == pytest.approx(x + width / 2)
    assert (y0 + y1) / 2 == pytest.approx(y + height / 2)
    assert (x1 - x0) / (y1 - y0) == pytest.approx(30 / 40)
    assert len(layout["shapes"]) == 1
