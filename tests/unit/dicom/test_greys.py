"""What an encoder sees of an image that is not computed yet is what it sees of the whole display image."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import film
from PIL import Image

from radrag.dicom.greys import Greys
from radrag.dicom.read import find_studies, load_image
from radrag.dicom.stream import load_studies
from radrag.encoders.preprocessing import enough_side, fit_centre, fit_square
from radrag.errors import StudyRefused

TABLES = {
    "rising": np.linspace(0, 1, 4096, dtype=np.float32),
    "falling": np.linspace(1, 0, 4096, dtype=np.float32),
    "window": np.clip(np.linspace(-1, 2, 4096, dtype=np.float32), 0, 1),
    "padding": np.where(np.arange(4096) < 100, 0, np.linspace(1, 0, 4096)).astype(np.float32),
}


@pytest.mark.parametrize("fit", [fit_square, fit_centre])
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("shape", [(701, 533), (300, 420), (90, 100)])
def test_an_encoder_sees_the_same(fit, name, shape):
    values = (film(3, *shape) * 4000).astype(np.uint16)
    values[:40] = 50  # a flat border, which fit_square trims
    greys = Greys(values, TABLES[name])
    square, placement = fit(greys, 128)
    expected, its_placement = fit(greys.pixels(), 128)
    assert placement == its_placement
    assert torch.allclose(square, expected, atol=1e-5)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 90), st.integers(1, 90))
@settings(max_examples=60, deadline=None)
def test_resizing_is_pillows(rows, columns, height, width):
    image = film(1, rows + 1, columns + 1)
    expected = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    assert np.allclose(Greys(image).resized((height, width)), expected, atol=1e-5)


@pytest.mark.parametrize("name", TABLES)
def test_percentiles_are_numpys(name):
    greys = Greys((film(2) * 4000).astype(np.uint16), TABLES[name])
    shares = (0.5, 5, 50, 99.5, 100)
    assert np.allclose(greys.percentiles(shares), np.percentile(greys.pixels(), shares), atol=1e-6)


def test_a_flat_image_stays_black():
    assert not fit_square(Greys(np.full((100, 90), 7, np.uint8), TABLES["rising"]), 64)[0].any()


def test_bulk_work_finds_what_a_draft_finds(shared_data):
    """Real files: the same refusals and warnings, and what an encoder sees differs by rounding only."""
    seen = 0
    for path in sorted((shared_data / "dicom").iterdir()):
        try:
            full = load_image(path)
        except StudyRefused as refusal:
            with pytest.raises(StudyRefused) as again:
                load_image(path, side=900)
            assert again.value.code == refusal.code
            continue
        bulk = load_image(path, side=900)
        assert bulk.warnings == full.warnings
        assert bulk.geometry == full.geometry
        assert not bulk.image.pixel_sha256
        difference = fit_square(bulk.greys, 256)[0] - fit_square(full.pixels, 256)[0]
        assert difference.abs().max() < 0.01  # libjpeg-turbo rounds otherwise than libjpeg
        seen += 1
    assert seen >= 5


def test_encoders_agree_on_real_films(shared_data, sample_radiograph):
    from radrag.encoders import load_image_encoder

    encoder = load_image_encoder("starter")
    some = sorted((shared_data / "nih" / "images").iterdir())[::300]
    paths = [sample_radiograph, *some, shared_data / "dicom" / "udacity_test1.dcm"]
    side = enough_side(encoder.card.input_size)
    bulk = encoder.encode([load_image(path, side=side).greys for path in paths])
    full = encoder.encode([load_image(path).pixels for path in paths])
    assert ((bulk.vectors * full.vectors).sum(axis=1) > 0.9999).all()
    for found, expected in zip(bulk.findings, full.findings, strict=True):
        assert np.allclose([one.probability for one in found], [one.probability for one in expected], atol=0.001)


def test_a_stream_keeps_the_order_and_the_refusals(make_dicom, tmp_path):
    for number in range(7):
        make_dicom(f"{number}.dcm", InstanceNumber=number, StudyInstanceUID=f"1.2.{number}")
    Image.new("L", (200, 200), 5).save(tmp_path / "constant.png")
    studies, _ = find_studies([tmp_path], salt="s")
    loaded = list(load_studies(studies, side=64, threads=3))
    assert [one.study.study_instance_uid for one in loaded] == [files.study.study_instance_uid for files in studies]
    assert [refusal.code for one in loaded for refusal in one.refusals] == ["constant_image"]
