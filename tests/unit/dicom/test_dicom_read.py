"""Files become studies: grouping, order, duplicates, folders, and no file lost or leaked."""

import logging
import os
import threading
import tracemalloc
import warnings

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import generate_uid

from radrag.dicom import read as read_module
from radrag.dicom.boundary import refusing, silence
from radrag.dicom.deidentify import patient_key
from radrag.dicom.read import StudyFiles, find_studies, load_image, load_study
from radrag.domain import Study, View
from radrag.errors import RefusalCode, StudyRefused


def test_a_study_carries_its_headers_facts(make_dicom):
    path = make_dicom(
        AccessionNumber="A1",
        PatientSex="F",
        PatientAge="068Y",
        StudyDate="20040826",
        StudyTime="185059",
        IssuerOfPatientID="H",
        AcquisitionDate="20040827",
    )
    (files,), refusals = find_studies([path], salt="pepper", indication="cough")
    assert not refusals
    assert files.paths == (path,)
    study = load_study(files).study
    assert (study.accession, study.sex, study.age) == ("A1", "F", 68)
    assert study.studied_at == "2004-08-26T18:50:59"
    assert study.indication == "cough"
    assert study.patient_key == patient_key("pepper", "SECRET-ID", "H")
    (image,) = study.images
    assert (image.view, image.rows, image.columns, image.path) == (View.PA, 96, 80, str(path))
    assert image.acquired_at == "2004-08-27"
    assert len(image.pixel_sha256) == 64


def test_the_pixel_hash_is_of_the_display_image(make_dicom):
    one = load_image(make_dicom("a.dcm", compress="1.2.840.10008.1.2.5"))
    same = load_image(make_dicom("b.dcm", syntax="1.2.840.10008.1.2"))
    other = load_image(make_dicom("c.dcm", WindowCenter=100, WindowWidth=200))
    assert one.image.pixel_sha256 == same.image.pixel_sha256 != other.image.pixel_sha256


def test_images_of_one_study_are_grouped_frontal_first(make_dicom):
    make_dicom("1.dcm", ViewPosition="LL", InstanceNumber=1)
    make_dicom("2.dcm", ViewPosition="PA", InstanceNumber=3)
    make_dicom("3.dcm", ViewPosition="PA", InstanceNumber=2)
    other = make_dicom("4.dcm", StudyInstanceUID=generate_uid())
    studies, _ = find_studies([other.parent], salt="s")
    assert [len(one.paths) for one in studies] == [3, 1]
    loaded = load_study(studies[0])
    assert [os.path.basename(one.image.path) for one in loaded.images] == ["3.dcm", "2.dcm", "1.dcm"]
    assert loaded.study.images == tuple(one.image for one in loaded.images)
    assert "low_resolution" in {warning.code for warning in loaded.warnings}
    assert len(loaded.warnings) == len(set(loaded.warnings))


def test_gaps_in_one_header_are_filled_from_the_next(make_dicom):
    paths = [make_dicom("1.dcm"), make_dicom("2.dcm", PatientSex="M", PatientAge="050Y", AccessionNumber="A2")]
    (files,), _ = find_studies(paths, salt="s")
    assert (files.study.sex, files.study.age, files.study.accession) == ("M", 50, "A2")


def test_one_study_uid_with_two_patients_stays_apart(make_dicom):
    paths = [make_dicom("1.dcm"), make_dicom("2.dcm", PatientID="OTHER")]
    studies, _ = find_studies(paths, salt="s")
    assert [one.paths for one in studies] == [(paths[0],), (paths[1],)]


def test_one_bad_image_does_not_lose_the_other(make_dicom, phantom):
    good = make_dicom("good.dcm")
    bad = make_dicom("bad.dcm", pixels=np.zeros((96, 80), np.uint16))
    (files,), refusals = find_studies([bad, good], salt="s")
    assert not refusals
    loaded = load_study(files)
    assert [one.image.path for one in loaded.images] == [str(good)]
    assert [(one.code, one.path) for one in loaded.refusals] == [("constant_image", str(bad))]


