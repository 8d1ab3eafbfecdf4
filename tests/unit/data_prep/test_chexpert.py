"""CheXpert's tables and tree become one case a study, with its labels in words."""

import shutil
from dataclasses import replace

import pytest
from corpus_trees_public import CHEXPERT_COLUMNS, STUDIES, Study, build_chexpert, write_csv, write_image

from data_prep.chexpert_labels import LABELS
from data_prep.kinds import KINDS, Options, kind_of
from radrag.corpus.collection import Rejection
from radrag.dicom.read import load_image
from radrag.domain import View

KIND = KINDS["chexpert"]
BATCH = "CheXpert-v1.0 batch {}".format


def read(path, options=None):
    items = list(KIND.open(path, options or Options("salt")).items)
    rejected = [item for item in items if isinstance(item, Rejection)]
    return {item.case_id: item for item in items if not isinstance(item, Rejection)}, rejected


def told(rejected):
    return [(one.code.value, one.item, one.kept) for one in rejected]


def append(table, *rows):
    with table.open("a") as file:
        file.writelines(f"{row}\n" for row in rows)


def test_a_study_is_one_case_with_its_views_labels_and_split(tmp_path):
    assert kind_of(build_chexpert(tmp_path)) is KIND
    cases, rejected = read(tmp_path)
    assert rejected == []
    assert list(cases) == [f"chexpert:patient{name}" for name in ("00001-study1", "00001-study2", "00002-study1",
                                                                   "64541-study1")]  # fmt: skip
    case = cases["chexpert:patient00001-study1"]
    assert case.labels == ("Cardiomegaly", "?Edema", "-Pleural Effusion")
    assert case.sections == {"labels": "Cardiomegaly. Possible edema. No pleural effusion."}
    assert [image.view for image in case.images] == [View.PA, View.LATERAL]
    assert (case.sex, case.age, case.split) == ("F", 68, "train")
    assert cases["chexpert:patient64541-study1"].split == "val"
    assert cases["chexpert:patient00002-study1"].images[0].view is View.AP
    assert all(load_image(tmp_path / image.path).pixels.size for one in cases.values() for image in one.images)


def test_the_collection_is_restricted_whatever_the_user_says(tmp_path):
    collection = KIND.open(build_chexpert(tmp_path), Options("salt", name="stanford", restricted=False))
    case = next(item for item in collection.items if not isinstance(item, Rejection))
    assert collection.info.restricted
    assert case.restricted
    assert case.case_id == "stanford:patient00001-study1"
    assert case.licence == "Stanford University Dataset Research Use Agreement"


def test_one_patients_studies_share_a_key_that_hides_the_id(tmp_path):
    cases, _ = read(build_chexpert(tmp_path))
    keys = [case.patient_key for case in cases.values()]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert "00001" not in keys[0]


@pytest.mark.parametrize("prefix", ["CheXpert-v1.0/", "CheXpert-v1.0-small/", "", "data/CheXpert-v1.0/"])
def test_the_prefix_of_the_tables_paths_does_not_matter(tmp_path, prefix):
    cases, rejected = read(build_chexpert(tmp_path, prefix=prefix))
    assert len(cases) == 4
    assert rejected == []


@pytest.mark.parametrize("name", ["CheXpert-v1.0-small", "CheXpert-v1.0"])
def test_the_folder_above_the_release_will_do(tmp_path, name):
    build_chexpert(tmp_path / name, prefix=f"{name}/")
    cases, rejected = read(tmp_path)
    assert rejected == []
    assert sum(len(case.images) for case in cases.values()) == 7


def test_the_full_release_in_four_folders_is_one_tree(tmp_path):
    first = build_chexpert(tmp_path / BATCH("1 (validate & csv)"), prefix="CheXpert-v1.0/")
    for number, patient in ((2, "patient00001"), (3, "patient00002")):
        target = tmp_path / BATCH(f"{number} (train {number - 1})")
        target.mkdir()
        (first / "train" / patient).rename(target / patient)
    (first / "train").rmdir()
    cases, rejected = read(tmp_path)
    assert rejected == []
    assert all(load_image(tmp_path / image.path).pixels.size for case in cases.values() for image in case.images)


