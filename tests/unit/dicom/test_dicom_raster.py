"""PNG and JPEG: grey ones of every mode are read, colour and bombs are refused."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from radrag.dicom.read import find_studies, load_image
from radrag.domain import View
from radrag.errors import StudyRefused


@pytest.fixture
def grey(phantom):
    return (phantom >> 4).astype(np.uint8)


def save(path, image, **options):
    image.save(path, **options)
    return path


def refused(path):
    with pytest.raises(StudyRefused) as refusal:
        load_image(path)
    return refusal.value.code


def test_eight_bit_grey_is_shown_as_it_is(tmp_path, grey):
    image = load_image(save(tmp_path / "a_PA.png", Image.fromarray(grey)))
    assert np.allclose(image.pixels, grey / 255)
    assert image.image.view is View.PA
    assert (image.image.rows, image.image.columns) == (96, 80)


def test_every_grey_mode_gives_the_same_image(tmp_path, grey):
    plain = Image.fromarray(grey)
    opaque = Image.fromarray(np.full_like(grey, 255))
    palette = plain.convert("P")
    images = {
        "RGB": plain.convert("RGB"),
        "RGBA": Image.merge("RGBA", (plain, plain, plain, opaque)),
        "LA": Image.merge("LA", (plain, opaque)),
        "P": palette,
    }
    for mode, image in images.items():
        assert np.allclose(load_image(save(tmp_path / f"{mode}.png", image)).pixels, grey / 255), mode


def test_sixteen_bits_keep_their_depth(tmp_path, phantom):
    deep = (phantom.astype(np.uint32) * 65535 // 4095).astype(np.uint16)
    image = load_image(save(tmp_path / "deep.png", Image.fromarray(deep)))
    assert np.allclose(image.pixels, deep / 65535)
    assert len(np.unique(image.pixels)) > 256


def test_twelve_bits_in_sixteen_are_scaled_to_their_range(tmp_path, phantom):
    image = load_image(save(tmp_path / "deep.png", Image.fromarray(phantom)))
    assert image.pixels.max() == 1
    assert "no_window" in {warning.code for warning in image.warnings}


def test_transparent_surroundings_are_black(tmp_path, grey):
    alpha = np.full_like(grey, 255)
    alpha[:10] = 0
    bright = np.maximum(grey, 50)
    plain, mask = Image.fromarray(bright), Image.fromarray(alpha)
    image = load_image(save(tmp_path / "a.png", Image.merge("LA", (plain, mask))))
    assert np.all(image.pixels[:10] == 0)
    assert image.pixels[10:].min() > 0.1


def test_jpeg_is_lossy_and_close(tmp_path, grey):
    image = load_image(save(tmp_path / "a.jpg", Image.fromarray(grey), quality=98))
    assert np.abs(image.pixels - grey / 255).max() < 0.02
    assert "lossy_compression" in {warning.code for warning in image.warnings}


def test_cmyk_jpeg_of_grey_is_accepted(tmp_path, grey):
    plain = Image.fromarray(grey).convert("RGB").convert("CMYK")
    assert load_image(save(tmp_path / "a.jpg", plain, quality=95)).pixels.shape == grey.shape


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured_and_led_back(tmp_path, grey, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", Image.fromarray(grey), exif=exif)
    image = load_image(path)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    assert np.allclose(image.pixels, expected / 255)
    assert (image.image.rows, image.image.columns) == grey.shape
    x, y = image.geometry.point_to_display((79.5, 95.5))
    assert image.pixels[int(y), int(x)] == image.pixels.max()


def test_colour_is_refused(tmp_path, grey):
    picture = np.stack([grey, grey[::-1], 255 - grey], axis=-1)
    assert refused(save(tmp_path / "a.png", Image.fromarray(picture))) == "colour_photograph"
    assert refused(save(tmp_path / "a.jpg", Image.fromarray(picture))) == "colour_photograph"


def test_constant_images_are_refused(tmp_path, grey):
    assert refused(save(tmp_path / "a.png", Image.new("L", (80, 96), 7))) == "constant_image"
    assert refused(save(tmp_path / "b.png", Image.fromarray(np.full((96, 80), 500, np.uint16)))) == "constant_image"
    assert refused(save(tmp_path / "c.png", Image.new("LA", (80, 96), (7, 0)))) == "constant_image"


def test_truncated_files_are_refused(tmp_path, grey):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200), dtype=np.uint8)
    for name in ("a.png", "a.jpg"):
        path = save(tmp_path / name, Image.fromarray(noise))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert refused(path) == "truncated"


def test_garbage_behind_a_signature_is_refused(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"garbage" * 50)
    assert refused(path) == "not_an_image"
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff" + b"garbage" * 50)
    assert refused(tmp_path / "a.jpg") in {"not_an_image", "undecodable"}


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize(
    ("width", "height"), [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (63, 500), (9_000, 8_000), (500, 64)]
)
def test_png_bombs_are_refused_from_their_header(tmp_path, width, height):
    path = tmp_path / "bomb.png"
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 10**6))
        + chunk(b"IEND", b"")
    )
    assert refused(path) == "bad_dimensions"


def test_text_bombs_do_not_crash(tmp_path, grey):
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x" * 3_000_000, zip=True)
    path = save(tmp_path / "a.png", Image.fromarray(grey), pnginfo=info)
    assert refused(path) in {"not_an_image", "undecodable", "bad_dimensions"}


def test_animated_png_is_refused(tmp_path, grey):
    frames = [Image.fromarray(grey), Image.fromarray(grey[::-1].copy())]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert refused(tmp_path / "a.png") == "multi_frame"


def test_other_image_formats_are_refused_by_name(tmp_path, grey):
    for suffix in ("gif", "bmp", "tiff", "webp"):
        assert refused(save(tmp_path / f"a.{suffix}", Image.fromarray(grey))) == "not_an_image"


def test_each_picture_is_a_study_named_by_its_content(tmp_path, grey):
    first = save(tmp_path / "a.png", Image.fromarray(grey))
    save(tmp_path / "b.png", Image.fromarray(grey[::-1].copy()))
    (tmp_path / "copy.png").write_bytes(first.read_bytes())
    studies, refusals = find_studies([tmp_path], salt="s")
    assert not refusals
    assert [len(one.paths) for one in studies] == [2, 1]
    assert all(one.study.study_instance_uid.startswith("2.25.") for one in studies)
    assert all(len(one.study.study_instance_uid) <= 64 for one in studies)
    assert all(not one.study.patient_key for one in studies)
