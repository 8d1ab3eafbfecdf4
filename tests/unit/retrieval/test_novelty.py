"""How unusual images are: against what indexed images have in common, and silent where there is too little to say."""

import numpy as np
import pytest
from PIL import Image

from radrag.dicom.likeness import perceptual_hash
from radrag.retrieval.novelty import LEAST, Novelty, Unusual

CHANCE = np.random.default_rng(0)
ROWS, COLUMNS = np.mgrid[0:64, 0:64] / 63


def film(seed):
    """Return a picture somewhat like a frontal film: dark lungs, bright spine, a broad base; no two are alike."""
    chance = np.random.default_rng(seed)
    x, y = COLUMNS - 0.5 + chance.normal(0, 0.02), ROWS + chance.normal(0, 0.02)
    lungs = sum(np.exp(-(((x - side) / 0.13) ** 2) - ((y - 0.4) / (0.28 + 0.1 * y)) ** 2) for side in (-0.22, 0.22))
    base = np.clip((y - 0.55) * 2.2, 0, 1) * np.exp(-(((x - 0.08) / 0.25) ** 2))
    picture = 0.75 - 0.6 * lungs + 0.35 * base + chance.normal(0, 0.01, ROWS.shape)
    return np.clip(picture, 0, 1).astype(np.float32)


def hashed(picture):
    return perceptual_hash(np.ascontiguousarray(picture))


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


VECTORS = unit(CHANCE.normal(0, 0.2, (150, 16)) + np.eye(16)[0])
HASHES = [hashed(film(seed)) for seed in range(150)]
PATIENTS = [f"p{number // 2}" for number in range(150)]


@pytest.fixture(scope="module")
def novelty():
    return Novelty(VECTORS, HASHES, PATIENTS)


def noise():
    return CHANCE.random((64, 64), dtype=np.float32)


def test_another_film_is_usual_and_noise_is_not(novelty):
    for seed in range(1000, 1010):
        found = novelty(None, [hashed(film(seed))])
        assert not found.upside_down
    layouts = [novelty(None, [hashed(film(seed))]).layout for seed in range(1000, 1040)]
    assert np.mean(np.array(layouts) > 0.99) < 0.1
    assert novelty(None, [hashed(noise())]).layout == 1.0


def test_a_film_turned_over_is_noticed(novelty):
    assert novelty(None, [hashed(film(2000)[::-1])]).upside_down


def test_the_most_unusual_image_of_a_study_counts_wherever_it_stands(novelty):
    strange = hashed(noise())
    assert novelty(None, [HASHES[0], strange]).layout == novelty(None, [strange, HASHES[0]]).layout == 1.0


def test_a_vector_far_from_all_indexed_ones_is_at_the_top_and_one_among_them_is_not(novelty):
    assert novelty(unit(np.eye(16)[[5]])[0], []) == Unusual(1.0, None)
    assert novelty(unit(np.eye(16)[[0]])[0], []).vector < 0.5


def test_images_of_one_patient_do_not_make_each_other_usual():
    twice = np.repeat(unit(CHANCE.normal(size=(80, 16))), 2, axis=0)  # each patient has the same image twice
    novelty = Novelty(twice, [""] * 160, [f"p{number // 2}" for number in range(160)])
    shares = [novelty(vector, []).vector for vector in unit(CHANCE.normal(size=(60, 16)))]
    assert np.mean(np.array(shares) > 0.99) < 0.1  # among pairs of copies, every new image would be unusual


@pytest.mark.parametrize("kept", [slice(0, LEAST - 1), slice(0, 0)])
def test_too_few_images_say_nothing(kept):
    found = Novelty(VECTORS[kept], HASHES[kept], PATIENTS[kept])(VECTORS[0], HASHES[:1])
    assert found == Unusual(None, None)
    assert found.warnings() == ()


def test_images_of_one_patient_only_say_nothing():
    assert Novelty(VECTORS, HASHES, ["p"] * 150)(VECTORS[0], HASHES[:1]) == Unusual(None, None)


def test_the_reader_is_told_above_the_threshold_only_and_of_what():
    assert Unusual(0.99, 0.5).warnings() == ()
    (warning,) = Unusual(1.0, 0.5).warnings()
    assert warning.code == "unusual_image"
    assert "encoder" in warning.message
    assert "layout" not in warning.message
    assert [one.code for one in Unusual(None, 1.0, upside_down=True).warnings()] == ["unusual_image", "upside_down"]


@pytest.mark.data
def test_real_films_are_told_from_noise_and_from_films_turned_over(shared_data):
    paths = sorted((shared_data / "nih" / "images").glob("*.jpg"))[:180]
    pixels = [np.asarray(Image.open(path).convert("L").resize((128, 128)), dtype=np.float32) / 255 for path in paths]
    hashes = [hashed(picture) for picture in pixels]
    patients = [path.name.partition("_")[0] for path in paths]
    held = [name in set(patients[:60]) for name in patients]
    rest = [place for place, out in enumerate(held) if not out]
    novelty = Novelty(np.ones((len(rest), 2), np.float32), [hashes[n] for n in rest], [patients[n] for n in rest])
    upright = [novelty(None, [hashes[place]]) for place, out in enumerate(held) if out]
    turned = [novelty(None, [hashed(pixels[place][::-1])]) for place, out in enumerate(held) if out]
    strange = [novelty(None, [hashed(CHANCE.random((128, 128), dtype=np.float32))]) for _ in range(20)]
    assert np.mean([bool(one.warnings()) for one in upright]) <= 0.1
    assert np.mean([one.upside_down for one in turned]) >= 0.8
    assert all(one.layout > 0.99 for one in strange)
