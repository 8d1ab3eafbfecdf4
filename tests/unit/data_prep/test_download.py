"""Archives from the network are unpacked whole, inside their folder, or refused; Open-i's files are recorded."""

import hashlib
import tarfile
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from archives import tgz
from dropping_server import DroppingServer

from data_prep import sources
from data_prep.download import SUMS, fetch_openi, read_sums, require_space
from data_prep.unpack import unpack
from radrag.errors import FetchError
from radrag.fetching.http import HttpTransport

FILES = {"ecgen-radiology/1.xml": b"<a/>", "ecgen-radiology/2.xml": b"<b/>" * 50_000}


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def everything(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refusal(archive: Path, folder: Path) -> str:
    with pytest.raises(FetchError) as caught:
        unpack(archive, folder, lambda _: True)
    return caught.value.code


def test_wanted_members_and_no_others_are_unpacked(tmp_path):
    (tmp_path / "a.tgz").write_bytes(tgz({**FILES, "./Thumbs.db": b"x"}))
    assert unpack(tmp_path / "a.tgz", tmp_path / "out", lambda name: name.endswith(".xml")) == 2
    assert everything(tmp_path / "out") == FILES


HOSTILE = {
    "up": tgz({"../evil.xml": b"x"}),
    "deep up": tgz({"a/../../evil.xml": b"x"}),
    "absolute": tgz({"/tmp/evil.xml": b"x"}),
    "drive": tgz({"C:\\evil.xml": b"x"}),
    "backslash": tgz({"..\\evil.xml": b"x"}),
    "symlink": tgz({}, special("l.xml", tarfile.SYMTYPE, "/etc/passwd")),
    "symlink inside": tgz({"a.xml": b""}, special("l.xml", tarfile.SYMTYPE, "a.xml")),
    "hard link": tgz({}, special("l.xml", tarfile.LNKTYPE, "/etc/passwd")),
    "device": tgz({}, special("d.xml", tarfile.CHRTYPE)),
    "fifo": tgz({}, special("f.xml", tarfile.FIFOTYPE)),
    "not a tgz": b"<html>not found</html>",
    "cut off": tgz(FILES)[:-30],
    "empty": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_damaged_archives_are_refused(tmp_path, name):
    box = tmp_path / "box"
    box.mkdir()
    (box / "a.tgz").write_bytes(HOSTILE[name])
    assert refusal(box / "a.tgz", box / "out") == "bad_archive"
    assert [path.name for path in tmp_path.iterdir()] == ["box"]
    assert sorted(path.name for path in box.iterdir()) == ["a.tgz", "out"]
    assert not any(path.is_symlink() for path in box.rglob("*"))
    assert not Path("/tmp/evil.xml").exists()


def test_one_flipped_bit_is_noticed(tmp_path):
    data = bytearray(tgz({"a.xml": bytes(range(256)) * 500}))
    data[-6] ^= 1  # in the checksum itself: every member can be read, only the end tells
    (tmp_path / "a.tgz").write_bytes(data)
    assert refusal(tmp_path / "a.tgz", tmp_path / "out") == "bad_archive"


def test_zip_archives_are_held_to_the_same(tmp_path):
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        archive.writestr("files/p10/p1/s1.txt", "text")
    assert unpack(tmp_path / "good.zip", tmp_path / "out", lambda _: True) == 1
    assert everything(tmp_path / "out") == {"files/p10/p1/s1.txt": b"text"}
    link = zipfile.ZipInfo("l.txt")
    link.external_attr = 0o120777 << 16
    for name, member in {"up.zip": zipfile.ZipInfo("../evil.txt"), "link.zip": link}.items():
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, "/etc/passwd")
        assert refusal(tmp_path / name, tmp_path / "other") == "bad_archive"
    assert everything(tmp_path / "other") == {}


def test_a_killed_unpacking_goes_on(tmp_path):
    (tmp_path / "a.tgz").write_bytes(tgz(FILES))
    out = tmp_path / "out" / "ecgen-radiology"
    out.mkdir(parents=True)
    (out / "1.xml").write_bytes(b"<c/>")  # of the right size: taken as done
    (out / "2.xml").write_bytes(b"<b/>")  # too short
    (out / "2.xml.part").write_bytes(b"<b")
    unpack(tmp_path / "a.tgz", tmp_path / "out", lambda _: True)
    assert everything(out) == {"1.xml": b"<c/>", "2.xml": FILES["ecgen-radiology/2.xml"]}


def test_sums_are_read_as_sha256sum_writes_them(tmp_path):
    (tmp_path / "s").write_text(f"{'A' * 64}  ./a b.txt\n{'1' * 64} *c\nnonsense\n\n")
    assert read_sums(tmp_path / "s") == {"a b.txt": "a" * 64, "c": "1" * 64}
    assert read_sums(tmp_path / "s", {"c"}) == {"c": "1" * 64}
    assert read_sums(tmp_path / "none") == {}


def test_space_is_asked_for_before_anything_is_fetched(tmp_path):
    with pytest.raises(FetchError) as caught:
        require_space(tmp_path, 10**18)
    assert caught.value.code == "disk_full"
    assert "--out" in str(caught.value)


class TestOpeni:
    ARCHIVE = replace(sources.REPORTS, size=100, sha256="", unpacked=0)

    @pytest.fixture
    def server(self):
        with DroppingServer().running() as running:
            running.add("imgs/collections/NLMCXR_reports.tgz", tgz(FILES))
            yield running

    @pytest.fixture
    def fetch(self, server, tmp_path):
        @contextmanager
        def bar(*_):
            yield lambda _: None

        def run(archive=self.ARCHIVE, **how):
            notes = []
            transport = HttpTransport()
            fetch_openi(tmp_path, [archive], base=server.url, transport=transport, bar=bar, note=notes.append, **how)
            return notes

        return run

    def test_the_first_fetch_is_recorded_and_later_ones_must_match_it(self, server, fetch, tmp_path):
        import shutil

        content = server.files["imgs/collections/NLMCXR_reports.tgz"].content
        assert fetch() == []
        assert (tmp_path / SUMS).read_text() == f"{hashlib.sha256(content).hexdigest()}  NLMCXR_reports.tgz\n"
        assert everything(tmp_path / "ecgen-radiology") == {k.partition("/")[2]: v for k, v in FILES.items()}
        assert sorted(path.name for path in tmp_path.iterdir()) == [SUMS, "ecgen-radiology"]
        fetch()
        assert len(server.asked) == 1
        shutil.rmtree(tmp_path / "ecgen-radiology")
        server.add("imgs/collections/NLMCXR_reports.tgz", tgz({"ecgen-radiology/1.xml": b"<other/>"}))
        with pytest.raises(FetchError) as caught:
            fetch()
        assert caught.value.code == "mismatch"
        assert "delete that line" in str(caught.value)
        assert not (tmp_path / "ecgen-radiology").exists()

    def test_an_archive_that_others_describe_otherwise_is_said_not_refused(self, fetch, tmp_path):
        notes = fetch(replace(self.ARCHIVE, sha256="0" * 64), keep=True)
        assert "publishes no checksums" in notes[0]
        assert (tmp_path / "NLMCXR_reports.tgz").exists()

    def test_an_archive_without_its_folder_leaves_nothing_under_the_name(self, server, fetch, tmp_path):
        server.add("imgs/collections/NLMCXR_reports.tgz", tgz({"1.xml": b"<a/>"}))
        with pytest.raises(FetchError) as caught:
            fetch()
        assert caught.value.code == "bad_archive"
        assert not (tmp_path / "ecgen-radiology").exists()
