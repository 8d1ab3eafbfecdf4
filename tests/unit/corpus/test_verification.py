"""Verifying a corpus: texts, files and sides, each fault with its place, and nothing of other corpora."""

import shutil
from pathlib import Path

import pytest
from pictures import write_film

from radrag.corpus.preparing import Preparer, Waiting
from radrag.corpus.verification import FileFault, Verification, verify
from radrag.domain import Case, StudyImage, View
from radrag.errors import CorpusError
from radrag.store.repository import Store
from radrag.store.values import CorpusInfo


@pytest.fixture
def store():
    with Store.open("sqlite://") as opened:
        yield opened


def add(store, corpus, *rows):
    """Add cases as ingest prepares them; a row is (number, patient, split, image files…)."""
    cases = [
        Case(
            f"{corpus}:{number}",
            corpus,
            patient,
            tuple(StudyImage("", View.PA, 0, 0, str(path)) for path in paths),
            {"findings": f"Nodule {number}."},
            split=split,
        )
        for number, patient, split, *paths in rows
    ]
    arrivals, rejections = Preparer()([Waiting(case, "s") for case in cases])
    assert rejections == []
    store.write_batch(CorpusInfo(corpus), arrivals, [], run="r")


def film(folder, seed, name=""):
    return write_film(folder / (name or f"{seed}.png"), seed)


def test_a_corpus_as_it_was_added_is_sound(store, tmp_path):
    add(store, "a", (1, "p1", "train", film(tmp_path, 1)), (2, "p2", "test", film(tmp_path, 2)), (3, "", ""))
    assert verify(store, "a") == Verification()


def test_damaged_text_is_named_by_case(store):
    add(store, "a", (1, "", ""), (2, "", ""))
    add(store, "b", (1, "", ""))
    with store._database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE sections SET text = 'Nodule 7.' WHERE case_pk > 1")
    assert verify(store, "a").broken == ["a:2"]
    assert verify(store, "b").broken == ["b:1"]


def test_files_that_are_gone_changed_or_unreadable_are_named(store, tmp_path):
    paths = [film(tmp_path / "a", seed) for seed in range(5)]
    add(store, "a", *[(n, f"p{n}", "train", path) for n, path in enumerate(paths)])
    paths[1].unlink()
    paths[2].write_bytes(paths[2].read_bytes()[:-1] + b"x")
    paths[3].unlink()
    paths[3].mkdir()
    seen = []
    assert verify(store, "a", progress=seen.append).files == [
        FileFault("a:1", str(paths[1]), "missing"),
        FileFault("a:2", str(paths[2]), "changed"),
        FileFault("a:3", str(paths[3]), "unreadable"),
    ]
    assert sum(seen) == 5
    assert verify(store, "a", files=False).files == []


def test_many_files_are_checked_in_order(store, tmp_path):
    first = film(tmp_path, 1)
    paths = [Path(shutil.copy(first, tmp_path / f"copy{n}.png")) for n in range(60)]
    made = [StudyImage(str(n), View.PA, 1, 1, str(path), file_sha256="0" * 64) for n, path in enumerate(paths)]
    case = Case("a:1", "a", "", tuple(made), {})
    store.add_cases([(case, ())], corpus=CorpusInfo("a"))
    assert [fault.path for fault in verify(store, "a").files] == list(map(str, paths))


def test_images_that_were_never_read_are_not_checked(store):
    images = (StudyImage("1", View.PA, 0, 0), StudyImage("2", View.PA, 0, 0, "/nowhere/2.png"))
    store.add_cases([(Case("a:1", "a", "", images, {}), ())], corpus=CorpusInfo("a"))
    assert verify(store, "a") == Verification()


def test_patients_and_images_on_two_sides_are_reported_to_each_corpus_they_touch(store, tmp_path):
    one = film(tmp_path, 1)
    copy = write_film(tmp_path / "copy.jpg", 1)
    add(store, "a", (1, "p", "train", one), (2, "q", "train"))
    add(store, "b", (1, "x", "test", copy), (2, "y", "test", film(tmp_path, 2)))
    add(store, "c", (1, "q", "test"))
    add(store, "d", (1, "z", "train", film(tmp_path, 3)))

    def found(corpus):
        return {(leak.kind, frozenset((leak.case_a, leak.case_b))) for leak in verify(store, corpus).leaks}

    image, patient = ("near_image", frozenset(("a:1", "b:1"))), ("patient", frozenset(("a:2", "c:1")))
    assert found("a") == {image, patient}
    assert found("b") == {image}
    assert found("c") == {patient}
    assert found("d") == set()


def test_a_corpus_whose_name_begins_like_another_s_is_another(store):
    add(store, "iu", (1, "p", "train"))
    add(store, "iu-xray", (1, "q", "train"), (2, "q", "test"))
    assert verify(store, "iu").leaks == []
    assert len(verify(store, "iu-xray").leaks) == 1


def test_the_seed_decides_where_there_is_no_official_split(store):
    add(store, "a", *[(n, f"p{n}", "") for n in range(40)])
    add(store, "b", *[(n, f"p{n}", "test") for n in range(40)])
    leaks = [{leak.case_a for leak in verify(store, "a", seed=seed).leaks} for seed in (0, 0, 1)]
    assert leaks[0] == leaks[1] != leaks[2]


def test_an_unknown_corpus_is_an_error(store):
    with pytest.raises(CorpusError, match="no corpus 'a'"):
        verify(store, "a")


def test_rechecking_finds_a_file_that_came_back_as_it_was(store, tmp_path):
    path = film(tmp_path, 1)
    add(store, "a", (1, "", "", path))
    content = path.read_bytes()
    path.unlink()
    assert [fault.fault for fault in verify(store, "a").files] == ["missing"]
    path.write_bytes(content)
    assert verify(store, "a") == Verification()
