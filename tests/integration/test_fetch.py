"""``radrag corpus fetch`` from a bad server to a folder that ``radrag corpus add`` knows."""

import base64
import gzip
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from archives import tgz
from click.testing import CliRunner
from dropping_server import DroppingServer
from support import missing

from data_prep import sources
from data_prep.kinds import find_kind
from radrag.cli.fetch import PASSWORD, fetch
from radrag.errors import FetchError, MissingDependency

SECRET = "corréct-horse-battery"
PATIENT = "files/p10/p10000001"
STUDIES = {f"{PATIENT}/s{50000000 + n}": [f"image-{n}-{view}" for view in range(2)] for n in range(1, 4)}
REPORT = "                                 FINAL REPORT\n FINDINGS:\n Clear lungs.\n\n IMPRESSION:\n Normal.\n"


@pytest.fixture
def server():
    with DroppingServer().running() as running:
        yield running


@pytest.fixture
def run(server, monkeypatch):
    monkeypatch.setenv("RADRAG_OPENI_URL", server.url)
    monkeypatch.setenv("RADRAG_PHYSIONET_URL", server.url + "/")

    def invoke(*arguments, **how):
        return CliRunner().invoke(fetch, list(map(str, arguments)), **how)

    return invoke


def everything(folder: Path) -> bytes:
    return b"".join(str(path).encode() + path.read_bytes() for path in folder.rglob("*") if path.is_file())


class TestIuXray:
    @pytest.fixture(autouse=True)
    def small(self, server, monkeypatch):
        """Archives of the real shape; only the space that is asked for beforehand is smaller."""
        from dataclasses import replace

        xml = b'<eCitation><uId id="CXR1"/><parentImage id="CXR1_1_IM-0001-3001"/></eCitation>'
        served = {
            "NLMCXR_reports.tgz": tgz({"ecgen-radiology/1.xml": xml}),
            "NLMCXR_png.tgz": tgz({"./CXR1_1_IM-0001-3001.png": os.urandom(200_000), "./Thumbs.db": b"x"}),
            "NLMCXR_dcm.tgz": tgz({"1/1_IM-0001-3001.dcm": os.urandom(1000)}),
        }
        for name, content in served.items():
            server.add(f"imgs/collections/{name}", content)
        images = {kind: replace(archive, size=1000, unpacked=1000) for kind, archive in sources.IMAGES.items()}
        monkeypatch.setattr(sources, "IMAGES", images)

    @pytest.mark.parametrize(("images", "found"), [("png", "NLMCXR_png"), ("dicom", "NLMCXR_dcm"), ("none", "")])
    def test_a_fetched_folder_is_known_as_iu_xray(self, server, run, tmp_path, images, found):
        out = tmp_path / "iu"
        server.files["imgs/collections/NLMCXR_reports.tgz"].drop_after = [100]
        result = run("iu-xray", "--out", out, "--images", images, "--yes")
        assert result.exit_code == 0, result.output
        assert result.stdout == ""
        assert "BY-NC-ND 4.0" in result.stderr
        assert f"radrag corpus add iu-xray {out}" in result.stderr
        folders = {path.name for path in out.iterdir()}
        assert folders == {"SHA256SUMS", "ecgen-radiology"} | ({found} if found else set())
        assert find_kind("iu-xray").looks_like(out)
        asked = len(server.asked)
        assert run("iu-xray", "--out", out, "--images", images, "--yes").exit_code == 0
        assert len(server.asked) == asked

    def test_nothing_is_asked_of_the_server_before_the_terms_are_accepted(self, server, run, tmp_path):
        assert run("iu-xray", "--out", tmp_path / "iu", input="n\n").exit_code == 1
        assert run("iu-xray", "--out", tmp_path / "iu", input="").exit_code == 1
        assert not server.asked
        assert not (tmp_path / "iu").exists()
        assert run("iu-xray", "--out", tmp_path / "iu", input="y\n").exit_code == 0

    def test_a_killed_fetch_goes_on(self, server, tmp_path):
        served = server.files["imgs/collections/NLMCXR_png.tgz"]
        served.drop_after, served.pause = [], 0.02
        code = (
            "from dataclasses import replace; from data_prep import sources; from radrag.cli.fetch import fetch;"
            "sources.IMAGES = {'png': replace(sources.IMAGES['png'], size=1, unpacked=1)}; fetch()"
        )
        command = [sys.executable, "-c", code, "iu-xray", "--out", str(tmp_path), "--yes"]
        environment = {**os.environ, "RADRAG_OPENI_URL": server.url}
        child = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        part = tmp_path / "NLMCXR_png.tgz.part"
        until = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size > 20_000):
            assert time.monotonic() < until
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        there = part.stat().st_size
        served.pause = 0.0
        asked = len(server.asked)
        subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
        assert [one.start for one in server.asked[asked:]] == [there]
        assert (tmp_path / "NLMCXR_png" / "CXR1_1_IM-0001-3001.png").stat().st_size == 200_000


