"""Open-i, Kaggle and R2Gen trees of one report become one case."""

import json
import shutil
from dataclasses import replace

import pytest
from corpus_trees_public import IU_REPORTS, build_kaggle, build_openi, build_r2gen, iu_xml, write_csv, write_image
from hypothesis import given
from hypothesis import strategies as st

from data_prep.iu_common import image_name
from data_prep.iu_xray import bundled_open, bundled_reports, iu_xray_open
from data_prep.kinds import KINDS, Options, kind_of
from radrag.corpus.collection import Merge, Rejection
from radrag.dicom.read import load_image
from radrag.domain import View
from radrag.errors import CorpusError

KIND = KINDS["iu-xray"]
SALT = Options("salt")


def read(path, options=SALT):
    items = list(KIND.open(path, options).items)
    rejected = [item for item in items if isinstance(item, Rejection)]
    return {item.case_id: item for item in items if not isinstance(item, Rejection)}, rejected


def told(rejected):
    return [(one.code.value, one.item, one.kept) for one in rejected]


def uids(case):
    return {image.sop_instance_uid for image in case.images}


@pytest.fixture(scope="module")
def bundled():
    return {case.case_id: case for case in bundled_reports(salt="salt")}


@pytest.mark.parametrize("build", [build_openi, build_kaggle, build_r2gen])
def test_a_layout_is_recognised_and_read_whole(tmp_path, build):
    assert kind_of(build(tmp_path)) is KIND
    cases, rejected = read(tmp_path)
    assert set(cases) == {"iu-xray:CXR1", "iu-xray:CXR25", "iu-xray:CXR27"}
    assert rejected == []
    assert all(load_image(tmp_path / image.path).pixels.size for case in cases.values() for image in case.images)


def test_one_report_has_one_id_one_patient_and_the_same_images_in_every_layout(tmp_path, bundled):
    openi, _ = read(build_openi(tmp_path / "openi"))
    films, _ = read(build_openi(tmp_path / "films", images="dcm"))
    kaggle, _ = read(build_kaggle(tmp_path / "kaggle"))
    r2gen, _ = read(build_r2gen(tmp_path / "r2gen"))
    for name, case in openi.items():
        keys = {layout[name].patient_key for layout in (openi, films, kaggle, r2gen, bundled)}
        assert len(keys) == 1
        assert uids(case) == uids(films[name]) == uids(kaggle[name]) == uids(bundled[name])
        assert "" not in uids(case)
        assert case.sections == kaggle[name].sections
        assert case.labels == kaggle[name].labels
        assert case.sections["findings"] == r2gen[name].sections["findings"]


def test_a_users_own_copy_updates_and_the_bundled_reports_only_fill(tmp_path):
    openi = iu_xray_open(build_openi(tmp_path / "openi"), SALT)
    kaggle = iu_xray_open(build_kaggle(tmp_path / "kaggle"), SALT)
    r2gen = iu_xray_open(build_r2gen(tmp_path / "r2gen"), SALT)
    assert (openi.merge, kaggle.merge, r2gen.merge) == (Merge.UPDATE, Merge.UPDATE, Merge.FILL)
    bundle = bundled_open(SALT)
    assert (bundle.merge, bundle.total, bundle.info.name) == (Merge.FILL, 3955, "iu-xray")
    assert openi.info.licence == kaggle.info.licence == bundle.info.licence == "CC BY-NC-ND 4.0"
    assert not bundle.info.restricted


def test_texts_and_codes_are_kept_as_they_stand(tmp_path):
    cases, _ = read(build_openi(tmp_path))
    case = cases["iu-xray:CXR1"]
    assert case.sections == {
        "indication": "Cough for XXXX",
        "findings": "Heart & mediastinum are of normal size.  Both lungs are clear.",
        "impression": "No acute disease.",
    }
    assert cases["iu-xray:CXR27"].labels == ("Cardiomegaly/mild", "Pleural Effusion/left/small")


