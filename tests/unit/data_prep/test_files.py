"""Other people's files: no name leads out of the folder, no bytes raise, and what can be read is read."""

import codecs
import csv
import gzip
import io
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from data_prep.files import (
    MAX_REPORT_BYTES,
    Row,
    decode,
    header_of,
    inside,
    mend,
    needs_mending,
    read_report,
    read_table,
    report_text,
)
from radrag.corpus.collection import ItemRejected, Rejection, RejectionCode

ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def table(folder, data, name="t.csv", required=("id", "text"), **how):
    path = folder / name
    path.write_bytes(data)
    return list(read_table(path, required, **how))


def values(found):
    return [item.values for item in found if isinstance(item, Row)]


def codes(found):
    return [item.code for item in found if isinstance(item, Rejection)]


def as_csv(rows, **how):
    out = io.StringIO()
    csv.writer(out, **how).writerows(rows)
    return out.getvalue()


ROWS = [[str(number), f"Größe {number}: {'x' * (number % 7)}\nend"] for number in range(400)]
PACKED = gzip.compress(as_csv([["id", "text"], *ROWS]).encode())
STARTS = [b"", b"id,text\n", b"\xff\xfe", b"\x1f\x8b", b"\x1f\x8b\x08\0\0\0\0\0\0\0", b'id,text\n"']


class TestInside:
    @pytest.mark.parametrize("name", ["a/b.png", "a\\b.png", "./a//b.png", "a/./b.png"])
    def test_slashes_and_backslashes_lead_to_the_same_file(self, tmp_path, name):
        assert inside(tmp_path, name, "t.csv:2") == tmp_path / "a" / "b.png"

    @pytest.mark.parametrize("name", ["study 1:2.png", "a..b/c...png", "ünï.png", "-rf", "~root/x.png"])
    def test_odd_names_within_the_folder_are_names(self, tmp_path, name):
        assert inside(tmp_path, name, "x") == tmp_path / name

    @pytest.mark.parametrize(
        "name",
        ["", "..", "../x", "a/../../x", "a\\..\\..\\x", "/etc/passwd", "\\windows\\x", "//host/share/x",
         "\\\\host\\s\\x", "C:\\x", "c:x", "C:", "a\0.png", "\0"],
    )  # fmt: skip
    def test_a_name_that_leads_out_is_rejected(self, tmp_path, name):
        with pytest.raises(ItemRejected) as refused:
            inside(tmp_path, name, "t.csv:2")
        assert refused.value.rejection.code == RejectionCode.PATH_OUTSIDE
        assert refused.value.rejection.item == "t.csv:2"

    @pytest.mark.parametrize("name", ["half \ud800.png", "latin-\udce9.png"])
    def test_a_name_that_is_not_unicode_is_rejected(self, tmp_path, name):
        with pytest.raises(ItemRejected, match="not Unicode"):
            inside(tmp_path, name, "x")

    def test_links_out_of_the_folder_are_rejected_wherever_they_stand_in_the_path(self, tmp_path):
        root, other = tmp_path / "root", tmp_path / "other"
        (root / "real").mkdir(parents=True)
        (other / "deep").mkdir(parents=True)
        (other / "deep" / "secret.txt").write_text("secret")
        (root / "real" / "ours.txt").write_text("ours")
        (root / "file.txt").symlink_to(other / "deep" / "secret.txt")
        (root / "folder").symlink_to(other)
        (root / "up").symlink_to("..")
        (root / "gone.txt").symlink_to(tmp_path / "not-there")
        (root / "alias").symlink_to(root / "real")
        for name in ("file.txt", "folder/deep/secret.txt", "folder/not-there.txt", "up/other/x", "gone.txt"):
            with pytest.raises(ItemRejected, match="link out"):
                inside(root, name, "x")
        assert inside(root, "alias/ours.txt", "x").read_text() == "ours"

    def test_a_root_that_is_a_link_itself_is_a_root(self, tmp_path):
        (tmp_path / "disk").mkdir()
        (tmp_path / "root").symlink_to(tmp_path / "disk")
        assert inside(tmp_path / "root", "a.png", "x") == tmp_path / "root" / "a.png"

    def test_circular_links_and_endless_names_do_not_raise_another_error(self, tmp_path):
        (tmp_path / "a").symlink_to(tmp_path / "b")
        (tmp_path / "b").symlink_to(tmp_path / "a")
        assert inside(tmp_path, "a", "x") == tmp_path / "a"
        assert inside(tmp_path, "n" * 5000, "x").name == "n" * 5000

    parts = st.sampled_from(
        ["..", ".", "", "a", "link", "/", "\\", "C:", "\0", "~", "a\udcff", "…", " ", ".. ", "a" * 300]
    )

    @ONE_FOLDER
    @given(st.lists(parts, max_size=6).flatmap(lambda p: st.sampled_from(["/", "\\", ""]).map(lambda s: s.join(p))))
    @example("/".join([".."] * 6))
    def test_whatever_the_name_the_path_stays_inside(self, tmp_path, name):
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        if not (root / "link").is_symlink():
            (root / "link").symlink_to(tmp_path)
        try:
            found = inside(root, name, "x")
        except ItemRejected:
            return
        real, home = os.path.realpath(found), os.path.realpath(root)
        assert real == home or real.startswith(home + os.sep)