class TestMimic:
    @pytest.fixture(autouse=True)
    def physionet(self, server, monkeypatch):
        monkeypatch.setenv(PASSWORD, SECRET)
        server.password = f"reader:{SECRET}"
        rows = [
            f"10000001,{study.rpartition('s')[2]},{image},{study}/{image}.dcm"
            for study, images in STUDIES.items()
            for image in images
        ]
        reports = io.BytesIO()
        with zipfile.ZipFile(reports, "w") as archive:
            for study in STUDIES:
                archive.writestr(f"{study}.txt", REPORT)
        files = {
            sources.MIMIC_RECORDS: gzip.compress("\n".join(["subject_id,study_id,dicom_id,path", *rows]).encode()),
            "cxr-study-list.csv.gz": gzip.compress(b"subject_id,study_id,path\n"),
            sources.MIMIC_REPORTS: reports.getvalue(),
        }
        images = {f"{study}/{name}": os.urandom(5000) for study, names in STUDIES.items() for name in names}
        tables = {name: gzip.compress(b"dicom_id,subject_id,study_id\n") for name in sources.MIMIC_TABLES}
        jpgs = {f"{name}.jpg": content[::-1] for name, content in images.items()}
        self.publish(server, sources.MIMIC, files)  # as PhysioNet's own list: not the DICOM files
        self.publish(server, sources.MIMIC_JPG, tables | jpgs)
        for name, content in images.items():
            server.add(f"{sources.MIMIC}/{name}.dcm", content)

    def publish(self, server, project: str, files: dict[str, bytes]) -> None:
        sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
        for name, content in (files | {"SHA256SUMS.txt": sums.encode()}).items():
            server.add(f"{project}/{name}", content)

    def mimic(self, run, out: Path, *more: str, user="reader"):
        os.environ[PASSWORD] = SECRET
        return run("mimic-cxr", "--out", out, "--user", user, "--yes", *more)

    @pytest.mark.parametrize(("more", "suffix"), [([], ".dcm"), (["--jpg"], ".jpg")])
    def test_a_trial_has_whole_studies_in_physionets_tree(self, server, run, tmp_path, more, suffix):
        server.files[f"{sources.MIMIC}/{sources.MIMIC_REPORTS}"].drop_after = [50, 100]
        result = self.mimic(run, tmp_path, "--limit", "2", *more)
        assert result.exit_code == 0, result.output
        images = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob(f"*{suffix}"))
        studies = list(STUDIES)[:2]
        assert images == sorted(f"{study}/{name}{suffix}" for study in studies for name in STUDIES[study])
        assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("s*.txt")) == [
            f"{study}.txt" for study in studies
        ]
        assert (tmp_path / f"{studies[0]}.txt").read_text() == REPORT
        assert "Do not share" in result.stderr
        kind = "mimic-cxr-jpg" if more else "mimic-cxr"
        assert f"radrag corpus add {kind} {tmp_path}" in result.stderr
        assert find_kind(kind).looks_like(tmp_path)

    def test_a_second_run_asks_for_no_image_again(self, server, run, tmp_path):
        self.mimic(run, tmp_path, "--limit", "1")
        asked = len(server.asked)
        assert self.mimic(run, tmp_path).exit_code == 0
        images = [one.path for one in server.asked[asked:] if one.path.endswith(".dcm")]
        assert sorted(set(images)) == sorted(
            f"{sources.MIMIC}/{study}/{name}.dcm" for study in list(STUDIES)[1:] for name in STUDIES[study]
        )

    def test_images_that_are_not_there_or_damaged_are_reported_and_the_rest_comes(self, server, run, tmp_path):
        first, second = (f"{sources.MIMIC_JPG}/{next(iter(STUDIES))}/image-1-{n}.jpg" for n in range(2))
        del server.files[first]
        server.files[second].content = b"damaged"
        result = run("mimic-cxr", "--out", tmp_path, "--user", "reader", "--yes", "--jpg", standalone_mode=False)
        assert result.return_value == 1
        assert "image-1-0.jpg" in result.stderr
        assert "not_found" in result.stderr
        assert "mismatch" in result.stderr
        assert len(list(tmp_path.rglob("*.jpg"))) == 4
        assert not list(tmp_path.rglob("*.part"))

    def test_check_notices_an_image_that_went_bad(self, run, tmp_path):
        self.mimic(run, tmp_path, "--jpg")
        image = next(tmp_path.rglob("*.jpg"))
        good = image.read_bytes()
        image.write_bytes(b"bad")
        self.mimic(run, tmp_path, "--jpg")
        assert image.read_bytes() == b"bad"
        self.mimic(run, tmp_path, "--jpg", "--check")
        assert image.read_bytes() == good

    def test_access_that_ends_midway_stops_the_run_and_keeps_what_came(self, server, run, tmp_path, monkeypatch):
        monkeypatch.setattr("data_prep.physionet.WORKERS", 1)
        last = f"{list(STUDIES)[2]}/{list(STUDIES.values())[2][0]}.dcm"
        server.files[f"{sources.MIMIC}/{last}"].statuses = [403]
        result = self.mimic(run, tmp_path)
        assert isinstance(result.exception, FetchError)
        assert result.exception.code == "refused"
        assert len(list(tmp_path.rglob("*.dcm"))) >= 4
        assert self.mimic(run, tmp_path).exit_code == 0
        assert len(list(tmp_path.rglob("*.dcm"))) == 6

    def test_reports_only(self, run, tmp_path):
        assert self.mimic(run, tmp_path, "--reports-only").exit_code == 0
        assert len(list(tmp_path.rglob("s*.txt"))) == 3
        assert not list(tmp_path.rglob("*.dcm"))

    def test_the_password_is_nowhere_but_in_requests_to_physionet(self, server, run, tmp_path, caplog):
        caplog.set_level("DEBUG")
        with DroppingServer().running() as mirror:
            image = f"{next(iter(STUDIES))}/image-1-0.dcm"
            mirror.add("there", b"pixels")
            server.files[f"{sources.MIMIC}/{image}"].redirect = f"{mirror.url}/there"
            result = self.mimic(run, tmp_path)
            assert result.exit_code == 0, result.output
            assert (tmp_path / image).read_bytes() == b"pixels"
            assert mirror.asked
            assert not any({"authorization", "cookie"} & set(asked.headers) for asked in mirror.asked)
        token = base64.b64encode(f"reader:{SECRET}".encode())
        for secret in (SECRET.encode(), token):
            assert secret not in everything(tmp_path)
            assert secret not in (result.output + caplog.text).encode()
        assert PASSWORD not in os.environ

    def test_the_password_is_asked_for_unseen_and_a_refusal_says_what_is_needed(
        self, server, run, tmp_path, monkeypatch
    ):
        monkeypatch.delenv(PASSWORD)
        result = run("mimic-cxr", "--out", tmp_path, "--yes", input="reader\nwrong-secret\n")
        assert isinstance(result.exception, FetchError)
        assert result.exception.code == "refused"
        assert "https://physionet.org/content/mimic-cxr/2.1.0/" in str(result.exception)
        assert "credentialed" in str(result.exception)
        assert "wrong-secret" not in result.output + str(result.exception)
        assert len([one for one in server.asked if "authorization" in one.headers]) <= 2
        assert run("mimic-cxr", "--help").output.count("password") == 1
        assert "--password" not in run("mimic-cxr", "--help").output

    def test_without_access_to_mimic_cxr_jpg_the_dicom_images_still_come(self, server, run, tmp_path):
        for path, served in server.files.items():
            if path.startswith(sources.MIMIC_JPG):
                served.statuses = [403] * 20
        result = self.mimic(run, tmp_path)
        assert result.exit_code == 0, result.output
        assert "https://physionet.org/content/mimic-cxr-jpg/2.1.0/" in result.stderr
        assert len(list(tmp_path.rglob("*.dcm"))) == 6

    def test_wget_is_run_where_the_server_talks_to_no_other_program(self, server, run, tmp_path):
        if shutil.which("wget") is None:
            missing("wget")
        server.agents = "Wget/"
        result = self.mimic(run, tmp_path, "--limit", "1")
        assert result.exit_code == 0, result.output
        assert len(list(tmp_path.rglob("*.dcm"))) == 2
        agents = {one.headers["user-agent"].partition("/")[0] for one in server.asked if "authorization" in one.headers}
        assert agents == {"Wget"}
        assert SECRET.encode() not in everything(tmp_path)

    def test_without_wget_it_says_so(self, server, run, tmp_path, monkeypatch):
        server.agents = "Wget/"
        monkeypatch.setattr(shutil, "which", lambda _: None)
        result = self.mimic(run, tmp_path)
        assert isinstance(result.exception, MissingDependency)
        assert not any("authorization" in one.headers for one in server.asked)

    def test_a_full_disk_is_foreseen(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr(sources, "DICOM_BYTES", 10**18)
        result = self.mimic(run, tmp_path)
        assert isinstance(result.exception, FetchError)
        assert result.exception.code == "disk_full"
        assert not list(tmp_path.rglob("*.dcm"))


def test_the_bar_on_a_terminal_goes_back_when_bytes_are_thrown_away(monkeypatch, capsys):
    from radrag.cli.fetch import byte_progress

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with byte_progress("Fetching f", 1000) as advance:
        advance(900)
        advance(-900)
        advance(500)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Fetching f" in shown.err
    assert "500/1,000 bytes" in shown.err or "0.5/1.0 kB" in shown.err