def test_the_test_sets_table_has_paths_and_labels_only(tmp_path):
    build_chexpert(tmp_path)
    path = "test/patient64741/study1/view1_frontal.jpg"
    write_image(tmp_path / path, path)
    write_csv(tmp_path / "test_labels.csv", ("Path", *LABELS[1:]), [(path, "0.0", "1.0", *["0.0"] * 11)])
    cases, rejected = read(tmp_path)
    case = cases["chexpert:patient64741-study1"]
    assert rejected == []
    assert (case.split, case.sex, case.age, case.images[0].view) == ("test", "", None, View.UNKNOWN)
    assert "Cardiomegaly" in case.labels


def test_faulty_rows_are_told_and_the_rest_goes_on(tmp_path):
    labels = "," * 13
    append(
        build_chexpert(tmp_path) / "train.csv",
        f"../../patient00009/study1/view1_frontal.jpg,Male,50,Frontal,AP,1.0{labels}",
        f"CheXpert-v1.0-small/train/someone/view1.jpg,Male,50,Frontal,AP,1.0{labels}",
        f"CheXpert-v1.0-small/train/patient00009/study1/view1_frontal.jpg,Male,50,Frontal,AP,5{labels}",
        f"CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Male,50,Frontal,AP,1.0{labels}",
        "too,few",
    )
    cases, rejected = read(tmp_path)
    assert len(cases) == 4
    # The rows of patient 1 are known to come twice only when its new run of rows has ended.
    assert sorted(told(rejected)) == [
        ("bad_row", "train.csv:11", False),
        ("bad_value", "train.csv:9", False),
        ("duplicate_id", "train.csv:10", False),
        ("missing_id", "train.csv:8", False),
        ("path_outside", "train.csv:7", False),
    ]


def test_views_that_disagree_or_come_twice_are_told(tmp_path):
    table = build_chexpert(tmp_path, (replace(STUDIES[0], labels={"Edema": "1.0"}),)) / "train.csv"
    front, side = table.read_text().splitlines()[1:]
    table.write_text("\n".join([",".join(CHEXPERT_COLUMNS), front, front, side.replace("1.0,", "0.0,")]) + "\n")
    cases, rejected = read(tmp_path)
    (case,) = cases.values()
    assert len(case.images) == 2
    assert case.labels == ("Edema",)
    assert told(rejected) == [("duplicate_id", "train.csv:3", False), ("ambiguous_match", "train.csv:4", True)]


def test_a_wrong_header_names_the_column(tmp_path):
    table = build_chexpert(tmp_path) / "train.csv"
    table.write_text(table.read_text().replace("Pleural Effusion", "Effusion", 1))
    cases, rejected = read(tmp_path)
    assert list(cases) == ["chexpert:patient64541-study1"]
    assert rejected[0].code == "wrong_header"
    assert "'Pleural Effusion'" in rejected[0].message


def test_a_split_without_images_is_told_once(tmp_path):
    shutil.rmtree(build_chexpert(tmp_path) / "train")
    cases, rejected = read(tmp_path)
    assert told(rejected) == [("missing_image", "train", True)]
    assert [len(case.images) for case in cases.values()] == [0, 0, 0, 2]


def test_a_study_without_labels_is_stored_and_told(tmp_path):
    cases, rejected = read(build_chexpert(tmp_path, (replace(STUDIES[0], labels={}), STUDIES[2])))
    assert not cases["chexpert:patient00001-study1"].sections
    assert told(rejected) == [("missing_report", "train.csv:2", True)]


def test_age_zero_and_sex_unknown_are_not_known(tmp_path):
    cases, _ = read(build_chexpert(tmp_path, (Study(7, labels={"Edema": "1.0"}, sex="Unknown", age="0"),)))
    (case,) = cases.values()
    assert (case.sex, case.age) == ("", None)


def test_other_peoples_train_csv_is_not_recognised(tmp_path):
    write_csv(tmp_path / "train.csv", ("Path", "Sex", "label"), [("a.jpg", "F", "cat")])
    assert not KIND.looks_like(tmp_path)
    assert not KIND.looks_like(tmp_path / "train.csv")
