"""The file of drafts holds whole lines at any moment, each draft once, in the end in the order of the studies."""

import json
from dataclasses import replace

import pytest

from radrag.batch.results import ResultsFile, write_parquet
from radrag.errors import UsageError


def line(name):
    return json.dumps({"schema": "radrag.draft/1", "draft_id": name, "text": "é" * 50}, ensure_ascii=False)


def names(path):
    return [json.loads(text)["draft_id"] for text in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "b.jsonl"


def test_each_draft_is_written_once_and_kept_for_the_next_run(path):
    for run in (["a", "b", "a"], ["b", "c"]):
        results = ResultsFile(path)
        for name in run:
            results.add(name, line(name))
        results.close()
    assert names(path) == ["a", "b", "c"]
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_half_a_line_is_cut_off(path):
    results = ResultsFile(path)
    results.add("a", line("a"))
    results.close()
    whole = path.read_bytes()
    path.write_bytes(whole + line("b").encode()[:30])
    results = ResultsFile(path)
    assert "b" not in results
    results.add("b", line("b"))
    assert path.read_bytes() == whole + line("b").encode() + b"\n"


def test_in_the_end_the_lines_are_in_the_order_given(path):
    results = ResultsFile(path)
    for name in "dacb":
        results.add(name, line(name))
    results.arrange("abc")
    assert names(path) == ["a", "b", "c"]
    results.add("e", line("e"))  # and it can go on
    assert names(path) == ["a", "b", "c", "e"]
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_file_as_it_was(path, monkeypatch):
    results = ResultsFile(path)
    results.add("a", line("a"))
    real = results._file

    class Full:
        def write(self, data):
            real.write(data[:10])
            raise OSError(28, "No space left on device")

        def __getattr__(self, name):
            return getattr(real, name)

    results._file = Full()
    with pytest.raises(OSError, match="No space"):
        results.add("b", line("b"))
    results._file = real
    results.add("c", line("c"))
    assert names(path) == ["a", "c"]


def test_a_file_of_something_else_is_left_alone(path):
    path.parent.mkdir()
    path.write_text("my notes\n")
    with pytest.raises(UsageError, match="something else than drafts"):
        ResultsFile(path)
    assert path.read_text() == "my notes\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        ResultsFile(tmp_path / "file" / "b.jsonl")


def test_parquet_has_a_row_a_draft(tmp_path):
    import pyarrow.parquet as pq
    from store_support import sample_draft

    from radrag.export.draft_json import draft_to_json

    lines = tmp_path / "b.jsonl"
    drafts = [replace(sample_draft(name), hits=()) for name in "ab"]
    lines.write_text("".join(draft_to_json(draft) + "\n" for draft in drafts))
    write_parquet(lines, tmp_path / "b.parquet")
    rows = pq.read_table(tmp_path / "b.parquet").to_pylist()
    assert [row["draft_id"] for row in rows] == ["a", "b"]
    assert (rows[0]["findings"], rows[0]["impression"]) == ("No effusion.", "Normal.")
    assert (rows[0]["supported"], rows[0]["unsupported"], rows[0]["omissions"]) == (1, 1, 2)
    assert rows[0]["warnings"] == ["no_prior"]
    assert json.loads(rows[0]["json"])["draft_id"] == "a"
