"""Every common transfer syntax gives the same stored values; codestreams that lie are refused before decoding."""

import io
import struct

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from radrag.dicom import header as header_module
from radrag.dicom.decode import read_stored
from radrag.dicom.read import load_image
from radrag.errors import StudyRefused


@pytest.mark.parametrize(
    "syntax",
    ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"],
    ids=["implicit", "explicit", "deflated", "big-endian"],
)
def test_native_syntaxes_give_the_stored_values(make_dicom, phantom, syntax):
    header, stored = read_stored(make_dicom(syntax=syntax))
    assert np.array_equal(stored.values, phantom)
    assert header.transfer_syntax == syntax


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"], ids=["rle", "jpeg2000-lossless"])
def test_compressed_by_pydicom_gives_the_stored_values(make_dicom, phantom, syntax):
    assert np.array_equal(read_stored(make_dicom(compress=syntax))[1].values, phantom)


@pytest.mark.parametrize(
    ("name", "syntax", "error"),
    [
        ("phantom.jpeg12", "1.2.840.10008.1.2.4.51", 1),
        ("phantom.ljpeg", "1.2.840.10008.1.2.4.57", 0),
        ("phantom.jpeg_lossless", "1.2.840.10008.1.2.4.70", 0),
        ("phantom.jls", "1.2.840.10008.1.2.4.80", 0),
        ("phantom.jls_near", "1.2.840.10008.1.2.4.81", 2),
        ("phantom.htj2k", "1.2.840.10008.1.2.4.201", 0),
        ("phantom.htj2k", "1.2.840.10008.1.2.4.202", 0),
        ("phantom.htj2k", "1.2.840.10008.1.2.4.203", 0),
    ],
)
def test_codestreams_give_the_stored_values(make_dicom, phantom, codestreams, *, name, syntax, error):
    path = make_dicom(syntax=syntax, frame=(codestreams / name).read_bytes())
    values = read_stored(path)[1].values.astype(int)
    assert np.abs(values - phantom).max() <= error
    assert load_image(path).pixels.max() == 1.0


def test_jpeg_baseline_is_read(make_dicom, phantom):
    grey = (phantom >> 4).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG", quality=98)
    image = load_image(make_dicom(pixels=grey, syntax="1.2.840.10008.1.2.4.50", frame=buffer.getvalue()))
    assert np.abs(image.pixels - grey / 255).max() < 0.02
    assert "lossy_compression" in {warning.code for warning in image.warnings}


def test_signed_values_keep_their_sign(make_dicom, phantom):
    signed = phantom.astype(np.int16) - 2048
    for keywords in ({}, {"compress": "1.2.840.10008.1.2.4.90"}, {"compress": "1.2.840.10008.1.2.5"}):
        stored = read_stored(make_dicom(pixels=signed, **keywords))[1]
        assert stored.signed
        assert np.array_equal(stored.values, signed.view(np.uint16) & 0x0FFF)


def test_overlay_in_the_high_bits_is_masked(make_dicom, phantom):
    marked = phantom | np.uint16(0x8000)
    assert np.array_equal(read_stored(make_dicom(pixels=marked))[1].values, phantom)


def test_values_in_the_high_bits_are_shifted_down(make_dicom, phantom):
    path = make_dicom(pixels=phantom << np.uint16(4), HighBit=15)
    assert np.array_equal(read_stored(path)[1].values, phantom)


def test_run_length_bomb_is_refused_before_decoding(make_dicom, phantom):
    frame = struct.pack("<16I", 2, 64, 50_000, *[0] * 13) + b"\x81\0" * 50_000
    with pytest.raises(StudyRefused) as refusal:
        load_image(make_dicom(syntax="1.2.840.10008.1.2.5", frame=frame))
    assert refusal.value.code == "bad_dimensions"


