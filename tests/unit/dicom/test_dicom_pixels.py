"""The display chain: modality, VOI, polarity, padding, orientation, square pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from radrag.dicom.pixels import is_inverse, orientation, pixel_aspect, robust_range, window
from radrag.dicom.read import load_image
from radrag.errors import StudyRefused


def codes(image):
    return {warning.code for warning in image.warnings}


def lut(entries, first=0, depth=16, *, data=None, vr="OW"):
    def edit(dataset, keyword):
        item = Dataset()
        item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(entries) % 65536, first, depth])
        item.add_new("LUTData", vr, np.asarray(entries, "<u2").tobytes() if data is None else data)
        setattr(dataset, keyword, Sequence([item]))

    return edit


# --- VOI


def test_linear_window_follows_the_standard(make_dicom, phantom):
    image = load_image(make_dicom(WindowCenter=2000, WindowWidth=1000))
    # PS3.3 C.11.2.1.2.1 with ymin 0, ymax 1
    expected = np.clip((phantom - 1999.5) / 999 + 0.5, 0, 1)
    assert np.allclose(image.pixels, expected, atol=1e-6)
    assert image.pixels.dtype == np.float32
    assert image.pixels.flags.c_contiguous


def test_exact_and_sigmoid_windows_follow_the_standard(make_dicom, phantom):
    exact = load_image(make_dicom(WindowCenter=2000, WindowWidth=1000, VOILUTFunction="LINEAR_EXACT"))
    assert np.allclose(exact.pixels, np.clip((phantom - 2000.0) / 1000 + 0.5, 0, 1), atol=1e-6)
    sigmoid = load_image(make_dicom(WindowCenter=2000, WindowWidth=1000, VOILUTFunction="SIGMOID"))
    assert np.allclose(sigmoid.pixels, 1 / (1 + np.exp(-4 * (phantom - 2000.0) / 1000)), atol=1e-6)


def test_first_of_several_windows_counts(make_dicom):
    one = load_image(make_dicom(WindowCenter=2000, WindowWidth=1000))
    several = load_image(make_dicom(WindowCenter=[2000, 100], WindowWidth=[1000, 50]))
    assert np.array_equal(one.pixels, several.pixels)


def test_unknown_voi_function_is_taken_as_linear_exact(make_dicom):
    odd = load_image(make_dicom(WindowCenter=2000, WindowWidth=1000, VOILUTFunction="ODD"))
    exact = load_image(make_dicom(WindowCenter=2000, WindowWidth=1000, VOILUTFunction="LINEAR_EXACT"))
    assert np.array_equal(odd.pixels, exact.pixels)


@pytest.mark.parametrize(("centre", "width"), [(2000, 0), (2000, -5), (60000, 10), (-9000, 100)])
def test_useless_windows_fall_back_to_the_images_range(make_dicom, centre, width):
    image = load_image(make_dicom(WindowCenter=centre, WindowWidth=width))
    plain = load_image(make_dicom())
    assert "bad_window" in codes(image)
    assert np.array_equal(image.pixels, plain.pixels)
    assert "no_window" in codes(plain)


def test_narrow_window_on_rescaled_values_is_honoured(make_dicom, phantom):
    image = load_image(make_dicom(RescaleSlope="0.0001", RescaleIntercept="0", WindowCenter="0.2", WindowWidth="0.2"))
    assert np.allclose(image.pixels, np.clip((phantom * 1e-4 - 0.2) / 0.2 + 0.5, 0, 1), atol=1e-5)


def test_without_a_window_the_robust_range_spans_black_to_white(make_dicom, phantom):
    hot = phantom.copy()
    hot[0, 0] = 4095  # one hot pixel does not darken the image
    image = load_image(make_dicom(pixels=(hot // 4).astype(np.uint16)))
    assert image.pixels.min() == 0
    assert np.mean(image.pixels == 1) < 0.02


def test_eight_bits_without_a_window_are_shown_as_they_are(make_dicom, phantom):
    grey = (phantom >> 4).astype(np.uint8)
    image = load_image(make_dicom(pixels=grey))
    assert np.allclose(image.pixels, grey / 255)
    assert "no_window" not in codes(image)


def test_voi_lut_wins_over_the_window(make_dicom, phantom):
    curve = (np.arange(4096) ** 2 / 4095).astype(int)
    edit = lut(curve, depth=12)
    path = make_dicom(WindowCenter=1, WindowWidth=2, edit=lambda dataset: edit(dataset, "VOILUTSequence"))
    assert np.allclose(load_image(path).pixels, curve[phantom] / 4095, atol=1e-6)


def test_voi_lut_clamps_outside_its_domain(make_dicom, phantom):
    edit = lut(np.linspace(0, 4095, 1000).astype(int), first=1000, depth=12)
    shown = load_image(make_dicom(edit=lambda dataset: edit(dataset, "VOILUTSequence"))).pixels
    assert np.all(shown[phantom <= 1000] == 0)
    assert np.all(shown[phantom >= 2000] == 1)


def test_eight_bit_voi_lut_longer_than_256_entries_does_not_wrap(make_dicom, phantom):
    ramp = (np.arange(4096) // 16).astype(np.uint8)
    edit = lut(ramp, depth=8, data=ramp.tobytes())
    shown = load_image(make_dicom(edit=lambda dataset: edit(dataset, "VOILUTSequence"))).pixels
    assert np.allclose(shown, (phantom >> 4) / 255, atol=1e-6)


def test_voi_lut_on_negative_values(make_dicom, phantom):
    edit = lut(np.arange(4096), first=-2048, depth=12)
    path = make_dicom(pixels=phantom.astype(np.int16) - 2048, edit=lambda dataset: edit(dataset, "VOILUTSequence"))
    assert np.allclose(load_image(path).pixels, phantom / 4095, atol=1e-6)


def test_voi_lut_first_value_written_as_unsigned(make_dicom, phantom):
    edit = lut(np.arange(4096), first=65536 - 2048, depth=12)
    path = make_dicom(pixels=phantom.astype(np.int16) - 2048, edit=lambda dataset: edit(dataset, "VOILUTSequence"))
    assert np.allclose(load_image(path).pixels, phantom / 4095, atol=1e-6)


def test_lut_that_declares_sixteen_bits_and_fills_twelve(make_dicom, phantom):
    edit = lut(np.arange(4096), depth=16)
    shown = load_image(make_dicom(edit=lambda dataset: edit(dataset, "VOILUTSequence"))).pixels
    assert np.allclose(shown, phantom / 4095, atol=1e-6)


def test_modality_lut_comes_before_the_window(make_dicom, phantom):
    edit = lut(4095 - np.arange(4096), depth=12)
    path = make_dicom(WindowCenter=2048, WindowWidth=4096, edit=lambda dataset: edit(dataset, "ModalityLUTSequence"))
    assert np.allclose(load_image(path).pixels, (4095 - phantom) / 4095, atol=1e-6)


@pytest.mark.parametrize("keyword", ["VOILUTSequence", "ModalityLUTSequence"])
@pytest.mark.parametrize("damage", ["short", "depth", "missing", "descriptor"])
def test_damaged_lut_is_left_out_with_a_warning(make_dicom, keyword, damage):
    def edit(dataset):
        lut(np.arange(4096), depth=77 if damage == "depth" else 12)(dataset, keyword)
        item = dataset[keyword].value[0]
        if damage == "short":
            item.LUTData = b"\0\1" * 10
        if damage == "missing":
            del item.LUTData
        if damage == "descriptor":
            del item.LUTDescriptor

    image = load_image(make_dicom(WindowCenter=2000, WindowWidth=4000, edit=edit))
    assert "bad_lut" in codes(image)
    assert np.array_equal(image.pixels, load_image(make_dicom(WindowCenter=2000, WindowWidth=4000)).pixels)


def test_rescale_comes_before_the_window(make_dicom, phantom):
    path = make_dicom(RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=3000, WindowWidth=2001)
    assert np.allclose(load_image(path).pixels, np.clip((phantom * 2.0 - 1000 - 2999.5) / 2000 + 0.5, 0, 1), atol=1e-6)


def test_rescale_slope_of_zero_is_left_out(make_dicom):
    image = load_image(make_dicom(RescaleSlope=0, RescaleIntercept=5, WindowCenter=2000, WindowWidth=4000))
    assert "bad_rescale" in codes(image)
    assert image.pixels.max() == 1


def test_signed_pixels_are_windowed_as_signed(make_dicom, phantom):
    path = make_dicom(pixels=phantom.astype(np.int16) - 2048, WindowCenter=0, WindowWidth=4096)
    assert np.allclose(load_image(path).pixels, phantom / 4095, atol=1e-6)


# --- polarity


@pytest.mark.parametrize(
    ("photometric", "shape", "inverse"),
    [
        ("MONOCHROME1", None, True),
        ("MONOCHROME2", None, False),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", "IDENTITY", False),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME1", "ODD", True),
    ],
)
def test_presentation_lut_shape_decides_before_monochrome1(make_dicom, phantom, photometric, shape, inverse):
    path = make_dicom(
        PhotometricInterpretation=photometric, PresentationLUTShape=shape, WindowCenter=2048, WindowWidth=4096
    )
    plain = phantom / 4095
    assert np.allclose(load_image(path).pixels, 1 - plain if inverse else plain, atol=1e-6)
    assert is_inverse(dcmread(path)) is inverse
    conflict = inverse is not (photometric == "MONOCHROME1")
    assert ("polarity_conflict" in codes(load_image(path))) is conflict


# --- padding


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("value", "limit"), [(4095, None), (4000, 4095), (4095, 4000)])
def test_padding_is_black_and_out_of_the_scaling(make_dicom, phantom, photometric, value, limit):
    film = np.clip(phantom // 4 + 100, 0, 1100)
    film[:, :10] = 4095
    path = make_dicom(
        pixels=film.astype(np.uint16),
        PhotometricInterpretation=photometric,
        PixelPaddingValue=value,
        PixelPaddingRangeLimit=limit,
    )
    shown = load_image(path).pixels
    assert np.all(shown[:, :10] == 0)
    assert np.ptp(shown[:, 10:]) == 1


def test_negative_padding_of_signed_pixels(make_dicom, phantom):
    film = phantom.astype(np.int16) // 8
    film[:10] = -2000
    for value in (-2000, 65536 - 2000):  # the second as some writers store it
        path = make_dicom(
            pixels=film, edit=lambda d, v=value: d.add_new("PixelPaddingValue", "SS" if v < 0 else "US", v)
        )
        assert np.all(load_image(path).pixels[:10] == 0)


def test_nothing_but_padding_is_constant(make_dicom):
    with pytest.raises(StudyRefused) as refusal:
        load_image(make_dicom(pixels=np.full((96, 80), 7, np.uint16), PixelPaddingValue=7))
    assert refusal.value.code == "constant_image"


def test_constant_image_is_refused(make_dicom):
    with pytest.raises(StudyRefused) as refusal:
        load_image(make_dicom(pixels=np.full((96, 80), 7, np.uint16)))
    assert refusal.value.code == "constant_image"


# --- orientation and pixel shape


@pytest.mark.parametrize(
    ("directions", "change"),
    [
        (["L", "F"], lambda a: a),
        (["R", "F"], np.fliplr),
        (["L", "H"], np.flipud),
        (["R", "H"], lambda a: np.rot90(a, 2)),
        (["F", "L"], lambda a: a.T),
        (["F", "R"], lambda a: np.rot90(a, -1)),
        (["H", "L"], lambda a: np.rot90(a, 1)),
        (["H", "R"], lambda a: np.rot90(a.T, 2)),
        (["A", "F"], lambda a: a),
        (["P", "F"], lambda a: a),
        (["A", "H"], np.flipud),
        (["F", "A"], lambda a: np.rot90(a, -1)),
        (["H", "P"], lambda a: np.rot90(a, 1)),
        (["LP", "FA"], lambda a: a),
        (["L"], lambda a: a),
        (["X", "Y"], lambda a: a),
        (["L", "A"], lambda a: a),
    ],
)
def test_patient_orientation_brings_the_head_up_and_the_right_side_left(make_dicom, phantom, directions, change):
    path = make_dicom(PatientOrientation=directions, WindowCenter=2048, WindowWidth=4096)
    image = load_image(path)
    assert np.allclose(image.pixels, change(phantom / 4095), atol=1e-6)
    moved = any(orientation(dcmread(path)))
    assert ("reoriented" in codes(image)) is moved
    assert (image.image.rows, image.image.columns) == (96, 80)
    # the brightest original pixel is where the geometry says
    x, y = image.geometry.point_to_display((79.5, 95.5))
    assert image.pixels[int(y), int(x)] == image.pixels.max()


@pytest.mark.parametrize(
    ("elements", "shape"),
    [
        ({"PixelAspectRatio": ["2", "1"]}, (192, 80)),
        ({"PixelAspectRatio": ["1", "2"]}, (96, 160)),
        ({"PixelSpacing": ["0.3", "0.2"]}, (144, 80)),
        ({"ImagerPixelSpacing": ["0.2", "0.3"]}, (96, 120)),
        ({"PixelSpacing": ["0.000", "0.000"], "ImagerPixelSpacing": ["0.2", "0.3"]}, (96, 120)),
        ({"PixelSpacing": ["0.2", "0.2"]}, (96, 80)),
        ({"PixelSpacing": ["0.2", "0.201"]}, (96, 80)),
        ({"PixelAspectRatio": ["2", "1"], "PatientOrientation": ["F", "L"]}, (80, 192)),
    ],
)
def test_pixels_are_made_square(make_dicom, elements, shape):
    image = load_image(make_dicom(**elements))
    assert image.pixels.shape == shape == (image.geometry.display_rows, image.geometry.display_columns)
    assert 0 <= image.pixels.min() <= image.pixels.max() <= 1


def test_unbelievable_aspect_is_ignored_with_a_warning(make_dicom):
    image = load_image(make_dicom(PixelAspectRatio=["1", "50"]))
    assert image.pixels.shape == (96, 80)
    assert "pixel_aspect_ignored" in codes(image)


def test_aspect_of_an_empty_header_is_one():
    assert pixel_aspect(Dataset()) == 1


# --- helpers


def test_window_maps_the_unit_range_to_bytes():
    pixels = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    assert np.array_equal(window(pixels, 0.5, 1.0).ravel(), np.arange(256))
    narrow = window(pixels, 0.5, 0.5)
    assert narrow.dtype == np.uint8
    assert narrow.min() == 0
    assert narrow.max() == 255
    assert set(np.unique(window(pixels, 0.5, 0.0))) <= {0, 128, 255}


@given(st.lists(st.integers(0, 50), min_size=2, max_size=60).filter(lambda c: sum(1 for one in c if one) > 1))
def test_robust_range_lies_within_the_data(counts):
    counts = np.array(counts)
    values = np.arange(len(counts), dtype=np.float64)[::-1]
    low, high = robust_range(values, counts)
    seen = values[counts > 0]
    assert seen.min() <= low < high <= seen.max()
