"""Full depth: every stored value, lying as the display image does, with tables that show it just so."""

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from radrag.dicom.depth import load_depth
from radrag.dicom.read import load_image
from radrag.dicom.window import Window, window_table
from radrag.errors import StudyRefused


def lut(entries, first=0):
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, first, 16])
    item.add_new("LUTData", "OW", np.asarray(entries, "<u2").tobytes())
    return Sequence([item])


HEADERS = {
    "plain": {},
    "windowed": {"WindowCenter": 2000, "WindowWidth": 1000},
    "sigmoid": {"WindowCenter": 2000, "WindowWidth": 1000, "VOILUTFunction": "SIGMOID"},
    "inverse": {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 2000, "WindowWidth": 1000},
    "rescaled": {"RescaleSlope": 0.5, "RescaleIntercept": -100, "WindowCenter": 900, "WindowWidth": 800},
    "padded": {"PixelPaddingValue": 0, "PhotometricInterpretation": "MONOCHROME1"},
    "voi": {"VOILUTSequence": lut(np.linspace(0, 4095, 4096) ** 2 / 4095)},
    "modality": {"ModalityLUTSequence": lut(np.arange(4096)[::-1]), "WindowCenter": 2000, "WindowWidth": 1000},
    "mirrored": {"PatientOrientation": ["R", "F"]},
    "lying": {"PatientOrientation": ["F", "L"]},
}


@pytest.mark.parametrize("name", HEADERS)
def test_the_tables_show_the_display_image(make_dicom, name):
    path = make_dicom(**HEADERS[name])
    depth, image = load_depth(path), load_image(path)
    assert (depth.greys[depth.values] == image.pixels).all()
    assert depth.geometry == image.geometry


@pytest.mark.parametrize("name", ["windowed", "inverse", "rescaled", "modality"])
def test_the_file_s_window_is_the_default_and_shows_the_same(make_dicom, name):
    header = HEADERS[name]
    depth = load_depth(make_dicom(**header))
    assert depth.window == Window(header["WindowCenter"], header["WindowWidth"])
    shown = window_table(depth.levels, depth.window, inverse=depth.inverse)
    assert np.abs(shown - depth.greys * 255).max() <= 0.51


def test_levels_are_modality_values_and_padding_is_none(make_dicom):
    rescaled = load_depth(make_dicom("a.dcm", **HEADERS["rescaled"]))
    assert rescaled.levels[[0, 1, 4095]].tolist() == [-100, -99.5, 1947.5]
    padded = load_depth(make_dicom("b.dcm", **HEADERS["padded"]))
    assert np.isnan(padded.levels).nonzero()[0].tolist() == [0]


def test_signed_values_rise_with_their_index(make_dicom, phantom):
    signed = (phantom.astype(np.int16) - 2048).astype(np.int16)
    path = make_dicom(pixels=signed, WindowCenter=0, WindowWidth=4096)
    depth = load_depth(path)
    assert (np.diff(depth.levels) > 0).all()
    assert (depth.levels[depth.values] == signed).all()
    assert (depth.greys[depth.values] == load_image(path).pixels).all()


def test_a_table_that_is_no_window_gets_the_nearest(make_dicom):
    depth = load_depth(make_dicom(**HEADERS["voi"]))
    low, high = depth.window.centre - depth.window.width / 2, depth.window.centre + depth.window.width / 2
    assert 0 <= low < 100
    assert 4000 < high <= 4096


@pytest.mark.parametrize(
    ("ends", "edges"),
    [
        (["L", "F"], ("R", "H", "L", "F")),
        (["R", "F"], ("R", "H", "L", "F")),  # shown mirrored, so that the patient's right is left
        (["F", "L"], ("R", "H", "L", "F")),
        (["P", "F"], ("A", "H", "P", "F")),
        (None, ("", "", "", "")),
        (["L"], ("", "", "", "")),
        (["X", "F"], ("", "", "", "")),
    ],
)
def test_edges_have_letters_where_the_file_gives_them(make_dicom, ends, edges):
    assert load_depth(make_dicom(PatientOrientation=ends)).edges == edges


@pytest.mark.parametrize(
    ("header", "spacing", "attribute"),
    [
        ({}, 0.0, ""),
        ({"ImagerPixelSpacing": [0.2, 0.2]}, 0.2, "Imager Pixel Spacing"),
        ({"PixelSpacing": [0.15, 0.15], "ImagerPixelSpacing": [0.2, 0.2]}, 0.15, "Pixel Spacing"),
        ({"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.2, 0.2]}, 0.2, "Imager Pixel Spacing"),
        ({"ImagerPixelSpacing": [0, 0]}, 0.0, ""),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, 0.1, "Imager Pixel Spacing"),  # made square, to the finer side
        ({"ImagerPixelSpacing": [2.0, 0.1]}, 0.0, ""),  # not believable, so it is not used at all
    ],
)
def test_millimetres_are_known_where_the_file_says_so(make_dicom, header, spacing, attribute):
    depth = load_depth(make_dicom(**header))
    assert (pytest.approx(depth.spacing), depth.spacing_from) == (spacing, attribute)


def test_oblong_pixels_are_made_square_as_in_the_display_image(make_dicom):
    path = make_dicom(ImagerPixelSpacing=[0.2, 0.1], WindowCenter=2048, WindowWidth=4096)
    depth, image = load_depth(path), load_image(path)
    assert depth.values.shape == image.pixels.shape
    assert np.abs(depth.greys[depth.values] - image.pixels).max() < 0.001


@pytest.mark.parametrize("mode", ["L", "I;16", "LA"])
def test_pictures_have_a_depth_too(tmp_path, mode):
    grey = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
    path = tmp_path / "film.png"
    if mode == "LA":
        alpha = Image.fromarray(np.full_like(grey, 200))
        Image.merge("LA", (Image.fromarray(grey), alpha)).save(path)
    else:
        Image.fromarray(grey.astype(np.uint16) * 100 if mode == "I;16" else grey).save(path)
    depth, image = load_depth(path), load_image(path)
    assert np.abs(depth.greys[depth.values] - image.pixels).max() < 1e-4
    assert depth.values.dtype == np.uint16


def test_a_file_that_was_cut_is_refused(make_dicom):
    path = make_dicom()
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(StudyRefused):
        load_depth(path)
