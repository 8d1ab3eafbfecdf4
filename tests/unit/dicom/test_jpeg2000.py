"""JPEG 2000 without its finest levels: half the image, on the same scale, or nothing at all."""

import io

import numpy as np
import pytest
from pictures import film
from PIL import Image

from radrag.dicom import jpeg2000


def codestream(values: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "JPEG2000", no_jp2=True, **options)
    return file.getvalue()


@pytest.mark.parametrize(("bits", "kind"), [(8, np.uint8), (16, np.uint16)])
def test_what_is_left_out_halves_the_image_and_keeps_its_values(bits, kind):
    values = (film(5, 401, 333) * (2**bits - 1)).astype(kind)
    less = jpeg2000.decode_less(codestream(values), bits, side=160)
    assert less.shape == (201, 167)
    means = np.asarray(Image.fromarray(values.astype(np.float32)[:400, :332]).reduce(2))
    assert np.abs(less[:200, :166] - means).max() < 0.02 * 2**bits


def test_nothing_is_left_out_that_is_needed():
    values = (film(5, 401, 333) * 255).astype(np.uint8)
    assert jpeg2000.decode_less(codestream(values), 8, side=167) is None
    assert jpeg2000.decode_less(codestream(values, num_resolutions=1), 8, side=64) is None
    assert jpeg2000.decode_less(codestream(values[:400, :332]), 8, side=64).shape == (100, 83)
    assert jpeg2000.decode_less(codestream(values), 8, side=64).shape == (201, 167)  # as far as Pillow can


def test_other_bits_colour_and_damage_are_left_to_the_whole_decoder():
    values = (film(5, 401, 333) * 255).astype(np.uint8)
    assert jpeg2000.decode_less(codestream(values), 7, side=64) is None
    assert jpeg2000.decode_less(codestream(np.dstack([values] * 3)), 8, side=64) is None
    whole = codestream(values)
    assert jpeg2000.decode_less(whole[:150] + b"\xff\xd9", 8, side=64) is None


def test_no_size_segment_is_no_codestream():
    with pytest.raises(ValueError, match="size segment"):
        jpeg2000.size(b"\xff\xd8\xff")