class TestDecode:
    TEXT = "Größe 5 µm: no effusion.\n"

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            (TEXT.encode(), ""),
            (TEXT.encode("utf-8-sig"), "UTF-8 with a byte order mark"),
            (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "UTF-16"),
            (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "UTF-16"),
            (TEXT.encode("utf-16-le"), "UTF-16 without a mark"),
            (TEXT.encode("utf-16-be"), "UTF-16 without a mark"),
            (TEXT.encode("cp1252"), "Windows-1252"),
        ],
    )
    def test_each_encoding_gives_the_text_and_its_name(self, data, said):
        assert decode(data) == (self.TEXT, said)

    def test_windows_quotes_and_bytes_without_a_meaning(self):
        assert decode(b"\x93No change\x94 \x81") == ("“No change” \ufffd", "Windows-1252")

    @given(st.binary(max_size=200))
    @example(b"\xff\xfe\x00")
    @example(b"\xef\xbb\xbf\xff")
    def test_any_bytes_give_text_without_lone_surrogates(self, data):
        decode(data)[0].encode()


class TestReports:
    def test_line_ends_become_line_feeds_and_an_encoding_is_noted(self, tmp_path):
        (tmp_path / "r.txt").write_bytes("A\r\nB\rC é".encode("cp1252"))
        text, note = read_report(tmp_path / "r.txt", "a/r.txt")
        assert text == "A\nB\nC é"
        assert (note.code, note.item, note.kept) == ("wrong_encoding", "a/r.txt", True)

    def test_plain_text_needs_no_note(self):
        assert report_text("No effusion. – é".encode(), "r") == ("No effusion. – é", None)

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"", "empty_file"),
            (b" \r\n\t\0", "empty_file"),
            (codecs.BOM_UTF8, "empty_file"),
            (codecs.BOM_UTF16_BE, "empty_file"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "unreadable_report"),
            (b"a" * (MAX_REPORT_BYTES + 1), "unreadable_report"),
        ],
    )
    def test_what_is_no_report_is_rejected(self, tmp_path, data, code):
        (tmp_path / "r.txt").write_bytes(data)
        with pytest.raises(ItemRejected) as refused:
            read_report(tmp_path / "r.txt", "r.txt")
        assert refused.value.code == code

    def test_a_missing_file_and_a_folder_are_rejected(self, tmp_path):
        with pytest.raises(ItemRejected) as missing:
            read_report(tmp_path / "r.txt", "r.txt")
        with pytest.raises(ItemRejected) as folder:
            read_report(tmp_path, "r.txt")
        assert (missing.value.code, folder.value.code) == ("missing_report", "unreadable_report")

    @given(st.binary(max_size=300))
    def test_any_bytes_are_a_report_or_rejected(self, data):
        try:
            text, _ = report_text(data, "r")
        except ItemRejected:
            return
        assert text.strip()
        assert "\r" not in text
        assert "\0" not in text


