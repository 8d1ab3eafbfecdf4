"""What the browser gets: a small picture of the file's window, and every value without loss."""

import base64
import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from radrag.dicom.depth import Depth, load_depth
from radrag.dicom.geometry import Geometry
from radrag.dicom.read import load_image
from radrag.dicom.window import Window, window_table
from ui import viewer_encoding as encoding


def depth_of(values, *, inverse=False, bits=12):
    """A film whose file asks for no more than its whole range."""
    levels = np.arange(1 << bits, dtype=np.float32)
    greys = levels / levels[-1]
    geometry = Geometry.of(*values.shape)
    return Depth(
        values.astype(np.uint16),
        levels,
        1 - greys if inverse else greys,
        Window(1 << (bits - 1), 1 << bits),
        inverse,
        bits,
        geometry,
    )


def picture(made):
    return np.asarray(Image.open(io.BytesIO(made[0])))


@given(npst.arrays(np.uint16, npst.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 65_535)))
def test_no_value_is_lost_on_the_way(values):
    assert (encoding.unpacked(encoding.packed(values), values.shape) == values).all()


def test_full_depth_is_tables_then_values():
    values = np.random.default_rng(0).integers(0, 4096, (30, 20), dtype=np.uint16)
    body = gzip.decompress(encoding.full(depth_of(values)))
    assert (np.frombuffer(body[: 4 * 4096], "<f4") == np.arange(4096)).all()
    assert body[4 * 4096 + 4095] == 255
    assert (encoding.unpacked(body[5 * 4096 :], (30, 20)) == values).all()


def test_a_small_image_travels_without_loss_and_is_not_enlarged():
    y, x = np.mgrid[0:300, 0:200]
    shown = picture(encoding.preview(depth_of(x * y % 4096)))
    assert (shown == np.floor((x * y % 4096) / 4095 * 255 + 0.5)).all()


def test_noise_too_large_for_png_becomes_jpeg_within_the_limit():
    noise = np.random.default_rng(0).integers(0, 4096, (1500, 1000))
    body, kind = encoding.preview(depth_of(noise))
    assert kind == "image/jpeg"
    assert len(body) <= encoding.PREVIEW_BYTES
    assert max(picture((body, kind)).shape) <= encoding.LONGEST_SIDE


def test_when_no_quality_is_small_enough_the_picture_shrinks():
    noise = np.random.default_rng(0).integers(0, 4096, (400, 400))
    body, kind = encoding.preview(depth_of(noise), most=4_000)
    assert len(body) <= 4_000
    assert max(picture((body, kind)).shape) < 400


@pytest.mark.parametrize("inverse", [False, True])
def test_presets_spread_the_same_shares_of_brightness_in_either_polarity(inverse):
    values = np.random.default_rng(1).integers(0, 4096, (400, 400))
    depth = depth_of(values, inverse=inverse)
    lung = encoding.windows(depth)["Lung"]
    shown = window_table(depth.levels, lung, inverse=inverse)[depth.values]
    assert (shown == 0).mean() == pytest.approx(0.01, abs=0.01)
    assert (shown == 255).mean() == pytest.approx(0.28, abs=0.02)


def test_the_description_names_the_file_s_window_and_size():
    head = encoding.head(depth_of(np.arange(600).reshape(30, 20)))
    assert (head["rows"], head["columns"], head["levels"], head["bits"]) == (30, 20, 4096, 12)
    assert head["windows"]["Default"] == [2048, 4096]


@pytest.mark.data
def test_real_films_start_within_400_kilobytes(shared_data, sample_radiograph):
    sizes = {}
    for path in [sample_radiograph, *sorted((shared_data / "dicom").glob("*.dcm"))]:
        sizes[path.name] = len(encoding.preview(load_depth(path))[0])
    assert len(sizes) == 8
    assert max(sizes.values()) <= 400_000


def test_the_preview_is_the_display_image(sample_radiograph):
    shown = picture(encoding.preview(load_depth(sample_radiograph))).astype(float)
    whole = Image.fromarray(load_image(sample_radiograph).pixels)
    wanted = np.asarray(whole.resize(shown.shape[::-1], Image.Resampling.BOX)) * 255
    assert np.abs(shown - wanted).mean() < 1


def test_a_thumbnail_is_small_and_averages():
    checks = np.kron(np.array([[0.0, 1.0], [1.0, 0.0]], np.float32), np.ones((400, 300), np.float32))
    head, _, body = encoding.thumbnail(checks, longest=80).partition(",")
    assert head == "data:image/png;base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))
    assert shown.shape == (80, 60)
    assert sorted(np.unique(shown)) == [0, 255]
    assert encoding.thumbnail(np.full((2, 2), 0.5, np.float32)) != encoding.thumbnail(np.ones((2, 2), np.float32))