def test_thirty_two_allocated_bits_are_read_when_sixteen_are_stored(make_dicom, phantom):
    path = make_dicom(pixels=phantom.astype(np.uint32), BitsStored=16, HighBit=15)
    stored = read_stored(path)[1]
    assert stored.values.dtype == np.uint16
    assert np.array_equal(stored.values, phantom)


def test_grey_stored_as_rgb_is_accepted_and_colour_refused(make_dicom, phantom):
    grey = (phantom >> 4).astype(np.uint8)
    image = load_image(make_dicom(pixels=np.stack([grey] * 3, axis=-1)))
    assert np.allclose(image.pixels, grey / 255)
    colour = np.stack([grey, grey[::-1], grey[:, ::-1]], axis=-1)
    with pytest.raises(StudyRefused) as refusal:
        load_image(make_dicom(pixels=colour))
    assert refusal.value.code == "colour_photograph"


def test_a_coloured_mark_is_a_warning(make_dicom, phantom):
    rgb = np.stack([(phantom >> 4).astype(np.uint8)] * 3, axis=-1)
    rgb[5:8, 5:8] = (255, 0, 0)
    assert "colour_marks" in {warning.code for warning in load_image(make_dicom(pixels=rgb)).warnings}


def test_grey_palette_is_accepted(make_dicom, phantom):
    index = (phantom >> 4).astype(np.uint8)
    ramp = (np.arange(256, dtype=np.uint16) * 257).tobytes()
    tables = {
        f"{colour}PaletteColorLookupTable{what}": value
        for colour in ("Red", "Green", "Blue")
        for what, value in (("Descriptor", [256, 0, 16]), ("Data", ramp))
    }
    image = load_image(make_dicom(pixels=index, PhotometricInterpretation="PALETTE COLOR", **tables))
    assert np.allclose(image.pixels, index / 255, atol=1e-3)


def test_codestream_of_another_size_is_refused_before_decoding(make_dicom, codestreams):
    for name, syntax in (("phantom.htj2k", ".201"), ("phantom.jls", ".80")):
        frame = (codestreams / name).read_bytes()
        path = make_dicom(syntax=f"1.2.840.10008.1.2.4{syntax}", frame=frame, Rows=4000, Columns=4000)
        with pytest.raises(StudyRefused) as refusal:
            load_image(path)
        assert refusal.value.code == "bad_dimensions"


def test_codestream_that_claims_a_huge_size_is_refused(make_dicom, codestreams):
    frame = bytearray((codestreams / "phantom.htj2k").read_bytes())
    frame[8:16] = struct.pack(">II", 2**31, 2**31)
    with pytest.raises(StudyRefused) as refusal:
        load_image(make_dicom(syntax="1.2.840.10008.1.2.4.201", frame=bytes(frame)))
    assert refusal.value.code in {"bad_dimensions", "undecodable"}


def test_millions_of_tiles_are_refused(make_dicom, codestreams):
    frame = bytearray((codestreams / "phantom.htj2k").read_bytes())
    frame[24:32] = struct.pack(">II", 0, 1)
    with pytest.raises(StudyRefused, match="undecodable"):
        load_image(make_dicom(syntax="1.2.840.10008.1.2.4.201", frame=bytes(frame)))


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\xff\xd8\xff\xd9", "undecodable"),
        (b"not a codestream", "undecodable"),
        (b"\xff\xd8\xff\xff\xff\xd0\xff\xe0\x00\x04ab\x00\x00\x00\x00\x00\x00\x00\x00", "undecodable"),
    ],
)
def test_garbage_codestreams_are_undecodable(make_dicom, frame, code):
    for syntax in ("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90"):
        with pytest.raises(StudyRefused) as refusal:
            load_image(make_dicom(syntax=syntax, frame=frame))
        assert refusal.value.code == code