def test_a_study_of_bad_images_has_only_refusals(make_dicom):
    bad = make_dicom(pixels=np.zeros((96, 80), np.uint16))
    (files,), _ = find_studies([bad], salt="s")
    loaded = load_study(files)
    assert (loaded.images, loaded.study.images, len(loaded.refusals)) == ((), (), 1)


def test_a_file_that_vanishes_between_finding_and_loading_is_refused(make_dicom):
    path = make_dicom()
    (files,), _ = find_studies([path], salt="s")
    path.unlink()
    assert [one.code for one in load_study(files).refusals] == ["not_found"]


def test_duplicate_instances_are_read_once_with_a_warning(make_dicom):
    uid = generate_uid()
    paths = [make_dicom(f"{name}.dcm", SOPInstanceUID=uid) for name in "abc"]
    (files,), _ = find_studies(paths, salt="s")
    (image,) = load_study(files).images
    assert image.image.path == str(paths[0])
    assert [one.code for one in image.warnings].count("duplicate_instance") == 1


def test_a_copy_takes_over_when_the_first_is_damaged(make_dicom):
    uid = generate_uid()
    bad = make_dicom("a.dcm", pixels=np.zeros((96, 80), np.uint16), SOPInstanceUID=uid)
    good = make_dicom("b.dcm", SOPInstanceUID=uid)
    (files,), _ = find_studies([bad, good], salt="s")
    loaded = load_study(files)
    assert [one.image.path for one in loaded.images] == [str(good)]
    assert len(loaded.refusals) == 1


def test_missing_uids_are_made_from_the_content(make_dicom):
    path = make_dicom(StudyInstanceUID=None, SOPInstanceUID="not a uid")
    (files,), _ = find_studies([path], salt="s")
    assert files.study.study_instance_uid.startswith("2.25.")
    assert load_study(files).images[0].image.sop_instance_uid.startswith("2.25.")


def test_folders_are_walked_and_bystanders_passed_over(make_dicom, tmp_path):
    image = make_dicom("deep/er/1.2.840.113.7")
    for name in ("notes.txt", "labels.csv", "a.json", "a.xml", "a.pdf", "a.zip", "README", "DICOMDIR", ".hidden.dcm"):
        (tmp_path / name).write_bytes(b"nothing here")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.dcm").write_bytes(b"nothing here")
    strange = image.rename(tmp_path / "deep" / "export.bak")  # DICOM by content
    broken = tmp_path / "deep" / "broken.dcm"
    broken.write_bytes(b"nothing here")
    seen = []
    studies, refusals = find_studies([tmp_path], salt="s", progress=seen.append)
    assert [one.paths for one in studies] == [(strange,)]
    assert [(one.path, one.code) for one in refusals] == [(str(broken), "not_dicom")]
    assert seen == [broken, strange]


def test_a_file_named_by_the_caller_is_never_passed_over(tmp_path):
    for name in ("notes.txt", "DICOMDIR", ".hidden", "empty.dcm"):
        path = tmp_path / name
        path.write_bytes(b"" if name == "empty.dcm" else b"nothing here")
        studies, refusals = find_studies([path], salt="s")
        assert not studies
        assert [one.code for one in refusals] == ["not_dicom"]


def test_dicom_is_known_by_its_content_not_its_name(make_dicom):
    assert load_image(make_dicom("export.png")).pixels.shape == (96, 80)


def test_missing_paths_and_empty_folders_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    _, refusals = find_studies([tmp_path / "empty", tmp_path / "none.dcm"], salt="s")
    assert [one.code for one in refusals] == ["empty_folder", "not_found"]
    with pytest.raises(StudyRefused, match="not_found"):
        load_image(tmp_path / "none.dcm")


def test_a_file_named_twice_is_read_once(make_dicom):
    path = make_dicom()
    (files,), _ = find_studies([path, path.parent, path], salt="s")
    assert files.paths == (path,)


