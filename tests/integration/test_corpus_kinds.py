"""Each kind of collection, in its real layout: added by the command, verified, indexed, and cited by a draft."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from corpus_trees_mimic import build_mimic_cxr, build_mimic_cxr_jpg, build_noteevents
from corpus_trees_own import build_hospital, build_pairs
from corpus_trees_public import (
    STUDIES,
    Study,
    build_chexpert,
    build_chexpert_plus,
    build_kaggle,
    build_openi,
    build_r2gen,
)

from data_prep.kinds import KINDS, kind_of
from radrag.cli.main import run
from radrag.settings import load_settings
from radrag.workspace import Workspace


class Tree(NamedTuple):
    """A layout: kind, name of the corpus, what writes it, whether its terms restrict it."""

    kind: str
    corpus: str
    build: Callable[[Path], object]
    restricted: bool


EFFUSIONS = tuple(
    Study(
        100 + number,
        labels={"Pleural Effusion": "1.0", "Pneumothorax": "0.0"},
        findings="There is a pleural effusion. No pneumothorax.",
        impression="Pleural effusion.",
    )
    for number in range(4)
)
"""The sample radiograph's image findings ask for an effusion; a case alone is not copied from."""

TREES = {
    "openi": Tree("iu-xray", "iu-xray", build_openi, False),
    "kaggle": Tree("iu-xray", "iu-xray", build_kaggle, False),
    "r2gen": Tree("iu-xray", "iu-xray", build_r2gen, False),
    "mimic-cxr": Tree("mimic-cxr", "mimic-cxr", build_mimic_cxr, True),
    "mimic-cxr-jpg": Tree("mimic-cxr-jpg", "mimic-cxr", build_mimic_cxr_jpg, True),
    "chexpert": Tree("chexpert", "chexpert", lambda folder: build_chexpert(folder, (*STUDIES, *EFFUSIONS)), True),
    "chexpert-plus": Tree(
        "chexpert-plus", "chexpert-plus", lambda folder: build_chexpert_plus(folder, (*STUDIES, *EFFUSIONS)), True
    ),
    "mimic-iii": Tree("mimic-iii", "mimic-iii", lambda folder: build_noteevents(folder / "NOTEEVENTS.csv.gz"), True),
    "pairs": Tree("pairs", "ours", build_pairs, False),
    "dicom+sr": Tree("dicom+sr", "ours", build_hospital, True),
}


def test_every_kind_has_a_tree():
    assert {tree.kind for tree in TREES.values()} == set(KINDS)


@pytest.mark.parametrize("name", TREES)
def test_a_tree_is_added_verified_indexed_and_cited(name, tmp_path, capsys, sample_radiograph):
    tree, root, workspace = TREES[name], tmp_path / "collection", tmp_path / "workspace"
    root.mkdir()
    tree.build(root)
    assert kind_of(root).name == tree.kind

    def radrag(*arguments):
        code = run(["--workspace", str(workspace), *arguments])
        return code, capsys.readouterr()

    add = ["corpus", "add", tree.kind, str(root), "--workers", "0", "--json"]
    if tree.corpus == "ours":
        add += ["--name", "ours"]
    _, first = radrag(*add)
    report = json.loads(first.out)
    assert report["corpus"] == tree.corpus
    assert report["added"] > 0
    code, again = radrag(*add)
    assert json.loads(again.out) == report | {"added": 0, "updated": 0, "unchanged": report["added"]}
    assert code == (1 if report["rejected"] else 0)
    code, listed = radrag("corpus", "report", tree.corpus, "--json")
    lines = json.loads(listed.out)["rejections"]
    assert {line["code"] for line in lines if not line["kept"]} == set(report["rejected"])
    assert not any(Path(line["item"]).is_absolute() for line in lines)

    code, verified = radrag("corpus", "verify", tree.corpus, "--json")
    found = json.loads(verified.out)
    assert (found["broken"], found["files"]) == ([], [])

    store = Workspace(load_settings(workspace=workspace)).store
    assert store.corpora()[0].restricted is tree.restricted
    assert all(case.restricted is tree.restricted for case in store.iter_cases())
    assert store.corpora()[0].finished_at

    assert radrag("index", "build")[0] == 0
    code, drafted = radrag("draft", str(sample_radiograph), "--json")
    assert code == 0
    draft = json.loads(drafted.out)
    links = [link for sentence in draft["sentences"] for link in sentence["links"]]
    assert links, "no sentence of the draft cites the collection"
    for link in links:
        case = store.case(link["case_id"])
        assert case.corpus == tree.corpus
        assert case.sections[link["section"]][link["start"] : link["end"]] == link["quote"]

    assert radrag("corpus", "remove", tree.corpus, "--yes")[0] == 0
    assert radrag("draft", str(sample_radiograph))[0] == 1  # nothing is left to search


@pytest.mark.parametrize("name", TREES)
def test_a_folder_of_another_kind_is_named(name, tmp_path, capsys):
    tree, root = TREES[name], tmp_path / "collection"
    root.mkdir()
    tree.build(root)
    other = "chexpert" if tree.kind != "chexpert" else "mimic-iii"
    assert run(["--workspace", str(tmp_path / "w"), "corpus", "add", other, str(root)]) == 1
    said = capsys.readouterr().err
    assert f"is not laid out like {other}" in said
    assert f"It looks like {tree.kind}: radrag corpus add {tree.kind}" in said


def test_bundled_reports_gain_the_images_that_a_user_adds(tmp_path, capsys):
    root, workspace = tmp_path / "collection", tmp_path / "workspace"
    build_openi(root)
    assert run(["--workspace", str(workspace), "corpus", "add", "iu-reports"]) == 0
    store = Workspace(load_settings(workspace=workspace)).store
    before = {case.case_id: case for case in store.iter_cases()}
    run(["--workspace", str(workspace), "corpus", "add", "iu-xray", str(root), "--workers", "0"])
    gained = [case for case in store.iter_cases() if any(image.path for image in case.images)]
    both = [case for case in gained if case.case_id in before]
    assert both
    for case in both:
        assert set(case.sections) >= set(before[case.case_id].sections)
        assert all(image.file_sha256 for image in case.images if image.path)
    count = store.count_cases()
    run(["--workspace", str(workspace), "corpus", "add", "iu-reports"])
    assert store.count_cases() == count
    assert {case.case_id: case for case in store.iter_cases() if case in gained} == {c.case_id: c for c in gained}


def test_mimic_in_both_forms_is_one_corpus_of_the_same_cases(tmp_path):
    workspace = tmp_path / "workspace"
    build_mimic_cxr(tmp_path / "dicom")
    build_mimic_cxr_jpg(tmp_path / "jpg")
    run(["--workspace", str(workspace), "corpus", "add", "mimic-cxr", str(tmp_path / "dicom"), "--workers", "0"])
    store = Workspace(load_settings(workspace=workspace)).store
    reports = {case.case_id: dict(case.sections) for case in store.iter_cases()}
    images = {case.case_id: {image.sop_instance_uid for image in case.images} for case in store.iter_cases()}
    run(["--workspace", str(workspace), "corpus", "add", "mimic-cxr-jpg", str(tmp_path / "jpg"), "--workers", "0"])
    for case in store.iter_cases():
        if case.case_id in reports:
            assert dict(case.sections) == reports[case.case_id]
            assert {image.sop_instance_uid for image in case.images} == images[case.case_id]
            assert case.split in ("train", "val", "test")
