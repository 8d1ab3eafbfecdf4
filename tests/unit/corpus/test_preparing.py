"""A case made ready: its images looked at, its sentences labelled, whatever is wrong with one file on record."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from pictures import write_film
from pydicom.data import get_testdata_file

from radrag.corpus import preparing
from radrag.corpus.collection import Merge
from radrag.corpus.preparing import Preparer, Waiting
from radrag.domain import Case, StudyImage, View
from radrag.reports.findings import LABELS


def case(*images, **values):
    return Case(
        **{
            "case_id": "c:1",
            "corpus": "c",
            "patient_key": "p",
            "images": images,
            "sections": {"findings": "No effusion. There is a nodule."},
        }
        | values
    )


def at(path, **values):
    return replace(StudyImage("", View.UNKNOWN, 0, 0, str(path)), **values)


def prepare(given, stored=None, **how):
    preparer = Preparer(**how)
    arrivals, rejections = preparer([Waiting(given, preparer.source_sha256(given), stored)])
    return *arrivals, rejections


class TestImages:
    def test_a_png_gets_size_sums_likeness_and_a_uid_of_its_content(self, tmp_path):
        arrival, rejections = prepare(case(at(write_film(tmp_path / "a.png", 1))), root=tmp_path)
        (image,) = arrival.case.images
        assert rejections == []
        assert (image.rows, image.columns, image.path) == (320, 280, str(tmp_path / "a.png"))
        assert [len(image.pixel_sha256), len(image.file_sha256), len(image.perceptual_hash)] == [64, 64, 64]
        assert image.sop_instance_uid.startswith("2.25.")

    def test_a_dicom_file_says_more_and_the_source_is_believed_before_it(self, sample_radiograph):
        (image,) = prepare(case(at(sample_radiograph)))[0].case.images
        assert (image.rows, image.columns, image.view) == (1955, 1841, View.PA)
        said = at(sample_radiograph, sop_instance_uid="1.2.3", view=View.AP, acquired_at="2020-02-03")
        (told,) = prepare(case(said))[0].case.images
        assert (told.sop_instance_uid, told.view, told.acquired_at) == ("1.2.3", View.AP, "2020-02-03")
        assert told.pixel_sha256 == image.pixel_sha256

    def test_an_image_known_of_or_hashed_already_is_left_as_it_is(self, tmp_path):
        known = StudyImage("1", View.PA, 0, 0)
        hashed = at(tmp_path / "gone.png", file_sha256="ff")
        arrival, rejections = prepare(case(known, hashed))
        assert arrival.case.images == (known, hashed)
        assert rejections == []

    def test_without_reading_images_nothing_is_looked_at(self, tmp_path):
        given = case(at(tmp_path / "gone.png"))
        arrival, rejections = prepare(given, read_images=False)
        assert arrival.case == given
        assert rejections == []
        assert arrival.source_sha256

    @pytest.fixture
    def faulty(self, tmp_path):
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "garbage.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"garbage" * 50)
        (tmp_path / "garbage.dcm").write_bytes(b"garbage" * 200)
        (tmp_path / "empty.png").touch()
        whole = write_film(tmp_path / "cut.jpg", 2).read_bytes()
        (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
        (tmp_path / "folder.png").mkdir()
        (tmp_path / "RG3_UNCR.dcm").symlink_to(str(get_testdata_file("RG3_UNCR.dcm", download=False)))
        return tmp_path

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("gone.png", "missing_image"),
            ("deep/gone/gone.png", "missing_image"),
            ("folder.png", "missing_image"),
            ("n" * 300 + ".png", "unreadable_image"),
            ("deep/garbage.png", "unreadable_image"),
            ("garbage.dcm", "unreadable_image"),
            ("empty.png", "unreadable_image"),
            ("cut.jpg", "unreadable_image"),
            ("RG3_UNCR.dcm", "not_chest"),
        ],
    )
    def test_a_faulty_file_is_left_out_and_reported_and_the_rest_is_taken(self, faulty, name, code):
        good = write_film(faulty / "good.png", 1)
        arrival, (rejection,) = prepare(case(at(faulty / name), at(good)), root=faulty)
        assert [image.path for image in arrival.case.images] == [str(good)]
        assert (rejection.code, rejection.item, rejection.kept) == (code, name, False)
        assert "The rest of c:1 was added." in rejection.message
        assert str(faulty) not in rejection.message
        assert arrival.sentences
        assert arrival.source_sha256 == ""  # the next addition looks again

    def test_without_a_root_items_are_file_names(self, tmp_path):
        _, (rejection,) = prepare(case(at(tmp_path / "gone.png")))
        assert rejection.item == "gone.png"


class TestTexts:
    def test_sentences_are_labelled_and_cut_from_their_sections(self):
        arrival, _ = prepare(case())
        assert [one.text for one in arrival.sentences] == ["No effusion.", "There is a nodule."]
        assert [[f.label for f in one.findings] for one in arrival.sentences] == [["Pleural Effusion"], ["Nodule"]]
        assert all(one.text == arrival.case.sections[one.section][one.start : one.end] for one in arrival.sentences)

    @pytest.mark.parametrize(
        "values",
        [
            {"sections": {"findings": "NUL \0."}},
            {"sections": {"findings\0": "x"}},
            {"sections": {"findings": "half \ud800 pair"}},
            {"labels": ("\0",)},
            {"licence": "\udfff"},
            {"images": (StudyImage("", View.PA, 0, 0, "/d/caf\udce9.png"),)},
            {"case_id": "c:\0"},
        ],
    )
    def test_a_case_that_no_database_takes_is_rejected_and_the_others_go_on(self, values):
        preparer = Preparer(read_images=False)
        arrivals, (rejection,) = preparer([Waiting(one, "s") for one in (case(), case(**values), case())])
        assert len(arrivals) == 2
        assert rejection.code == "bad_value"
        assert not rejection.kept

    def test_a_stored_case_is_met_as_the_collection_says(self):
        stored = case(sections={LABELS: "Nodule."}, sex="F", restricted=True)
        new = case(sex="M")
        updated, _ = prepare(new, stored, merge=Merge.UPDATE)
        assert (updated.case.sex, updated.case.sections, updated.case.restricted) == ("M", new.sections, True)
        filled, _ = prepare(new, stored, merge=Merge.FILL)
        assert (filled.case.sex, filled.case.sections) == ("F", new.sections)
        assert [one.section for one in filled.sentences] == ["findings"] * 2
        replaced, _ = prepare(new, stored, merge=Merge.REPLACE)
        assert replaced.case == new


class TestSource:
    @pytest.fixture
    def given(self, tmp_path):
        return case(at(write_film(tmp_path / "a.png", 1)))

    def test_it_is_the_same_for_the_same_source_and_reads_no_pixels(self, given):
        first = Preparer().source_sha256(given)
        path = Path(given.images[0].path)
        state, size = path.stat(), path.stat().st_size
        path.write_bytes(b"x" * size)
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        assert Preparer().source_sha256(replace(given)) == first

    def test_it_changes_with_everything_the_result_depends_on(self, given, monkeypatch):
        path = Path(given.images[0].path)
        found = [Preparer().source_sha256(given)]

        def note(preparer=Preparer(), of=given):  # noqa: B008 - frozen
            found.append(preparer.source_sha256(of))

        note(of=replace(given, sections={"findings": "Other."}))
        note(of=replace(given, sex="F"))
        note(of=replace(given, images=()))
        note(Preparer(read_images=False))
        note(Preparer(merge=Merge.UPDATE))
        note(Preparer(merge=Merge.FILL))
        state = path.stat()
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
        note()
        path.write_bytes(path.read_bytes() + b"\0")
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        note()
        path.unlink()
        note()
        monkeypatch.setattr(preparing, "VERSION", "another")
        note()
        assert len(set(found)) == len(found) == 11

    def test_where_the_folder_is_mounted_and_names_that_no_file_has_do_not_raise(self, given):
        assert Preparer(root=Path("/a")).source_sha256(given) == Preparer(root=Path("/b")).source_sha256(given)
        for name in ("nul\0", "n" * 5000, "half \ud800"):
            Preparer().source_sha256(case(at(name)))

    def test_without_reading_images_their_files_do_not_matter(self, given):
        first = Preparer(read_images=False).source_sha256(given)
        Path(given.images[0].path).unlink()
        assert Preparer(read_images=False).source_sha256(given) == first
