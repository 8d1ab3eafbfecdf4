"""A watched folder gives each file once and whole, and is left as it was."""

import os

import pytest
from batch_support import write_film, write_films
from exchange_support import Running

from radrag.errors import UsageError
from radrag.exchange import watching
from radrag.exchange.arrivals import Arrivals
from radrag.exchange.watching import Watcher


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "SCAN_SECONDS", 0)
    monkeypatch.setattr(watching, "SCAN_SHARE", 0)
    (tmp_path / "exports").mkdir()
    return tmp_path / "exports"


@pytest.fixture
def arrivals(tmp_path):
    made = Arrivals(tmp_path / "workspace", salt="salt")
    yield made
    made.close()


def watcher(folder, arrivals, told):
    return Watcher(folder, arrivals, workspace=arrivals.inbox.parent, tell=told.append)


def codes(told):
    return [one.code for one in told]


def test_files_are_taken_once_also_after_a_restart_and_left_where_they_are(folder, arrivals):
    write_films(folder / "today", 3)
    before = {path: path.read_bytes() for path in folder.rglob("*.dcm")}
    told = []
    one = watcher(folder, arrivals, told)
    assert [one.look() for _ in range(4)] == [0, 3, 0, 0]
    assert codes(told) == ["stored"] * 3
    again = watcher(folder, arrivals, told)
    for _ in range(3):
        again.look()
    assert codes(told) == ["stored"] * 3
    assert {path: path.read_bytes() for path in folder.rglob("*.dcm")} == before
    assert len(list(arrivals.inbox.iterdir())) == 3


def test_a_file_that_still_grows_is_left_alone_until_it_is_whole(folder, arrivals, tmp_path):
    whole = write_film(tmp_path / "film.dcm", 1).read_bytes()
    told = []
    one = watcher(folder, arrivals, told)
    for end in range(1000, len(whole), len(whole) // 5):
        (folder / "film.dcm").write_bytes(whole[:end])
        one.look()
    assert not told
    (folder / "film.dcm").write_bytes(whole)
    for _ in range(3):
        one.look()
    assert codes(told) == ["stored"]


def test_a_copy_that_stops_half_way_is_refused_and_taken_when_it_is_finished(folder, arrivals, tmp_path):
    whole = write_film(tmp_path / "film.dcm", 1).read_bytes()
    told = []
    one = watcher(folder, arrivals, told)
    (folder / "film.dcm").write_bytes(whole[:-1000])
    for _ in range(4):
        one.look()
    assert codes(told) == ["truncated"]
    (folder / "film.dcm").write_bytes(whole)
    for _ in range(3):
        one.look()
    assert codes(told) == ["truncated", "stored"]


def test_what_cannot_be_taken_is_said_once_and_tried_on(folder, arrivals, monkeypatch):
    write_film(folder / "film.dcm", 1)
    told = []
    one = watcher(folder, arrivals, told)
    with monkeypatch.context() as patch:

        def full(_):
            raise OSError(28, "No space left on device")

        patch.setattr(os, "fsync", full)
        for _ in range(5):
            one.look()
    assert codes(told) == ["disk_full"]
    one.look()
    one.look()
    assert codes(told) == ["disk_full", "stored"]


def test_other_files_are_refused_by_code_and_hidden_ones_passed_over(folder, arrivals):
    (folder / "letter.dcm").write_bytes(b"not an image" * 99)
    (folder / "notes.txt").write_text("Doe^Jane")
    write_film(folder / ".coming.dcm", 1)
    told = []
    one = watcher(folder, arrivals, told)
    for _ in range(3):
        one.look()
    assert codes(told) == ["not_dicom"]
    assert "letter" not in repr(told)


def test_a_folder_that_goes_away_is_said_once_and_read_on_when_it_is_back(folder, arrivals):
    write_film(folder / "film.dcm", 1)
    told = []
    one = watcher(folder, arrivals, told)
    one.look()
    one.look()
    folder.rename(folder.with_name("unplugged"))
    for _ in range(3):
        one.look()
    folder.with_name("unplugged").rename(folder)
    for _ in range(3):
        one.look()
    assert codes(told) == ["stored", "folder_away"]


def test_a_large_folder_does_not_keep_the_rest_waiting(folder, arrivals, monkeypatch):
    monkeypatch.setattr(watching, "MOST_AT_ONCE", 2)
    write_films(folder, 5)
    one = watcher(folder, arrivals, [])
    assert [one.look() for _ in range(5)] == [0, 2, 2, 1, 0]


@pytest.mark.parametrize("where", [".", "inbox", ".."])
def test_folder_and_workspace_lie_apart(arrivals, where):
    workspace = arrivals.inbox.parent
    with pytest.raises(UsageError, match="within each other"):
        Watcher(workspace / where, arrivals, workspace=workspace)


def test_what_lies_in_the_folder_reaches_the_queue_without_anybody_allowed_to_send(tmp_path, folder):
    write_films(folder, 2)
    with Running(tmp_path / "workspace", peers=(), watch=folder) as running:
        running.until(lambda: sum(one.count for one in running.kinds("submitted")) == 2)
        assert not running.kinds("listening")