class TestTables:
    def test_rows_carry_their_line_and_the_names_asked_for(self, tmp_path):
        found = table(tmp_path, b" ID , Text,Other\n1, No effusion. ,x\n\n2,,y\n")
        assert values(found) == [
            {"id": "1", "text": " No effusion. ", "Other": "x"},
            {"id": "2", "text": "", "Other": "y"},
        ]
        assert [row.item for row in found] == ["t.csv:2", "t.csv:4"]
        assert found[0].get("text") == "No effusion."
        assert found[0].get("absent") == ""

    def test_items_are_relative_to_the_root(self, tmp_path):
        (tmp_path / "a").mkdir()
        found = table(tmp_path / "a", b"id,text\n1,x\n", root=tmp_path)
        assert found[0].item == "a/t.csv:2"

    def test_line_breaks_within_a_field_are_kept_as_they_are(self, tmp_path):
        found = table(tmp_path, b'id,text\r\n1,"FINDINGS:\r\nClear.\n\nEnd."\r\n2,y\r\n')
        assert values(found) == [{"id": "1", "text": "FINDINGS:\r\nClear.\n\nEnd."}, {"id": "2", "text": "y"}]
        assert [row.item for row in found] == ["t.csv:5", "t.csv:6"]

    @pytest.mark.parametrize(
        ("encoding", "notes"),
        [("utf-8", 0), ("utf-8-sig", 1), ("utf-16", 1), ("utf-16-le", 1), ("utf-16-be", 1)],
    )
    @pytest.mark.parametrize("packed", [False, True])
    def test_every_unicode_encoding_is_read(self, tmp_path, encoding, notes, packed):
        data = "id,text\n1,Größe – 5 µm\n".encode(encoding)
        found = table(tmp_path, gzip.compress(data) if packed else data, "t.csv.gz" if packed else "t.csv")
        assert values(found) == [{"id": "1", "text": "Größe – 5 µm"}]
        assert codes(found) == ["wrong_encoding"] * notes
        assert all(item.kept for item in found if isinstance(item, Rejection))

    def test_a_big_endian_mark_is_read_too(self, tmp_path):
        found = table(tmp_path, codecs.BOM_UTF16_BE + "id,text\n1,é\n".encode("utf-16-be"))
        assert values(found) == [{"id": "1", "text": "é"}]

    def test_windows_1252_rows_among_others_are_mended_row_by_row_and_noted_once(self, tmp_path):
        rows = ["1,plain", "2,\x93caf\xe9\x94", "3,caf\xe9"]
        data = b"id,text\n" + "\n".join(rows).encode("latin-1") + "\n4,é".encode()
        found = table(tmp_path, data)
        assert [row["text"] for row in values(found)] == ["plain", "“café”", "café", "é"]
        notes = [(item.code, item.item, item.kept) for item in found if isinstance(item, Rejection)]
        assert notes == [("wrong_encoding", "t.csv:3", True)]

    def test_a_wrong_header_names_what_lacks_and_what_there_is(self, tmp_path):
        (found,) = table(tmp_path, b"subject,report\n1,x\n")
        assert found.code == "wrong_header"
        assert found.item == "t.csv"
        assert "no column 'id', 'text'" in found.message
        assert "subject, report" in found.message

    def test_a_table_without_a_header_says_so(self, tmp_path):
        (found,) = table(tmp_path, b"\n\n")
        assert found.code == "wrong_header"
        assert "it has none" in found.message

    def test_rows_of_another_length_are_rejected_and_the_rest_goes_on(self, tmp_path):
        found = table(tmp_path, b"id,text\n1\n2,b,c\n3,c\n")
        assert codes(found) == ["bad_row", "bad_row"]
        assert [item.item for item in found] == ["t.csv:2", "t.csv:3", "t.csv:4"]
        assert "has 1 fields, the header 2" in found[0].message
        assert values(found) == [{"id": "3", "text": "c"}]

    def test_a_field_beyond_all_reports_is_rejected_and_the_rest_goes_on(self, tmp_path):
        found = table(tmp_path, b"id,text\n1," + b"x" * (16 * 2**20 + 1) + b"\n2,y\n")
        assert codes(found) == ["bad_row"]
        assert values(found) == [{"id": "2", "text": "y"}]

    def test_no_bytes_and_no_file(self, tmp_path):
        assert codes(table(tmp_path, b"")) == ["empty_file"]
        assert codes(read_table(tmp_path / "absent.csv", ("id",))) == ["missing_report"]

    def test_a_plain_file_named_gz_and_a_packed_one_not_named_so(self, tmp_path):
        assert values(table(tmp_path, b"id,text\n1,x\n", "t.csv.gz")) == [{"id": "1", "text": "x"}]
        assert values(table(tmp_path, gzip.compress(b"id,text\n1,x\n"), "t.csv")) == [{"id": "1", "text": "x"}]

    def test_what_follows_the_packed_rows_ends_the_table(self, tmp_path):
        found = table(tmp_path, gzip.compress(b"id,text\n1,x\n") + b"not gzip")
        assert codes(found) == ["truncated_file"]

    @ONE_FOLDER
    @given(st.integers(2, len(PACKED) - 1))
    @example(len(PACKED) - 1)
    @example(len(PACKED) - 8)
    @example(10)
    def test_a_packed_table_cut_anywhere_gives_its_first_rows_and_then_says_so(self, tmp_path, cut):
        found = table(tmp_path, PACKED[:cut])
        assert codes(found) == ["truncated_file"]
        assert isinstance(found[-1], Rejection)
        read = [[row["id"], row["text"]] for row in values(found)]
        assert read == ROWS[: len(read)]

    def test_a_cut_loses_little_of_what_was_before_it(self, tmp_path):
        import random

        noise = random.Random(0)
        rows = [["id", "text"], *([str(number), noise.randbytes(50).hex()] for number in range(5000))]
        packed = gzip.compress(as_csv(rows).encode())
        found = table(tmp_path, packed[: len(packed) // 2])
        assert len(values(found)) > 2200

    cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)

    @ONE_FOLDER
    @given(st.lists(st.tuples(st.text("0123456789", min_size=1), cells), max_size=8), st.booleans())
    def test_what_was_written_is_read_back(self, tmp_path, rows, packed):
        data = as_csv([("id", "text"), *rows], quoting=csv.QUOTE_ALL).encode()
        found = table(tmp_path, gzip.compress(data) if packed else data)
        assert [(row["id"], row["text"]) for row in values(found)] == rows

    @ONE_FOLDER
    @given(st.sampled_from(STARTS), st.binary(max_size=300))
    @example(b"id,text\n", b'1,"a\n2,b')
    @example(b"id,text\n", b"1,a\0b\n")
    def test_no_bytes_raise(self, tmp_path, start, data):
        found = table(tmp_path, start + data)
        assert {type(item) for item in found} <= {Row, Rejection}
        for item in found:
            if isinstance(item, Row):
                "".join(item.values.values()).encode()  # no lone surrogates
        header_of(tmp_path / "t.csv")

    def test_headers_are_read_whatever_the_packing_and_encoding(self, tmp_path):
        path = tmp_path / "t"
        for data in (b" a , b\n1,2", gzip.compress(b"a,b\n"), "a,b\n".encode("utf-16"), "a,b\n".encode("utf-8-sig")):
            path.write_bytes(data)
            assert header_of(path) == ["a", "b"]
        for data in (b"", gzip.compress(b"a,b\n")[:12]):
            path.write_bytes(data)
            assert header_of(path) == []
        assert header_of(tmp_path / "absent") == []
        assert header_of(tmp_path) == []

    @pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux lists open files so")
    def test_no_file_stays_open(self, tmp_path):
        path = tmp_path / "t.csv.gz"
        path.write_bytes(gzip.compress(b"id,text\n1,x\n2,y\n"))
        rows = read_table(path, ("id", "text"))
        next(rows)
        rows.close()
        held = [os.path.realpath(entry) for entry in Path("/proc/self/fd").iterdir()]
        assert str(path) not in held


@given(st.binary(max_size=40))
def test_mending_leaves_no_surrogates_and_touches_nothing_else(data):
    text = data.decode("utf-8", "surrogateescape")
    mended = mend(text)
    assert not needs_mending(mended)
    assert re.search("[\ud800-\udfff]", mended) is None
    if not needs_mending(text):
        assert mended == text