def test_links_to_folders_are_not_followed(make_dicom, tmp_path):
    make_dicom("a.dcm")
    (tmp_path / "loop").symlink_to(tmp_path)
    studies, refusals = find_studies([tmp_path], salt="s")
    assert len(studies) == 1
    assert len(studies[0].paths) == 1
    assert not refusals


def test_the_order_does_not_depend_on_the_file_system(make_dicom, tmp_path, monkeypatch):
    for name in ("b.dcm", "a.dcm", "sub/c.dcm"):
        make_dicom(name, StudyInstanceUID=generate_uid(entropy_srcs=[name]))
    straight = find_studies([tmp_path], salt="s")[0]
    walk = os.walk

    def backwards(folder):
        for here, folders, names in walk(folder):
            yield here, folders, names[::-1]

    monkeypatch.setattr(os, "walk", backwards)
    assert find_studies([tmp_path], salt="s")[0] == straight


def test_finding_does_not_decode(make_dicom, monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(read_module, "_load", never)
    assert find_studies([make_dicom()], salt="s")[0]


def test_finding_takes_no_memory_for_pixels(make_dicom):
    path = make_dicom(pixels=np.zeros((4000, 3000), np.uint16))
    find_studies([path], salt="s")
    tracemalloc.start()
    find_studies([path], salt="s")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000  # the file has 24 MB


def test_nothing_of_the_patient_reaches_messages_logs_or_stderr(make_dicom, caplog, capfd, recwarn):
    bad = [
        make_dicom("1.dcm", Modality="SECRET-ID"),
        make_dicom("2.dcm", PatientAge="SECRET-ID", WindowCenter=None, BodyPartExamined="SECRET-ID KNEE"),
        make_dicom("3.dcm", Rows=0),
        make_dicom("4.dcm", StudyDate="SECRET-ID", PatientSex="SECRET-ID"),
    ]
    for record in (caplog, recwarn):  # what writing them said
        record.clear()
    capfd.readouterr()
    caplog.set_level(logging.DEBUG)
    studies, refusals = find_studies(bad, salt="s")
    loaded = [load_study(one) for one in studies]
    said = [str(one).replace(str(bad[0].parent), "") for one in refusals]
    said += [caplog.text, *capfd.readouterr(), *(str(one.message) for one in recwarn), repr(studies), repr(loaded)]
    assert refusals
    assert loaded
    assert not [one for one in said if "secret" in one.lower()]


def test_the_boundary_names_the_type_and_hides_the_text(tmp_path):
    path = tmp_path / "a.dcm"
    with pytest.raises(StudyRefused) as refusal, refusing(path, RefusalCode.UNDECODABLE, "it broke"):
        raise ValueError("SECRET")
    assert str(refusal.value) == f"{path}: it broke (ValueError). [undecodable]"
    assert refusal.value.__cause__ is None
    with pytest.raises(KeyboardInterrupt), refusing(path, RefusalCode.UNDECODABLE, "it broke"):
        raise KeyboardInterrupt


def test_silence_ends_with_its_last_holder(caplog):
    logger = logging.getLogger("pydicom")
    before = warnings.filters[:], logger.handlers, logger.propagate
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with silence:
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    with silence:
        thread.start()
        entered.wait(10)
    logging.getLogger("pydicom.child").critical("the patient's name")
    assert not caplog.records
    leave.set()
    thread.join()
    assert (warnings.filters[:], logger.handlers, logger.propagate) == before


def test_png_and_dicom_lie_side_by_side(make_dicom, tmp_path, phantom):
    make_dicom("a.dcm")
    Image.fromarray((phantom >> 4).astype(np.uint8)).save(tmp_path / "b_lateral.png")
    studies, _ = find_studies([tmp_path], salt="s")
    assert [load_study(one).images[0].image.view for one in studies] == [View.PA, View.LATERAL]


def test_study_files_can_be_made_by_hand(make_dicom):
    files = StudyFiles(Study("1.2.3", images=()), (make_dicom(),))
    assert len(load_study(files).images) == 1
