"""What is wrong in a copy of MIMIC-CXR is said with a code, and the rest goes on."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from corpus_trees_mimic import (
    STUDIES,
    build_mimic_cxr,
    codes_of,
    read_kind,
    write_dicom,
    write_side_tables,
    write_table,
)

from data_prep.kinds import Options
from radrag.corpus.collection import RejectionCode

P10, P10B, P11, P11B = STUDIES
RECORD_COLUMNS = ("subject_id", "study_id", "dicom_id", "path")


def read(folder):
    return read_kind("mimic-cxr", folder, Options(salt="pepper"))


@pytest.fixture
def reports_only(tmp_path) -> Path:
    """A tree of reports without images and tables, which tests change."""
    return build_mimic_cxr(tmp_path / "mimic-cxr", images=False, lists=False)


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


def test_a_truncated_table_gives_what_it_has_and_is_a_loss(tmp_path):
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


def test_faulty_rows_of_side_tables_are_named(tmp_path):
    folder = build_mimic_cxr(tmp_path, [P10], images=False, tables=True)
    write_table(folder / "mimic-cxr-2.0.0-split.csv.gz", ("dicom_id", "study_id", "subject_id", "split"),
                [("a", P10.study, P10.subject, "nowhere"), ("a", "s5", P10.subject, "test"),
                 ("a", P10.study, 5, "test")])  # fmt: skip
    cases, faults = read(folder)
    assert codes_of(faults) == ["bad_value", "missing_id", "duplicate_id"]
    assert cases[0].split == ""
    assert not any(str(P10.subject) in f.message or str(P10.study) in f.message for f in faults)


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
