"""MIMIC-CXR and MIMIC-CXR-JPG in their real layouts, whole, partial and damaged."""

import gzip
import os
from dataclasses import replace
from pathlib import Path

import pytest
from corpus_trees_mimic import (
    LABELS,
    STUDIES,
    build_mimic_cxr,
    build_mimic_cxr_jpg,
    write_dicom,
    write_side_tables,
    write_table,
)

from data_prep.kinds import KINDS, Options, find_kind, kind_of
from data_prep.mimic_tables import read_studies, table_path
from radrag.corpus.collection import Merge, Rejection, RejectionCode
from radrag.dicom.read import load_image
from radrag.domain import Case, View
from radrag.errors import CorpusError

OPTIONS = Options(salt="pepper")
P10, P10B, P11, P11B = STUDIES
RECORD_COLUMNS = ("subject_id", "study_id", "dicom_id", "path")


def read(folder, kind="mimic-cxr", options=OPTIONS):
    items = list(find_kind(kind).open(folder, options).items)
    return [i for i in items if isinstance(i, Case)], [i for i in items if isinstance(i, Rejection)]


def codes_of(faults, kept=False):
    return [fault.code.value for fault in faults if fault.kept == kept]


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


def test_patients_without_downloaded_images_are_told_of_once_a_group(tmp_path):
    folder = build_mimic_cxr(tmp_path, [P10], lists=True)
    build_mimic_cxr(folder, STUDIES, images=False)
    (folder / f"{P11B.place}.txt").unlink()
    cases, faults = read(folder)
    # The study of the same patient whose folder is missing has its listed image: ingest will say that it is not there.
    assert [(case.case_id, len(case.images)) for case in cases] == [
        ("mimic-cxr:s50414267", 2), ("mimic-cxr:s53189527", 1), ("mimic-cxr:s51000011", 0)
    ]  # fmt: skip
    assert [(fault.item, fault.kept) for fault in faults] == [("files/p11", True)]
    assert faults[0].message.startswith("2 studies")


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


def test_missing_and_empty_reports_are_said_and_the_rest_goes_on(reports_only):
    (reports_only / f"{P10.place}.txt").write_bytes(b" \n")
    (reports_only / P10B.place).mkdir()
    (reports_only / f"{P10B.place}.txt").unlink()
    write_table(reports_only / "cxr-study-list.csv.gz", ("subject_id", "study_id", "path"), [])
    (reports_only / f"{P11.place}.txt").write_text(" FINAL REPORT\n FINDINGS:\n")
    cases, faults = read(reports_only)
    assert [case.case_id for case in cases] == ["mimic-cxr:s54000999"]
    assert [(f.code.value, f.item) for f in faults if not f.kept] == [
        ("empty_file", f"{P10.place}.txt"), ("empty_file", f"{P11.place}.txt")
    ]  # fmt: skip


def test_a_study_with_images_but_no_report_is_rejected_or_taken_with_its_labels(tmp_path):
    folder = build_mimic_cxr(tmp_path, STUDIES[:2], lists=False)
    (folder / f"{P10.place}.txt").unlink()
    cases, faults = read(folder)
    assert [case.case_id for case in cases] == ["mimic-cxr:s53189527"]
    assert [(f.code, f.item, f.kept) for f in faults] == [(RejectionCode.MISSING_REPORT, P10.place, False)]
    write_side_tables(folder, STUDIES[:2])
    cases, faults = read(folder)
    assert list(cases[0].sections) == ["labels"]
    assert [(f.code, f.item, f.kept) for f in faults] == [(RejectionCode.MISSING_REPORT, P10.place, True)]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_reports_in_other_encodings_are_read_and_noted(reports_only, encoding):
    text = " FINAL REPORT\n FINDINGS:  Nodule of 3 mm² in the lung.\n"
    (reports_only / f"{P10.place}.txt").write_bytes(text.encode(encoding))
    cases, faults = read(reports_only)
    assert cases[0].sections == {"findings": "Nodule of 3 mm² in the lung."}
    assert ("wrong_encoding", f"{P10.place}.txt") in [(f.code.value, f.item) for f in faults if f.kept]


def test_names_that_give_no_id_are_said(reports_only):
    (reports_only / "files/p10/p10000032/study1").mkdir()
    (reports_only / "files/p10/p10000032/s5.txt").write_text("x")
    (reports_only / "files/p10/John").mkdir()
    write_dicom(reports_only / P10.place / "a.dcm", P10, 0)  # else there is no image tree to have study folders
    _, faults = read(reports_only)
    assert sorted(f.item for f in faults if f.code is RejectionCode.MISSING_ID) == [
        "files/p10/John", "files/p10/p10000032/s5.txt", "files/p10/p10000032/study1"
    ]  # fmt: skip


def test_a_study_in_two_places_is_taken_once(reports_only):
    copy = replace(P10, subject=10000033)
    build_mimic_cxr(reports_only, [copy], images=False, lists=False)
    cases, faults = read(reports_only)
    assert [case.case_id for case in cases].count("mimic-cxr:s50414267") == 1
    assert [(f.code.value, f.item) for f in faults if not f.kept] == [("duplicate_id", copy.place)]


def test_the_list_decides_whose_study_it_is(reports_only):
    build_mimic_cxr(reports_only, [replace(P10, subject=10000031)], images=False, lists=False)
    write_table(reports_only / "cxr-study-list.csv", ("subject_id", "study_id", "path"),
                [(P10.subject, P10.study, f"{P10.place}.txt")])  # fmt: skip
    cases, faults = read(reports_only)
    assert [c.patient_key for c in cases if c.case_id == "mimic-cxr:s50414267"] == [cases[1].patient_key]
    assert codes_of(faults) == ["duplicate_id"]