def test_packed_reports_are_read_as_the_unpacked_ones(tmp_path):
    plain, _ = read(build_openi(tmp_path / "plain", images=""))
    packed, rejected = read(build_openi(tmp_path / "packed", images="", packed=True))
    assert packed == plain
    assert told(rejected) == [("missing_image", ".", True)]


def test_a_folder_of_xml_alone_is_the_collection_too(tmp_path):
    folder = build_openi(tmp_path, images="") / "NLMCXR_reports" / "ecgen-radiology"
    folder.rename(tmp_path / "texts")
    assert len(read(tmp_path / "texts")[0]) == 3


def test_images_alone_take_the_bundled_reports(tmp_path, bundled):
    shutil.rmtree(build_openi(tmp_path) / "NLMCXR_reports")
    cases, _ = read(tmp_path)
    assert set(cases) == {"iu-xray:CXR1", "iu-xray:CXR25", "iu-xray:CXR27"}
    assert cases["iu-xray:CXR27"].sections == bundled["iu-xray:CXR27"].sections
    assert uids(cases["iu-xray:CXR27"]) == uids(bundled["iu-xray:CXR27"])


def test_reports_may_lie_apart_from_the_images(tmp_path):
    build_openi(tmp_path)
    images, reports = tmp_path / "NLMCXR_png", tmp_path / "NLMCXR_reports"
    cases, rejected = read(images, Options("salt", reports=reports))
    assert rejected == []
    assert cases["iu-xray:CXR1"].sections["impression"] == "No acute disease."
    with pytest.raises(CorpusError, match="no XML reports"):
        KIND.open(images, Options("salt", reports=images))


def test_of_png_and_dicom_the_film_itself_is_taken(tmp_path):
    build_openi(tmp_path / "a")
    build_openi(tmp_path / "b", images="dcm")
    (tmp_path / "b" / "NLMCXR_dcm").rename(tmp_path / "a" / "NLMCXR_dcm")
    cases, _ = read(tmp_path / "a")
    assert {image.path[-4:] for case in cases.values() for image in case.images} == {".dcm"}


