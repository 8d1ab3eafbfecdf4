"""CheXpert Plus: reports in sections, one case a study, with the patients of CheXpert."""

import json
import shutil
from dataclasses import replace

import pytest
from corpus_trees_public import STUDIES, build_chexpert, build_chexpert_plus

from data_prep.kinds import KINDS, Options, kind_of
from radrag.corpus.collection import Rejection
from radrag.dicom.read import load_image
from radrag.domain import View

KIND = KINDS["chexpert-plus"]
FIRST = "chexpert-plus:patient00001-study1"
TABLE = "df_chexpert_plus_240401.csv"


def read(path, kind=KIND):
    items = list(kind.open(path, Options("salt")).items)
    rejected = [item for item in items if isinstance(item, Rejection)]
    return {item.case_id: item for item in items if not isinstance(item, Rejection)}, rejected


def told(rejected):
    return [(one.code.value, one.item, one.kept) for one in rejected]


def test_the_scattered_rows_of_a_study_are_one_case(tmp_path):
    assert kind_of(build_chexpert_plus(tmp_path)) is KIND
    cases, rejected = read(tmp_path)
    assert rejected == []
    assert len(cases) == 4
    case = cases[FIRST]
    assert case.sections == {
        "narrative": "Chest 2 views",
        "history": "Swollen ankles",
        "findings": "The heart is enlarged.  No pleural effusion.",
        "impression": "Cardiomegaly, possible mild edema.",
        "summary": "2-ABNORMAL",
    }
    assert [image.view for image in case.images] == [View.PA, View.LATERAL]
    assert (case.sex, case.age, case.split, case.restricted) == ("F", 68, "train", True)
    assert cases["chexpert-plus:patient64541-study1"].split == "val"


@pytest.mark.parametrize(
    "images", ["PNG/train", "PNG/PNG/train", "png_chexpert_plus_chunk_0/PNG/train", "PNG_train", "train",
               "DICOM/train", "DICOM/Uncompressed/train", "DICOM_train"],
)  # fmt: skip
def test_the_images_are_found_in_each_of_the_releases_trees(tmp_path, images):
    cases, rejected = read(build_chexpert_plus(tmp_path, images=images))
    assert rejected == []
    assert sum(len(case.images) for case in cases.values()) == 7
    assert all(load_image(tmp_path / image.path).pixels.size for case in cases.values() for image in case.images)


def test_of_png_and_dicom_the_film_itself_is_taken(tmp_path):
    build_chexpert_plus(tmp_path, images="PNG/train")
    build_chexpert_plus(tmp_path, images="DICOM/train")
    cases, _ = read(tmp_path)
    assert {image.path[-4:] for case in cases.values() for image in case.images} == {".dcm"}


def test_patients_are_the_same_in_both_collections(tmp_path):
    plus, _ = read(build_chexpert_plus(tmp_path / "plus"))
    plain, _ = read(build_chexpert(tmp_path / "plain"), KINDS["chexpert"])
    assert {name.replace("-plus", ""): case.patient_key for name, case in plus.items()} == {
        name: case.patient_key for name, case in plain.items()
    }


def test_labels_are_those_of_the_impression_and_never_of_a_blank_section(tmp_path):
    studies = (STUDIES[0], replace(STUDIES[1], impression="", findings=""), replace(STUDIES[2], impression=""))
    cases, _ = read(build_chexpert_plus(tmp_path, studies))
    assert [case.labels for case in cases.values()] == [
        ("Cardiomegaly", "?Edema", "-Pleural Effusion"),
        (),
        ("Pneumothorax",),
    ]


def test_label_files_are_not_needed(tmp_path):
    cases, rejected = read(build_chexpert_plus(tmp_path, labels=False))
    assert rejected == []
    assert {case.labels for case in cases.values()} == {()}


def test_faulty_lines_of_a_label_file_are_told(tmp_path):
    file = build_chexpert_plus(tmp_path) / "impression_fixed.json"
    entry = {"path_to_image": "train/patient00009/study1/view1_frontal.jpg", "Edema": 7}
    with file.open("a") as lines:
        lines.write(f"\nno json\n[1]\n{json.dumps(entry)}\n{json.dumps({'path_to_image': '/etc/passwd'})}\n")
    cases, rejected = read(tmp_path)
    assert cases[FIRST].labels
    assert told(rejected) == [
        ("bad_row", "impression_fixed.json:6", False),
        ("bad_row", "impression_fixed.json:7", False),
        ("bad_value", "impression_fixed.json:8", False),
        ("path_outside", "impression_fixed.json:9", False),
    ]


def test_faulty_rows_are_told_once_and_the_rest_goes_on(tmp_path):
    table = build_chexpert_plus(tmp_path) / TABLE
    rest = "," * 26
    with table.open("a") as file:
        file.write(f"../patient00009/study1/view1_frontal.jpg{rest}\nsomewhere.jpg{rest}\n")
        file.write(f"train/patient00001/study1/view1_frontal.jpg{rest}\nshort\n")
    cases, rejected = read(tmp_path)
    assert len(cases) == 4
    assert told(rejected) == [
        ("path_outside", f"{TABLE}:9", False),
        ("missing_id", f"{TABLE}:10", False),
        ("duplicate_id", f"{TABLE}:11", False),
        ("bad_row", f"{TABLE}:12", False),
    ]


def test_a_report_of_several_lines_is_kept_as_it_stands(tmp_path):
    text = ' 1. "Stable" heart,\n\n2. CLEAR LUNGS. '
    cases, _ = read(build_chexpert_plus(tmp_path, (replace(STUDIES[0], impression=text),)))
    assert cases[FIRST].sections["impression"] == text


def test_a_report_without_findings_and_impression_is_stored_and_told(tmp_path):
    cases, rejected = read(build_chexpert_plus(tmp_path, (replace(STUDIES[0], findings="", impression=""),)))
    assert len(cases[FIRST].images) == 2
    assert told(rejected) == [("missing_report", f"{TABLE}:2", True)]


def test_the_table_alone_is_a_text_only_collection(tmp_path):
    cases, rejected = read(build_chexpert_plus(tmp_path, images=""))
    assert all(case.images == () for case in cases.values())
    assert told(rejected) == [("missing_image", "train", True), ("missing_image", "valid", True)]


def test_a_wrong_header_names_the_column(tmp_path):
    table = build_chexpert_plus(tmp_path) / TABLE
    table.write_text(table.read_text().replace("section_impression", "impression", 1))
    cases, rejected = read(tmp_path)
    assert not cases
    assert [one.code for one in rejected] == ["wrong_header"]
    assert "'section_impression'" in rejected[0].message


def test_the_table_may_lie_in_a_folder_of_its_own(tmp_path):
    build_chexpert_plus(tmp_path)
    (tmp_path / "label").mkdir()
    for name in (TABLE, "impression_fixed.json"):
        shutil.move(tmp_path / name, tmp_path / "label" / name)
    cases, rejected = read(tmp_path)
    assert rejected == []
    assert cases[FIRST].labels == ("Cardiomegaly", "?Edema", "-Pleural Effusion")