def test_codestream_cut_short_is_truncated(make_dicom, codestreams):
    for name, syntax in (("phantom.jls", ".80"), ("phantom.htj2k", ".201"), ("phantom.ljpeg", ".57")):
        frame = (codestreams / name).read_bytes()
        with pytest.raises(StudyRefused) as refusal:
            load_image(make_dicom(syntax=f"1.2.840.10008.1.2.4{syntax}", frame=frame[: len(frame) // 2]))
        assert refusal.value.code == "truncated"


def test_files_cut_anywhere_are_refused(make_dicom, tmp_path):
    for name, keywords in (("native.dcm", {}), ("j2k.dcm", {"compress": "1.2.840.10008.1.2.4.90"})):
        whole = make_dicom(name, **keywords).read_bytes()
        header = whole.find(b"\xe0\x7f\x10\x00")
        for end in (*range(400, header, 7), header + 20, len(whole) // 2, len(whole) - 100):
            path = tmp_path / "cut.dcm"
            path.write_bytes(whole[:end])
            with pytest.raises(StudyRefused) as refusal:
                load_image(path)
            assert refusal.value.code in {"truncated", "no_pixel_data"}


def test_native_pixels_shorter_than_the_header_says_are_truncated(make_dicom, phantom):
    with pytest.raises(StudyRefused) as refusal:
        load_image(make_dicom(PixelData=phantom.tobytes()[:-200]))
    assert refusal.value.code == "truncated"


def test_deflated_bomb_is_refused(make_dicom, monkeypatch):
    path = make_dicom(syntax="1.2.840.10008.1.2.1.99", pixels=np.zeros((2000, 2000), np.uint16))
    monkeypatch.setattr(header_module, "MAX_INFLATED_BYTES", 1 << 20)
    with pytest.raises(StudyRefused) as refusal:
        load_image(path)
    assert refusal.value.code == "bad_dimensions"


def test_deflated_file_cut_short_is_truncated(make_dicom):
    path = make_dicom(syntax="1.2.840.10008.1.2.1.99")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(StudyRefused) as refusal:
        load_image(path)
    assert refusal.value.code == "truncated"


def test_deflated_file_without_group_length_is_refused(make_dicom):
    path = make_dicom(syntax="1.2.840.10008.1.2.1.99")
    whole = path.read_bytes()
    path.write_bytes(whole[:132] + whole[144:])
    with pytest.raises(StudyRefused) as refusal:
        load_image(path)
    assert refusal.value.code == "bad_header"


def test_damaged_deflate_stream_is_a_bad_header(make_dicom):
    path = make_dicom(syntax="1.2.840.10008.1.2.1.99")
    whole = bytearray(path.read_bytes())
    whole[144 + int.from_bytes(whole[140:144], "little")] = 0x07  # a block type that deflate does not have
    path.write_bytes(bytes(whole))
    with pytest.raises(StudyRefused) as refusal:
        load_image(path)
    assert refusal.value.code == "bad_header"


def test_oversized_file_is_refused_unread(make_dicom, monkeypatch):
    monkeypatch.setattr(header_module, "MAX_FILE_BYTES", 1000)
    with pytest.raises(StudyRefused) as refusal:
        load_image(make_dicom())
    assert refusal.value.code == "bad_dimensions"


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
def test_file_without_preamble_and_meta_is_read(make_dicom, phantom, tmp_path, syntax):
    dataset = dcmread(make_dicom(syntax=syntax))
    dataset.file_meta = None
    bare = tmp_path / "bare.dcm"
    implicit, little = syntax.endswith("1.2"), not syntax.endswith("2.2")
    del dataset.file_meta
    dataset.preamble = None
    dataset.save_as(bare, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    assert np.array_equal(read_stored(bare)[1].values, phantom)


def test_devices_that_leave_elements_out_are_forgiven(make_dicom, phantom):
    path = make_dicom(PhotometricInterpretation=None, HighBit=None, PixelRepresentation=None, SamplesPerPixel=None)
    assert np.array_equal(read_stored(path)[1].values, phantom)
