"""MIMIC-CXR and MIMIC-CXR-JPG in their real layouts, whole and in part."""

import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from corpus_trees_mimic import (
    LABELS,
    STUDIES,
    build_mimic_cxr,
    build_mimic_cxr_jpg,
    codes_of,
    read_kind,
    write_dicom,
    write_table,
)

from data_prep.kinds import KINDS, Options, find_kind, kind_of
from data_prep.mimic_tables import read_studies, table_path
from radrag.corpus.collection import Merge
from radrag.dicom.read import load_image
from radrag.domain import Case, View
from radrag.errors import CorpusError

OPTIONS = Options(salt="pepper")
P10, P10B, P11, P11B = STUDIES


def read(folder, kind="mimic-cxr", options=OPTIONS):
    return read_kind(kind, folder, options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A whole DICOM tree with JPG's tables beside it; tests only read it."""
    return build_mimic_cxr(tmp_path_factory.mktemp("mimic") / "mimic-cxr", tables=True)


@pytest.fixture
def reports_only(tmp_path) -> Path:
    """A tree of reports without images and tables, which tests change."""
    return build_mimic_cxr(tmp_path / "mimic-cxr", images=False, lists=False)


def test_every_study_is_a_case_in_order_of_patient_and_study(whole):
    cases, faults = read(whole)
    assert [case.case_id for case in cases] == [f"mimic-cxr:s{study.study}" for study in STUDIES]
    assert faults == []
    assert {case.corpus for case in cases} == {"mimic-cxr"}
    assert read(whole)[0] == cases


def test_a_case_has_what_tree_and_tables_say(whole):
    case = read(whole)[0][0]
    assert case.sections["findings"].startswith("There is a small left pleural\n effusion.")
    assert case.labels == ("Cardiomegaly", "-Pneumothorax", "Pleural Effusion")
    assert (case.split, case.studied_at) == ("train", "2180-05-06T21:30:14")
    names = dict(zip(P10.dicom_ids, (View.PA, View.LATERAL), strict=True))
    assert {image.sop_instance_uid: image.view for image in case.images} == names
    assert all(Path(image.path).is_file() and Path(image.path).is_absolute() for image in case.images)


def test_views_splits_and_times_as_the_tables_write_them(whole):
    by_id = {case.case_id: case for case in read(whole)[0]}
    assert [by_id[f"mimic-cxr:s{study.study}"].split for study in STUDIES] == ["train", "train", "val", "test"]
    assert {image.view for image in by_id["mimic-cxr:s51000011"].images} == {View.AP, View.UNKNOWN}
    assert {image.view for image in by_id["mimic-cxr:s54000999"].images} == {View.PA, View.LATERAL}  # written LL
    assert by_id["mimic-cxr:s53189527"].studied_at == "2180-06-26T08:05:56"  # written 80556.875


def test_everything_is_restricted(whole):
    collection = find_kind("mimic-cxr").open(whole, OPTIONS)
    assert collection.info.restricted
    assert all(case.restricted for case in collection.items)
    assert collection.info.licence == "PhysioNet Credentialed Health Data License 1.5.0"


def test_studies_of_a_patient_share_a_key_that_is_not_the_id(whole):
    first, second, third, _ = read(whole)[0]
    assert first.patient_key == second.patient_key != third.patient_key
    assert str(P10.subject) not in first.patient_key


def test_a_name_of_the_users_own(whole):
    cases, _ = read(whole, options=replace(OPTIONS, name="cxr-2"))
    assert cases[0].case_id == "cxr-2:s50414267"
    assert cases[0].patient_key == read(whole)[0][0].patient_key


def test_the_total_is_the_study_lists(whole, reports_only):
    assert find_kind("mimic-cxr").open(whole, OPTIONS).total == len(STUDIES)
    assert find_kind("mimic-cxr").open(reports_only, OPTIONS).total is None


def test_jpg_cases_and_images_have_the_ids_of_the_dicom_ones(whole, tmp_path):
    jpg = find_kind("mimic-cxr-jpg").open(build_mimic_cxr_jpg(tmp_path / "jpg"), OPTIONS)
    assert jpg.merge is find_kind("mimic-cxr").open(whole, OPTIONS).merge is Merge.UPDATE
    ours = {i.case_id: i for i in jpg.items if isinstance(i, Case)}
    for case in read(whole)[0]:
        other = ours[case.case_id]
        assert other.patient_key == case.patient_key
        assert [(i.sop_instance_uid, i.view) for i in other.images] == [
            (i.sop_instance_uid, i.view) for i in case.images
        ]
        assert all(image.path.endswith(".jpg") for image in other.images)


def test_without_reports_the_labels_stand_in_and_that_is_said_once(tmp_path):
    cases, faults = read(build_mimic_cxr_jpg(tmp_path / "jpg"), "mimic-cxr-jpg")
    assert cases[0].sections == {"labels": "Pleural effusion. Cardiomegaly. No pneumothorax."}
    assert codes_of(faults, kept=True) == ["missing_report"]


def test_reports_from_another_folder(tmp_path):
    build_mimic_cxr(tmp_path / "dcm", reports=tmp_path / "mimic-cxr-reports")
    jpg = build_mimic_cxr_jpg(tmp_path / "jpg")
    given = replace(OPTIONS, reports=tmp_path / "mimic-cxr-reports")
    for folder, kind in ((tmp_path / "dcm", "mimic-cxr"), (jpg, "mimic-cxr-jpg")):
        cases, faults = read(folder, kind, given)
        assert [bool(case.images) and "labels" not in case.sections for case in cases] == [True] * len(STUDIES)
        assert faults == []


def test_the_archives_own_folder_beside_the_tree_is_found(tmp_path):
    build_mimic_cxr(tmp_path, reports=tmp_path / "mimic-cxr-reports")
    cases, faults = read(tmp_path)
    assert len(cases) == len(STUDIES)
    assert faults == []


def test_reports_that_are_still_packed_are_an_error_that_says_so(tmp_path):
    build_mimic_cxr(tmp_path / "dcm", reports=tmp_path / "elsewhere")
    (tmp_path / "dcm" / "mimic-cxr-reports.zip").write_bytes(b"PK")
    with pytest.raises(CorpusError, match="still packed"):
        find_kind("mimic-cxr").open(tmp_path / "dcm", OPTIONS)


def test_a_reports_folder_without_reports_is_an_error(whole, tmp_path):
    with pytest.raises(CorpusError, match="no MIMIC-CXR reports"):
        find_kind("mimic-cxr").open(whole, replace(OPTIONS, reports=tmp_path))


def test_reports_alone_are_cases_without_images_and_that_is_said_once(reports_only):
    cases, faults = read(reports_only)
    assert [case.images for case in cases] == [()] * len(STUDIES)
    assert codes_of(faults, kept=True) == ["missing_image"]
    assert codes_of(faults) == []


def test_the_tree_itself_may_be_given(whole):
    cases, _ = read(whole / "files")
    assert [case.labels for case in cases] == [case.labels for case in read(whole)[0]]


def test_a_listed_image_that_is_not_there_keeps_its_path_for_ingest_to_miss(tmp_path):
    folder = build_mimic_cxr(tmp_path)
    gone = folder / P10.place / f"{P10.dicom_ids[0]}.dcm"
    gone.unlink()
    cases, _ = read(folder)
    assert str(gone) in [image.path for image in cases[0].images]


def test_studies_that_were_not_downloaded_are_told_of_once_a_group(tmp_path):
    folder = build_mimic_cxr(tmp_path, [P10])
    build_mimic_cxr(folder, STUDIES, images=False)
    for study in (P10B, P11B):
        (folder / f"{study.place}.txt").unlink()
    cases, faults = read(folder)
    assert [(case.case_id, len(case.images)) for case in cases] == [
        ("mimic-cxr:s50414267", 2),
        ("mimic-cxr:s51000011", 0),
    ]
    assert [(fault.code.value, fault.item, fault.kept) for fault in faults] == [
        ("missing_image", "files/p10", True), ("missing_image", "files/p11", True)
    ]  # fmt: skip
    assert [fault.message[:9] for fault in faults] == ["1 studies", "2 studies"]


def test_a_study_with_a_report_whose_folder_is_gone_keeps_its_paths_for_ingest_to_miss(tmp_path):
    folder = build_mimic_cxr(tmp_path)
    shutil.rmtree(folder / P10.place)
    cases, faults = read(folder)
    assert [Path(image.path).exists() for image in cases[0].images] == [False, False]
    assert faults == []


def test_the_total_counts_only_patients_that_are_there(tmp_path):
    folder = build_mimic_cxr(tmp_path, STUDIES, images=False)
    shutil.rmtree(folder / "files/p11")
    assert find_kind("mimic-cxr").open(folder, OPTIONS).total == 2


def test_images_that_no_list_has_are_taken(tmp_path):
    folder = build_mimic_cxr(tmp_path, [P10])
    write_dicom(folder / P10.place / "extra.dcm", P10, 1)
    assert "extra" in [image.sop_instance_uid for image in read(folder)[0][0].images]


def test_other_files_in_the_tree_are_passed_over(reports_only):
    for name in ("index.html", ".DS_Store", "p10/index.html", "p10/p10000032/index.html"):
        (reports_only / "files" / name).write_text("x")
    cases, faults = read(reports_only)
    assert len(cases) == len(STUDIES)
    assert codes_of(faults) == []


def test_chexpert_labels_come_before_negbio(tmp_path):
    folder = build_mimic_cxr(tmp_path, [P10], images=False, tables=True)
    write_table(folder / "mimic-cxr-2.0.0-negbio.csv.gz", ("subject_id", "study_id", *LABELS),
                [(P10.subject, P10.study, *["0.0"] * 14)])  # fmt: skip
    assert "Cardiomegaly" in read(folder)[0][0].labels
    (folder / "mimic-cxr-2.0.0-chexpert.csv.gz").unlink()
    assert "-Cardiomegaly" in read(folder)[0][0].labels


def test_tables_may_be_unpacked(tmp_path):
    folder = build_mimic_cxr(tmp_path, [P10], images=False, tables=True)
    for path in folder.glob("*.csv.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert table_path(folder, "mimic-cxr-*-split") == folder / "mimic-cxr-2.0.0-split.csv"
    cases, _ = read(folder)
    assert (cases[0].split, bool(cases[0].labels)) == ("train", True)


def test_which_kind_a_folder_is(whole, reports_only, tmp_path):
    jpg = build_mimic_cxr_jpg(tmp_path / "jpg", [P10])
    assert [kind.name for kind in KINDS.values() if kind.name.startswith("mimic") and kind.looks_like(whole)] == [
        "mimic-cxr"
    ]
    assert [kind.name for kind in KINDS.values() if kind.name.startswith("mimic") and kind.looks_like(jpg)] == [
        "mimic-cxr-jpg"
    ]
    assert KINDS["mimic-cxr"].looks_like(reports_only)
    for kind in ("mimic-cxr", "mimic-cxr-jpg"):
        assert not KINDS[kind].looks_like(tmp_path)
        assert not KINDS[kind].looks_like(tmp_path / "nothing")
    with pytest.raises(CorpusError) as caught:
        find_kind("mimic-cxr").open(jpg, OPTIONS)
    assert "mimic-cxr-jpg" in str(caught.value.hint)
    assert kind_of(jpg).name == "mimic-cxr-jpg"


def test_the_trees_images_are_chest_films_that_radrag_takes(whole):
    loaded = [load_image(path) for path in sorted(whole.rglob("*.dcm"))]
    assert len({one.image.pixel_sha256 for one in loaded}) == len(loaded)


def test_an_image_in_two_tables_is_one_image_with_the_view_that_either_gives(tmp_path):
    folder = build_mimic_cxr(tmp_path, [P10], images=False, tables=True)
    reading = read_studies(folder)
    with pytest.raises(StopIteration) as stopped:
        next(reading)
    assert stopped.value.value.images(P10.study) == dict(zip(P10.dicom_ids, (View.PA, View.LATERAL), strict=True))
    assert stopped.value.value.images(P11.study) == {}


def test_tables_without_any_file_say_nothing(tmp_path):
    reading = read_studies(tmp_path)
    with pytest.raises(StopIteration) as stopped:
        next(reading)
    assert len(stopped.value.value) == 0
