"""Leaks: a patient or an image on two sides is named, what only looks alike from afar is not."""

import random
import time

import pytest
from pictures import write_film

from radrag.corpus.leaks import NEAR, Leak, LeakFinder
from radrag.dicom.read import load_image
from radrag.domain import StudyImage, View
from radrag.store.values import ImageRecord


def record(case_id, split, image, patient=""):
    return ImageRecord(case_id, case_id.split(":")[0], patient, split, image)


def hashed(number, pixels="", bits=256):
    return StudyImage("", View.PA, 10, 10, pixel_sha256=pixels, perceptual_hash=f"{number:0{bits // 4}x}")


def find(*records, cases=(), corpus="", seed=0):
    finder = LeakFinder(corpus, seed=seed)
    for case in cases:
        finder.add_case(*case)
    finder.add_images(records)
    return finder.leaks()


class TestPatients:
    def test_a_patient_on_two_official_sides_is_reported_once(self):
        cases = [("a:1", "p", "train"), ("a:2", "p", "train"), ("a:3", "p", "test"), ("a:4", "q", "test")]
        assert find(cases=cases) == [Leak("patient", "a:1", "train", "a:3", "test")]

    def test_three_sides_make_three_pairs(self):
        leaks = find(cases=[("a:1", "p", "test"), ("a:2", "p", "val"), ("a:3", "p", "train")])
        assert [(leak.split_a, leak.split_b) for leak in leaks] == [
            ("train", "val"),
            ("train", "test"),
            ("val", "test"),
        ]

    def test_patients_are_found_across_corpora_and_against_the_split_by_patient(self):
        assert find(cases=[("a:1", "p", "train"), ("b:1", "p", "val")])[0].case_b == "b:1"
        own = [find(cases=[("a:1", f"p{n}", ""), ("b:1", f"p{n}", "test")]) for n in range(20)]
        assert any(own)  # most patients are in train by the hash
        assert not all(own)

    def test_unknown_patients_and_those_on_one_side_are_no_leak(self):
        cases = [("a:1", "", "train"), ("a:2", "", "test"), ("a:3", "p", ""), ("a:4", "p", ""), ("b:9", "p", "")]
        assert find(cases=cases) == []

    def test_only_what_touches_the_wanted_corpus_is_reported_and_nothing_of_that_is_missed(self):
        cases = [("a:1", "p", "train"), ("b:1", "p", "test"), ("c:1", "p", "test")]
        assert find(cases=cases, corpus="c") == [Leak("patient", "a:1", "train", "c:1", "test")]
        assert find(cases=cases, corpus="b") == [Leak("patient", "a:1", "train", "b:1", "test")]
        assert find(cases=cases, corpus="d") == []


class TestImages:
    def test_equal_pixels_and_near_hashes_have_names_of_their_own(self):
        (same,) = find(record("a:1", "train", hashed(0, "x")), record("b:1", "test", hashed(0, "x")))
        assert same == Leak("image", "a:1", "train", "b:1", "test", 0)
        (near,) = find(record("a:1", "train", hashed(0, "x")), record("b:1", "test", hashed(2**NEAR - 1, "y")))
        assert (near.kind, near.distance) == ("near_image", NEAR)
        assert find(record("a:1", "train", hashed(0)), record("b:1", "test", hashed(2 ** (NEAR + 1) - 1))) == []

    def test_without_pixel_sums_nothing_is_called_the_same(self):
        (leak,) = find(record("a:1", "train", hashed(0)), record("a:2", "val", hashed(0)))
        assert leak.kind == "near_image"

    def test_an_image_twice_on_one_side_or_without_a_hash_is_no_leak(self):
        bare = StudyImage("1", View.PA, 10, 10, pixel_sha256="x")
        assert find(record("a:1", "train", hashed(0)), record("a:2", "train", hashed(0))) == []
        assert find(record("a:1", "train", bare), record("a:2", "test", bare)) == []
        assert find() == []

    def test_each_leak_names_the_cases_that_hold_the_images(self):
        far = 2**200 - 1
        records = [record("a:1", "train", hashed(far)), record("a:2", "train", hashed(0)),
                   record("a:2", "train", hashed(far << 56)), record("b:1", "test", hashed(3 << 90)),
                   record("b:2", "test", hashed(1))]  # fmt: skip
        leaks = find(*records)
        assert {(frozenset((leak.case_a, leak.case_b)), leak.distance) for leak in leaks} == {
            (frozenset(("a:2", "b:1")), 2),
            (frozenset(("a:2", "b:2")), 1),
        }

    def test_a_copy_in_a_third_corpus_hides_no_leak_of_the_wanted_one(self):
        one, two, three = (record(f"{name}:1", "train", hashed(0, "x")) for name in "abc")
        many = [record("a:9", "train", hashed(2**n - 1)) for n in range(100, 110)]
        test = record("d:1", "test", hashed(0, "x"))
        for corpus in "abc":
            (leak,) = find(one, two, three, *many, test, corpus=corpus)
            assert {leak.case_a, leak.case_b} == {f"{corpus}:1", "d:1"}
        assert {frozenset((leak.case_a, leak.case_b)) for leak in find(one, two, three, test, corpus="d")} <= {
            frozenset((f"{name}:1", "d:1")) for name in "abc"
        }
        assert find(one, two, three, test, corpus="e") == []

    @pytest.mark.parametrize("corpus", ["", "a"])
    def test_a_leak_is_reported_once(self, corpus):
        assert len(find(record("a:1", "train", hashed(0)), record("a:2", "test", hashed(1)), corpus=corpus)) == 1

    def test_a_compressed_copy_in_another_corpus_is_found(self, tmp_path):
        images = {
            "a:1": load_image(write_film(tmp_path / "1.png", 1)).image,
            "a:2": load_image(write_film(tmp_path / "2.png", 2)).image,
            "b:1": load_image(write_film(tmp_path / "copy.jpg", 1, gamma=1.2, scale=0.8)).image,
            "b:2": load_image(write_film(tmp_path / "same.png", 2)).image,
            "b:3": load_image(write_film(tmp_path / "other.png", 3)).image,
        }
        leaks = find(*[record(name, "train" if name[0] == "a" else "test", one) for name, one in images.items()])
        found = {(frozenset((leak.case_a, leak.case_b)), leak.kind) for leak in leaks}
        assert found == {(frozenset(("a:1", "b:1")), "near_image"), (frozenset(("a:2", "b:2")), "image")}

    @pytest.mark.data
    def test_real_images_of_different_patients_are_not_reported(self, shared_data):
        paths = sorted((shared_data / "nih" / "images").glob("*.jpg"))[::30]
        paths = list({path.name.split("_")[0]: path for path in paths}.values())
        records = [
            record(f"nih:{n}", "train" if n % 2 else "test", load_image(path).image) for n, path in enumerate(paths)
        ]
        assert len(records) > 20
        assert find(*records) == []


def test_twenty_thousand_images_take_seconds():
    chance = random.Random(0)
    records = (record(f"a:{n}", "", hashed(chance.getrandbits(256)), patient=f"p{n}") for n in range(20_000))
    start = time.perf_counter()
    assert find(*records) == []
    assert time.perf_counter() - start < 60  # a second on an idle core; by pairs in Python it would be an hour
