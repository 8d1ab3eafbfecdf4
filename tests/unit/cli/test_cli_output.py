"""Tables line up; progress on a pipe is two plain lines; report text is read from words, files and standard input."""

import io

import pytest

from radrag.cli.label import read_text
from radrag.cli.output import emit, progress, table
from radrag.cli.verify import is_case_id
from radrag.errors import UsageError


def test_columns_line_up_and_numbers_stand_right():
    assert table(("a", "n"), [("long word", 7), ("x", 1234)], right=(1,)).splitlines() == [
        "a             n",
        "---------  ----",
        "long word     7",
        "x          1234",
    ]


def test_progress_away_from_a_terminal_is_plain_and_goes_to_stderr(capsys):
    with progress("Working", 3) as advance:
        advance(2)
        advance(1)
    shown = capsys.readouterr()
    assert shown.err == "Working ...\nWorking: 3 done\n"
    assert shown.out == ""


def test_progress_on_a_terminal_shows_a_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress("Working", 3) as advance:
        advance(3)
    assert "3/3" in capsys.readouterr().err


def test_json_keeps_characters_and_refuses_nan(capsys):
    emit({"text": "Ödem"})
    assert capsys.readouterr().out == '{"text": "Ödem"}\n'
    with pytest.raises(ValueError, match="JSON"):
        emit(float("nan"))


def test_text_is_taken_from_the_argument_a_file_or_standard_input(tmp_path, monkeypatch):
    file = tmp_path / "report.txt"
    file.write_text("\ufeffNo effusion.", encoding="utf-8")
    assert read_text("No effusion.") == "No effusion."
    assert read_text(str(file)) == "No effusion."
    assert read_text("word " * 900) == "word " * 900
    monkeypatch.setattr("sys.stdin", io.StringIO("From a pipe."))
    assert read_text("-") == "From a pipe."


def test_a_file_that_is_no_text_is_refused(tmp_path):
    file = tmp_path / "image.bin"
    file.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UsageError, match="UTF-8"):
        read_text(str(file))
    file.write_bytes(b"x" * (1 << 21))
    with pytest.raises(UsageError, match="1 MiB"):
        read_text(str(file))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("iu-xray:CXR25", True), ("FINDINGS: clear", False), ("notes/a:b", False), ("clear", False), (":x", False)],
)
def test_case_ids_are_told_from_reports(text, expected):
    assert is_case_id(text) is expected