@pytest.mark.parametrize("path", ["../../etc/passwd.dcm", "/etc/passwd.dcm", "files/p10/../../../x.dcm", "C:\\x.dcm"])
def test_a_path_out_of_the_folder_in_a_list_is_refused(reports_only, path):
    write_table(reports_only / "cxr-record-list.csv.gz", RECORD_COLUMNS, [(P10.subject, P10.study, "ab-cd", path)])
    cases, faults = read(reports_only)
    assert codes_of(faults) == ["path_outside"]
    assert faults[0].item == "cxr-record-list.csv.gz:2"
    assert len(cases) == len(STUDIES)


def test_a_listed_path_that_disagrees_with_its_ids_is_refused(reports_only):
    row = (P10.subject, P10.study, "ab-cd", "files/p11/other.dcm")
    write_table(reports_only / "cxr-record-list.csv.gz", RECORD_COLUMNS, [row])
    assert codes_of(read(reports_only)[1]) == ["bad_value"]


def test_links_out_of_the_tree_are_refused(tmp_path):
    folder = build_mimic_cxr(tmp_path / "tree", tables=True)
    outside = tmp_path / "outside"
    outside.write_text("secret")
    for path in (folder / f"{P11.place}.txt", folder / P10.place / f"{P10.dicom_ids[0]}.dcm"):
        path.unlink()
        path.symlink_to(outside)
    cases, faults = read(folder)
    assert codes_of(faults) == ["path_outside", "path_outside"]
    assert [image.sop_instance_uid for image in cases[0].images] == [P10.dicom_ids[1]]
    assert "secret" not in repr(cases)


def test_a_truncated_table_gives_what_it_has_and_is_a_loss(whole, tmp_path):
    folder = build_mimic_cxr(tmp_path, images=False, tables=True)
    many = [replace(P10, study=50_000_000 + n, subject=19_000_000 + n) for n in range(3000)]
    write_side_tables(folder, [*STUDIES, *many])
    table = folder / "mimic-cxr-2.0.0-split.csv.gz"
    table.write_bytes(table.read_bytes()[:-5000])
    cases, faults = read(folder)
    assert codes_of(faults) == ["truncated_file"]
    assert faults[0].item == "mimic-cxr-2.0.0-split.csv.gz"
    splits = {case.case_id: case.split for case in cases}
    assert [splits[f"mimic-cxr:s{study.study}"] for study in STUDIES] == ["train", "train", "val", "test"]
    assert "" in splits.values()


def test_a_side_table_with_a_wrong_header_is_done_without(tmp_path):
    folder = build_mimic_cxr(tmp_path, images=False, tables=True)
    write_table(folder / "mimic-cxr-2.0.0-split.csv.gz", ("dicom", "study_id", "subject_id", "part"), [])
    cases, faults = read(folder)
    assert len(cases) == len(STUDIES)
    assert {case.split for case in cases} == {""}
    [fault] = [fault for fault in faults if fault.code is RejectionCode.WRONG_HEADER]
    assert fault.kept
    assert "'split'" in fault.message


def test_a_list_with_a_wrong_header_is_a_loss_and_the_tree_is_walked(tmp_path):
    folder = build_mimic_cxr(tmp_path, images=False)
    write_table(folder / "cxr-record-list.csv.gz", ("subject", "study_id", "dicom_id", "path"), [])
    cases, faults = read(folder)
    assert len(cases) == len(STUDIES)
    assert codes_of(faults) == ["wrong_header"]


def test_chexpert_labels_come_before_negbio(tmp_path):
    folder = build_mimic_cxr(tmp_path, [P10], images=False, tables=True)
    write_table(folder / "mimic-cxr-2.0.0-negbio.csv.gz", ("subject_id", "study_id", *LABELS),
                [(P10.subject, P10.study, *["0.0"] * 14)])  # fmt: skip
    assert "Cardiomegaly" in read(folder)[0][0].labels
    (folder / "mimic-cxr-2.0.0-chexpert.csv.gz").unlink()
    assert "-Cardiomegaly" in read(folder)[0][0].labels


def test_faulty_rows_of_side_tables_are_named(tmp_path):
    folder = build_mimic_cxr(tmp_path, [P10], images=False, tables=True)
    write_table(folder / "mimic-cxr-2.0.0-split.csv.gz", ("dicom_id", "study_id", "subject_id", "split"),
                [("a", P10.study, P10.subject, "nowhere"), ("a", "s5", P10.subject, "test"),
                 ("a", P10.study, 5, "test")])  # fmt: skip
    cases, faults = read(folder)
    assert codes_of(faults) == ["bad_value", "missing_id", "duplicate_id"]
    assert cases[0].split == ""
    assert not any(str(P10.subject) in f.message or str(P10.study) in f.message for f in faults)


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


def test_a_folder_that_cannot_be_listed_loses_only_itself(reports_only, monkeypatch):
    closed, scandir = (reports_only / P10.place).parent, os.scandir

    def refuse(folder):
        if Path(folder) == closed:
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    cases, faults = read(reports_only)
    assert [case.case_id for case in cases] == ["mimic-cxr:s51000011", "mimic-cxr:s54000999"]
    assert [(f.code.value, f.item) for f in faults if not f.kept] == [("missing_image", "files/p10/p10000032")]


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
