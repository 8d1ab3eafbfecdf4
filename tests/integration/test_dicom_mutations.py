"""Two hundred damaged copies of real files: each is read or refused with a code; nothing else ever happens."""

import random
import re
import struct
import time
from copy import deepcopy
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.datadict import tag_for_keyword

from radrag.dicom.read import find_studies, load_image, load_study
from radrag.errors import RefusalCode, StudyRefused

COPIES = 200
ABSURD = (
    *(b"", b"\0" * 8, b"\xff" * 8, b"-1", b"1e999", b"nan", b"inf\\nan", b"A" * 64, b"1\\2\\3\\4", b"\x80\x81\\\xfe"),
    *(struct.pack("<H", value) for value in (0, 1, 2, 3, 7, 12, 13, 16, 17, 64, 32767, 65535)),
    *(struct.pack("<HHH", *values) for values in ((0, 0, 16), (65535, 65535, 65535), (256, 0, 200))),
)
ELEMENTS = tuple(
    tag_for_keyword(keyword)
    for keyword in (
        *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"),
        *("PhotometricInterpretation", "NumberOfFrames", "WindowCenter", "WindowWidth", "PixelSpacing", "PixelData"),
        *("PatientOrientation", "PatientAge", "StudyDate", "StudyInstanceUID", "SOPInstanceUID", "Modality"),
        *("SpecificCharacterSet", "BodyPartExamined", "ViewPosition", "PatientID", "PatientName", "StudyDescription"),
    )
)


@pytest.fixture(scope="module")
def originals(sample_radiograph) -> dict[str, bytes]:
    """A chest film cut to 128 × 128 pixels, in five encodings; whole wavelet and deflated files."""
    whole = dcmread(sample_radiograph)
    small = whole.pixel_array[500:628, 500:628]
    whole.Rows, whole.Columns, whole.PixelData = *small.shape, np.ascontiguousarray(small).tobytes()
    whole["PixelData"].VR = "OW"
    made = {}
    for name, syntax in (
        ("explicit", "1.2.840.10008.1.2.1"),
        ("implicit", "1.2.840.10008.1.2"),
        ("deflated", "1.2.840.10008.1.2.1.99"),
        ("rle", "1.2.840.10008.1.2.5"),
        ("wavelet", "1.2.840.10008.1.2.4.90"),
    ):
        copy = deepcopy(whole)
        if name in {"rle", "wavelet"}:
            copy.compress(syntax, generate_instance_uid=False)
        copy.file_meta.TransferSyntaxUID = type(copy.file_meta.TransferSyntaxUID)(syntax)
        buffer = BytesIO()
        copy.save_as(buffer, implicit_vr=name == "implicit", little_endian=True)
        made[name] = buffer.getvalue()
    for name in ("JPEG-LL.dcm", "JPGExtended.dcm", "SC_rgb_jpeg_dcmtk.dcm", "MR_small_jpeg_ls_lossless.dcm"):
        data = Path(str(get_testdata_file(name, download=False))).read_bytes()
        made[name] = data.replace(b"CS\x02\x00NM", b"CS\x02\x00CR").replace(b"CS\x02\x00MR", b"CS\x02\x00CR")
        made[name] = made[name].replace(b"WHOLE BODY", b"CHEST     ")
    return made


def mutate(data: bytes, luck: random.Random) -> bytes:
    """Damage a file in one of six ways."""
    how = luck.randrange(6)
    if how == 0:  # bytes flipped anywhere
        changed = bytearray(data)
        for _ in range(luck.choice((1, 3, 10, 100))):
            changed[luck.randrange(len(changed))] ^= 1 << luck.randrange(8)
        return bytes(changed)
    if how == 1:  # bytes flipped in the header, where the structure is
        changed = bytearray(data)
        for _ in range(luck.choice((1, 3, 10))):
            changed[luck.randrange(128, min(len(changed), 3000))] = luck.randrange(256)
        return bytes(changed)
    if how == 2:  # cut off
        return data[: luck.randrange(len(data))]
    if how == 3:  # the pixel data's own bytes
        changed = bytearray(data)
        start = max(data.rfind(b"\xff\xd8\xff"), data.rfind(b"\xff\x4f\xff\x51"), len(data) - 20_000, 0)
        for _ in range(luck.choice((1, 5, 50))):
            changed[luck.randrange(start, min(len(data), start + 4000))] = luck.randrange(256)
        return bytes(changed)
    tag = luck.choice(ELEMENTS)
    at = data.find(struct.pack("<HH", tag >> 16, tag & 0xFFFF), 132)
    if at < 0:
        return data[: luck.randrange(len(data))]
    explicit = data[at + 4 : at + 6].isalpha()
    long_form = data[at + 4 : at + 6] in {b"OB", b"OW", b"SQ", b"UN"}
    head = 12 if long_form else 8
    length = int.from_bytes(
        data[at + 8 : at + 12] if long_form else data[at + 6 : at + 8] if explicit else data[at + 4 : at + 8], "little"
    )
    end = len(data) if length == 0xFFFFFFFF else min(len(data), at + head + length)
    if how == 4:  # an element taken out
        return data[:at] + data[end:]
    value = luck.choice(ABSURD)  # an element given an absurd value
    size = struct.pack("<I", len(value))
    if long_form:
        return data[: at + 8] + size + value + data[end:]
    return data[: at + 6] + size[:2] + value + data[end:] if explicit else data[: at + 4] + size + value + data[end:]


