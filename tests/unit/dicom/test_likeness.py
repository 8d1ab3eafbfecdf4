"""The likeness hash: near for copies of one image, far for different ones."""

import numpy as np
import pytest
from pictures import film
from PIL import Image

from radrag.corpus.leaks import NEAR
from radrag.dicom.likeness import BITS, perceptual_hash
from radrag.dicom.read import load_image


def distance(one, other):
    return (int(one, 16) ^ int(other, 16)).bit_count()


def as_image(path):
    return load_image(path).image.perceptual_hash


def test_the_hash_is_256_bits_in_hex():
    found = perceptual_hash(film(1))
    assert len(found) == BITS // 4 == 64
    assert found == perceptual_hash(film(1).copy())
    assert set(found) <= set("0123456789abcdef")


def test_a_ramp_gives_all_bits_and_its_mirror_none():
    ramp = np.tile(np.linspace(0, 1, 170, dtype=np.float32), (160, 1))
    assert perceptual_hash(ramp) == "f" * 64
    assert perceptual_hash(np.ascontiguousarray(ramp[:, ::-1])) == "0" * 64


@pytest.mark.parametrize("seed", range(5))
def test_size_compression_and_windowing_leave_an_image_near(seed, tmp_path):
    pixels = film(seed)
    first = perceptual_hash(pixels)
    grey = Image.fromarray((pixels * 255).astype(np.uint8))
    grey.save(tmp_path / "copy.jpg", quality=50)
    half = np.asarray(grey.resize((140, 160)), dtype=np.float32) / 255
    for copy in (as_image(tmp_path / "copy.jpg"), perceptual_hash(half), perceptual_hash(pixels**1.4)):
        assert distance(first, copy) <= NEAR


def test_different_images_are_far_apart():
    hashes = [perceptual_hash(film(seed)) for seed in range(20)]
    assert min(distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]) > 2 * NEAR


@pytest.mark.data
def test_real_radiographs_are_near_their_copies_and_far_from_each_other(shared_data, tmp_path):
    paths = sorted((shared_data / "nih" / "images").glob("*.jpg"))[:200:5]
    of_patient = {path.name.split("_")[0]: path for path in paths}
    hashes = {patient: as_image(path) for patient, path in of_patient.items()}
    found = list(hashes.values())
    assert len(found) > 10
    assert min(distance(a, b) for i, a in enumerate(found) for b in found[:i]) > NEAR
    for patient, path in list(of_patient.items())[:5]:
        with Image.open(path) as image:
            image.convert("L").resize((400, 400)).save(tmp_path / "copy.jpg", quality=60)
        assert distance(hashes[patient], as_image(tmp_path / "copy.jpg")) <= NEAR