def test_faulty_reports_are_told_and_the_rest_goes_on(tmp_path):
    folder = build_openi(tmp_path) / "NLMCXR_reports" / "ecgen-radiology"
    good = iu_xml(IU_REPORTS[0])
    (folder / "2.xml").write_text(good[:200])
    (folder / "3.xml").write_text("")
    (folder / "4.xml").write_text('<!DOCTYPE a [<!ENTITY x "y">]><eCitation><uId id="CXR4"/>&x;</eCitation>')
    (folder / "5.xml").write_text("<eCitation><title>no id</title></eCitation>")
    (folder / "6.xml").write_text(good)
    cases, rejected = read(tmp_path)
    assert len(cases) == 3
    item = "NLMCXR_reports/ecgen-radiology/{}.xml".format
    assert told(rejected) == [
        ("broken_xml", item(2), False),
        ("empty_file", item(3), False),
        ("broken_xml", item(4), False),
        ("missing_id", item(5), False),
        ("duplicate_id", item(6), False),
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_a_report_in_another_encoding_is_read_and_told(tmp_path, encoding):
    report = replace(IU_REPORTS[0], findings="Sjögren's disease is known.")
    file = build_openi(tmp_path, (report,)) / "NLMCXR_reports" / "ecgen-radiology" / "1.xml"
    file.write_bytes(iu_xml(report).encode(encoding))
    cases, rejected = read(tmp_path)
    assert cases["iu-xray:CXR1"].sections["findings"] == "Sjögren's disease is known."
    assert told(rejected) == [("wrong_encoding", "NLMCXR_reports/ecgen-radiology/1.xml", True)]


def test_a_truncated_archive_gives_what_came_before(tmp_path):
    archive = build_openi(tmp_path, images="", packed=True) / "NLMCXR_reports.tgz"
    archive.write_bytes(archive.read_bytes()[:-200])
    _, rejected = read(tmp_path)
    assert ("truncated_file", "NLMCXR_reports.tgz", False) in told(rejected)


def test_missing_and_unnamed_images_are_told(tmp_path):
    build_openi(tmp_path)
    (tmp_path / "NLMCXR_png" / "CXR27_IM-1168-3003.png").unlink()
    write_image(tmp_path / "NLMCXR_png" / "CXR28_IM-1231-1001.png", "x")
    write_image(tmp_path / "NLMCXR_png" / "CXR28_IM-1231-2001.png", "x")
    cases, rejected = read(tmp_path)
    assert len(cases["iu-xray:CXR27"].images) == 1
    assert told(rejected) == [
        ("missing_image", "NLMCXR_reports/ecgen-radiology/27.xml", False),
        ("no_match", ".", True),
    ]
    assert "2 image" in rejected[1].message


def test_an_image_that_links_out_of_the_folder_is_refused(tmp_path):
    build_openi(tmp_path / "tree")
    film = tmp_path / "tree" / "NLMCXR_png" / "CXR27_IM-1168-3003.png"
    film.rename(tmp_path / "elsewhere.png")
    film.symlink_to(tmp_path / "elsewhere.png")
    cases, rejected = read(tmp_path / "tree")
    assert len(cases["iu-xray:CXR27"].images) == 1
    assert [one.code for one in rejected] == ["path_outside"]


@pytest.mark.parametrize("build", [build_openi, build_kaggle, build_r2gen])
def test_a_report_without_text_is_stored_and_told(tmp_path, build):
    build(tmp_path, (*IU_REPORTS[:2], replace(IU_REPORTS[2], findings=" ", impression="")))
    cases, rejected = read(tmp_path)
    assert len(cases["iu-xray:CXR25"].images) == 2
    assert not cases["iu-xray:CXR25"].sections
    assert [(one.code, one.kept) for one in rejected] == [("missing_report", True)]


def test_kaggles_projection_tells_lateral_from_frontal_against_the_header(tmp_path):
    """The header calls both images of report 1 PA and says nothing of those of report 25."""
    cases, _ = read(build_kaggle(tmp_path))
    assert [image.view for image in cases["iu-xray:CXR1"].images] == [View.PA, View.LATERAL]
    assert [image.view for image in cases["iu-xray:CXR25"].images] == [View.UNKNOWN, View.LATERAL]
    swapped = [("27", "27_IM-1168-3003.dcm.png", "Frontal")]
    write_csv(tmp_path / "indiana_projections.csv", ("uid", "filename", "projection"), swapped)
    (image,) = read(tmp_path)[0]["iu-xray:CXR27"].images
    assert image.view is View.UNKNOWN


def test_faulty_rows_of_kaggles_tables_are_told(tmp_path):
    build_kaggle(tmp_path)
    with (tmp_path / "indiana_reports.csv").open("a") as file:
        file.write("1,,,,,,again,\n,,,,,,no uid,\nx,,,,,,no number,\n7,too,few\n")
    with (tmp_path / "indiana_projections.csv").open("a") as file:
        file.write("25,../../outside.png,Frontal\n9000,9000_IM-0001-1001.dcm.png,Frontal\n9001,,Frontal\n")
    cases, rejected = read(tmp_path)
    assert len(cases) == 3
    assert told(rejected) == [
        ("missing_id", "indiana_projections.csv:10", False),
        ("path_outside", "indiana_reports.csv:4", False),
        ("duplicate_id", "indiana_reports.csv:5", False),
        ("missing_id", "indiana_reports.csv:6", False),
        ("bad_value", "indiana_reports.csv:7", False),
        ("bad_row", "indiana_reports.csv:8", False),
        ("no_match", "indiana_projections.csv", True),
    ]


def test_a_wrong_header_names_the_column(tmp_path):
    table = build_kaggle(tmp_path) / "indiana_reports.csv"
    table.write_text(table.read_text().replace("findings", "results", 1))
    cases, rejected = read(tmp_path)
    assert not cases
    assert rejected[0].code == "wrong_header"
    assert "'findings'" in rejected[0].message


@pytest.mark.parametrize("build", [build_kaggle, build_r2gen])
def test_a_tree_without_images_is_told_once(tmp_path, build):
    shutil.rmtree(build(tmp_path) / "images")
    cases, rejected = read(tmp_path)
    assert [case.images for case in cases.values()] == [(), (), ()]
    assert told(rejected) == [("missing_image", ".", True)]


def test_r2gens_split_is_kept_and_its_renumbered_images_stay_unnamed(tmp_path):
    cases, _ = read(build_r2gen(tmp_path))
    assert {name: case.split for name, case in cases.items()} == {
        "iu-xray:CXR1": "train",
        "iu-xray:CXR27": "val",
        "iu-xray:CXR25": "test",
    }
    assert {(image.sop_instance_uid, image.view) for image in cases["iu-xray:CXR27"].images} == {("", View.UNKNOWN)}


def test_faulty_entries_of_r2gens_file_are_told(tmp_path):
    file = build_r2gen(tmp_path) / "annotation.json"
    whole = json.loads(file.read_text())
    whole["val"] += [
        {"id": "s50414267", "report": "x", "image_path": []},
        {"id": "CXR30_IM-1385", "report": None},
        {"id": "CXR1_IM-0001", "report": "x"},
        {"id": "CXR31_IM-1450", "report": "Clear.", "image_path": ["/etc/x.png", "CXR31_IM-1450/0.png"]},
        "no entry",
    ]
    file.write_text(json.dumps(whole))
    cases, rejected = read(tmp_path)
    assert len(cases["iu-xray:CXR31"].images) == 1
    assert told(rejected) == [
        ("missing_id", "annotation.json:val[1]", False),
        ("bad_value", "annotation.json:val[2]", False),
        ("duplicate_id", "annotation.json:val[3]", False),
        ("path_outside", "annotation.json:val[4]", False),
        ("missing_id", "annotation.json:val[5]", False),
    ]
    file.write_text(file.read_text()[:-9])
    assert told(read(tmp_path)[1]) == [("unreadable_report", "annotation.json", False)]


def test_mimics_annotation_file_is_not_taken_for_this_collections(tmp_path):
    entry = {"id": "02aa804e-bde0afdd", "study_id": 1, "subject_id": 2, "report": "Clear.", "image_path": ["a/b.jpg"]}
    (tmp_path / "annotation.json").write_text(json.dumps({"train": [entry]}))
    assert not KIND.looks_like(tmp_path)


@pytest.mark.parametrize("name", ["notes", "scans.png"])
def test_other_folders_and_files_are_not_recognised(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "letter.xml").write_text("<letter/>")
    (tmp_path / name / "folder.xml").mkdir()
    (tmp_path / "file").write_text("x")
    assert not KIND.looks_like(tmp_path / name)
    assert not KIND.looks_like(tmp_path / "file")


@given(st.integers(1, 9999), st.integers(1, 9999), st.integers(1001, 9999), st.sampled_from(["", "-0001"]))
def test_an_images_name_is_the_same_in_every_layout(number, series, image, part):
    name = f"IM-{series:04d}-{image}{part}"
    spelled = [f"CXR{number}_{name}{end}" for end in ("", ".png", ".jpg", ".dcm")]
    spelled += [f"{number}_{name}.dcm", f"{number}_{name}.dcm.png", f"CXR{number}_{number}_{name}.png"]
    assert {image_name(text) for text in spelled} == {f"CXR{number}_{name}"}


@given(st.text())
def test_any_other_name_is_no_image(text):
    assert image_name(f"{text}.txt") == ""


def test_the_real_annotation_and_images_join_the_bundled_reports(shared_data, bundled):
    cases, rejected = read(shared_data / "iu_xray")
    assert rejected == []
    assert len(cases) == 2955
    assert all(case.sections["findings"] == bundled[name].sections["findings"] for name, case in cases.items())
    held = cases["iu-xray:CXR1000"].images
    # The table knows two of its three films.
    assert len(held) == 3
    assert {image.sop_instance_uid for image in held} - {""} == uids(bundled["iu-xray:CXR1000"])
