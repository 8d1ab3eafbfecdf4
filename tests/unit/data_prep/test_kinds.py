"""The kinds of collections: found by name, recognised by layout, and a wrong one is told from the right one."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from corpus_trees_mimic import build_mimic_cxr, build_mimic_cxr_jpg, build_noteevents
from corpus_trees_own import build_hospital, build_pairs
from corpus_trees_public import build_chexpert, build_chexpert_plus, build_kaggle, build_openi, build_r2gen

from data_prep.kinds import KINDS, Kind, Options, find_kind, kind_of
from radrag.errors import CorpusError, UsageError

OPTIONS = Options(salt="pepper")


TREES = (
    ("iu-xray", build_openi),
    ("iu-xray", build_kaggle),
    ("iu-xray", build_r2gen),
    ("mimic-cxr", build_mimic_cxr),
    ("mimic-cxr-jpg", build_mimic_cxr_jpg),
    ("chexpert", build_chexpert),
    ("chexpert-plus", build_chexpert_plus),
    ("mimic-iii", lambda folder: build_noteevents(folder / "NOTEEVENTS.csv.gz")),
    ("dicom+sr", build_hospital),
    ("pairs", build_pairs),
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("image,text\n,No effusion.\n")
    return path


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
class TestEachKind:
    def test_has_a_reader_and_a_way_to_recognise_its_layout(self, kind):
        module = import_module(f"data_prep.{kind.module}")
        assert callable(getattr(module, f"{kind.prefix}_looks_like"))
        assert callable(getattr(module, f"{kind.prefix}_open"))

    def test_is_listed_under_its_name_with_one_line_of_help(self, kind):
        assert find_kind(kind.name) is kind
        assert "\n" not in kind.title
        assert re.fullmatch(r"[a-z0-9+-]+", kind.name)

    def test_does_not_take_what_is_empty_or_no_collection_for_one(self, kind, tmp_path):
        (tmp_path / "empty").mkdir()
        (tmp_path / "notes.txt").write_text("Nothing of the kind.")
        for name in ("empty", "notes.txt", "absent"):
            assert not kind.looks_like(tmp_path / name)

    def test_a_path_that_is_not_there_is_an_error(self, kind, tmp_path):
        with pytest.raises(CorpusError, match="no file or folder"):
            kind.open(tmp_path / "absent", OPTIONS)


@pytest.mark.parametrize(("name", "build"), TREES, ids=[f"{name} {build.__name__}" for name, build in TREES])
def test_each_real_layout_is_recognised_as_its_own_kind(name, build, tmp_path):
    folder = tmp_path / "collection"
    build(folder)
    assert kind_of(folder).name == name
    collection = find_kind(name).open(folder, Options(salt="pepper", name="mine"))
    assert collection.root == folder
    assert collection.info.name == "mine"


def test_a_test_tree_is_there_for_every_kind():
    assert {name for name, _ in TREES} == KINDS.keys()


def test_an_unknown_kind_is_an_error_that_lists_the_known():
    with pytest.raises(UsageError) as error:
        find_kind("mimic")
    assert "'mimic'" in str(error.value)
    assert error.value.hint == f"Kinds: {', '.join(KINDS)}."


def test_the_layout_of_another_kind_is_named_with_the_command(table):
    with pytest.raises(CorpusError) as error:
        find_kind("mimic-cxr").open(table, OPTIONS)
    assert "not laid out like mimic-cxr" in str(error.value)
    assert f"looks like pairs: radrag corpus add pairs {table}" in error.value.hint


def test_the_layout_of_no_kind_points_to_the_documents(tmp_path):
    (tmp_path / "notes.txt").write_text("Nothing of the kind.")
    with pytest.raises(CorpusError) as error:
        find_kind("pairs").open(tmp_path, OPTIONS)
    assert "none of the known kinds" in error.value.hint


def test_a_table_is_pairs_and_a_particular_layout_is_more_than_that(table):
    assert kind_of(table).name == "pairs"
    assert kind_of(table.parent).name == "pairs"


def test_the_root_is_the_folder_or_that_of_the_file(table):
    assert find_kind("pairs").open(table, OPTIONS).root == table.parent
    assert find_kind("pairs").open(table.parent, OPTIONS).root == table.parent


def test_only_what_is_asked_is_imported(monkeypatch, tmp_path):
    broken = Kind("broken", "a kind whose module is not there", "no_such_module", "x")
    monkeypatch.setitem(KINDS, "broken", broken)
    assert find_kind("broken") is broken
    with pytest.raises(ModuleNotFoundError):
        broken.looks_like(tmp_path)


@pytest.mark.data
def test_the_shared_pairs_are_pairs(shared_data: Path):
    assert kind_of(shared_data / "pairs").name == "pairs"