def test_damaged_files_are_read_or_refused_and_nothing_else(originals, tmp_path, capfd, caplog, recwarn):
    luck = random.Random(20240601)
    names = sorted(originals)
    codes: dict[str, int] = {}
    slowest = 0.0
    for number in range(COPIES):
        name = names[number % len(names)]
        path = tmp_path / "damaged.dcm"
        path.write_bytes(mutate(originals[name], luck))
        start = time.perf_counter()
        studies, refusals = find_studies([path], salt="s")
        for files in studies:
            loaded = load_study(files)
            refusals += loaded.refusals
            for image in loaded.images:
                assert image.pixels.dtype == np.float32
                assert image.pixels.ndim == 2
                assert 0 <= image.pixels.min() <= image.pixels.max() <= 1, (number, name)
        slowest = max(slowest, time.perf_counter() - start)
        assert len(refusals) + sum(len(load_study(files).images) for files in studies) == 1, (number, name)
        for refusal in refusals:
            assert refusal.code in set(RefusalCode)
            assert "Compressed" not in str(refusal)  # the patient's name in these files
        codes[refusals[0].code if refusals else "read"] = codes.get(refusals[0].code if refusals else "read", 0) + 1
    captured = capfd.readouterr()
    # Milvus Lite, of tests that ran before in this process, goes on logging in glog's form.
    said = re.sub(r"^[IWE]\d{4} .*\n", "", captured.err, flags=re.M)
    assert (captured.out, said, caplog.text, list(recwarn)) == ("", "", "", [])
    assert slowest < 5
    assert len(codes) >= 5, codes
    assert codes["read"] >= 20, codes


def test_the_undamaged_originals_are_read(originals, tmp_path):
    found = {}
    for name, data in originals.items():
        path = tmp_path / "whole.dcm"
        path.write_bytes(data)
        try:
            load_image(path)
            found[name] = "read"
        except StudyRefused as refusal:
            found[name] = refusal.code
    assert found.pop("SC_rgb_jpeg_dcmtk.dcm") == "colour_photograph"
    assert set(found.values()) == {"read"}, found


def test_damaged_files_are_drafted_or_refused_and_nothing_else(originals, tmp_path, demo_workspace):
    import jsonschema

    from radrag.export.draft_json import draft_schema, draft_to_dict
    from radrag.settings import load_settings
    from radrag.workspace import Workspace

    drafter = Workspace(load_settings(workspace=demo_workspace)).drafter
    luck = random.Random(7)
    names = sorted(originals)
    drafted = refused = 0
    for number in range(COPIES):
        path = tmp_path / "damaged.dcm"
        path.write_bytes(mutate(originals[names[number % len(names)]], luck))
        studies, refusals = find_studies([path], salt="s")
        loaded = [load_study(files) for files in studies]
        for study in loaded:
            if study.images:
                jsonschema.validate(draft_to_dict(drafter.draft(study)), draft_schema())
                drafted += 1
        refused += len(refusals) + sum(len(study.refusals) for study in loaded)
    assert drafted + refused == COPIES
    assert min(drafted, refused) > COPIES / 10


def test_a_folder_of_damaged_files_is_drafted_by_the_command_without_a_traceback(
    originals, tmp_path, demo_workspace, capsys
):
    import json

    from radrag.cli.main import run

    luck = random.Random(8)
    for number in range(40):
        (tmp_path / f"{number:03d}.dcm").write_bytes(mutate(originals["explicit"], luck))
    code = run(["--workspace", str(demo_workspace), "draft", str(tmp_path), "--json"])
    shown = capsys.readouterr()
    assert code == 1
    assert "Traceback" not in shown.err
    assert "Internal error" not in shown.err
    assert all(json.loads(line)["schema"] == "radrag.draft/1" for line in shown.out.splitlines())
    assert shown.out
