"""Downloads survive bad lines and bad servers, and never leave a bad file under the right name."""

import errno
import hashlib
import json
import logging
import random
import signal
import subprocess
import sys
import threading
import time
from email.utils import format_datetime
from pathlib import Path

import pytest
from dropping_server import DroppingServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radrag.errors import FetchError
from radrag.fetching import download as module
from radrag.fetching.download import Expected, download
from radrag.fetching.http import Credentials, HttpTransport

CONTENT = random.Random(7).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SECRET = "corréct horse:battery"


@pytest.fixture
def server():
    with DroppingServer().running() as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def fetch(server, tmp_path, waits):
    def run(name="f.bin", **how):
        return download(f"{server.url}/{name}", tmp_path / "f.bin", sleep=waits.append, **how)

    return run


def code_of(run, **how) -> str:
    with pytest.raises(FetchError) as caught:
        run(**how)
    return caught.value.code


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_dropped_connections_lose_no_byte_and_ask_for_none_twice(server, fetch, tmp_path):
    server.add("f.bin", CONTENT, drop_after=[10_000, 1, 0, 70_000])
    assert fetch(expected=Expected(sha256=SHA256, size=len(CONTENT))).read_bytes() == CONTENT
    assert server.sent["f.bin"] == len(CONTENT)
    assert len(server.requests_for("f.bin")) == 5
    assert names(tmp_path) == ["f.bin"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drops=st.lists(st.integers(0, 50_000), max_size=5), ranges=st.booleans(), validators=st.booleans())
def test_whatever_the_server_does_the_bytes_are_those_of_the_file(server, tmp_path, drops, ranges, validators):
    content = CONTENT[:60_000]
    server.add("p.bin", content, drop_after=drops, ranges=ranges, validators=validators)
    target = tmp_path / "p.bin"
    target.unlink(missing_ok=True)
    balance = []
    download(f"{server.url}/p.bin", target, sleep=lambda _: None, progress=balance.append)
    assert target.read_bytes() == content
    assert sum(balance) == len(content)


def test_after_kill_9_only_the_missing_bytes_are_asked_for(server, fetch, tmp_path):
    served = server.add("f.bin", CONTENT, pause=0.02)
    code = (
        "import sys; from pathlib import Path; from radrag.fetching.download import download;"
        "download(sys.argv[1], Path(sys.argv[2]))"
    )
    child = subprocess.Popen([sys.executable, "-c", code, f"{server.url}/f.bin", str(tmp_path / "f.bin")])
    part = tmp_path / "f.bin.part"
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 20_000):
        assert time.monotonic() < until
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    there = part.stat().st_size
    assert 20_000 < there < len(CONTENT)
    assert not (tmp_path / "f.bin").exists()
    served.pause = 0.0
    asked_before = len(server.asked)
    assert fetch().read_bytes() == CONTENT
    assert [asked.start for asked in server.asked[asked_before:]] == [there]


def test_a_part_that_is_whole_already_is_not_asked_for_again(server, fetch, tmp_path):
    server.add("f.bin", CONTENT)
    (tmp_path / "f.bin.part").write_bytes(CONTENT)
    origin = {"url": f"{server.url}/f.bin", "etag": '"x"', "last_modified": "", "size": len(CONTENT)}
    (tmp_path / "f.bin.part.json").write_text(json.dumps(origin))
    assert fetch().read_bytes() == CONTENT
    assert not server.asked


def test_a_file_that_changed_between_two_requests_is_fetched_anew(server, fetch, tmp_path):
    served = server.add("f.bin", CONTENT, drop_after=[100_000])

    def change(_: float) -> None:
        served.content = CONTENT[::-1]

    download(f"{server.url}/f.bin", tmp_path / "f.bin", sleep=change)
    assert (tmp_path / "f.bin").read_bytes() == CONTENT[::-1]
    assert [asked.start for asked in server.asked] == [0, 100_000]
    assert server.asked[1].headers["if-range"] == '"' + SHA256[:16] + '"'


def test_without_a_validator_two_versions_are_never_joined(server, fetch, tmp_path):
    served = server.add("f.bin", CONTENT, validators=False, drop_after=[100_000])
    (tmp_path / "f.bin.part").write_bytes(b"old" * 1000)
    origin = {"url": f"{server.url}/f.bin", "etag": "", "last_modified": "", "size": len(CONTENT)}
    (tmp_path / "f.bin.part.json").write_text(json.dumps(origin))
    served.drop_after.clear()
    assert fetch().read_bytes() == CONTENT
    assert server.asked[0].start == 0


@pytest.mark.parametrize("sidecar", [None, "{", "[]", '{"url": 1}'])
def test_a_part_of_unknown_origin_is_not_continued(server, fetch, tmp_path, sidecar):
    server.add("f.bin", CONTENT)
    (tmp_path / "f.bin.part").write_bytes(b"x" * 500)
    if sidecar is not None:
        (tmp_path / "f.bin.part.json").write_text(sidecar)
    assert fetch().read_bytes() == CONTENT


def test_a_longer_part_than_the_file_is_thrown_away(server, fetch, tmp_path):
    served = server.add("f.bin", CONTENT)
    (tmp_path / "f.bin.part").write_bytes(CONTENT + b"more")
    origin = {"url": f"{server.url}/f.bin", "etag": served.etag, "last_modified": "", "size": 10**9}
    (tmp_path / "f.bin.part.json").write_text(json.dumps(origin))
    assert fetch().read_bytes() == CONTENT


def test_the_wrong_checksum_never_gets_the_name(server, fetch, tmp_path):
    server.add("f.bin", CONTENT)
    balance = []
    wrong = Expected(sha256="0" * 64)
    assert code_of(fetch, expected=wrong, progress=balance.append) == "mismatch"
    assert names(tmp_path) == []
    assert sum(balance) == 0
    assert code_of(fetch, expected=Expected(md5="0" * 32)) == "mismatch"
    assert fetch(expected=Expected(md5=hashlib.md5(CONTENT).hexdigest())).exists()


def test_another_size_is_noticed_before_the_body_is_fetched(server, fetch):
    server.add("f.bin", CONTENT, pause=0.05)
    assert code_of(fetch, expected=Expected(size=5)) == "mismatch"
    assert server.sent.get("f.bin", 0) < len(CONTENT)


def test_a_claimed_length_that_never_comes_ends_with_an_error_or_the_true_end(server, fetch, tmp_path, waits):
    server.add("f.bin", CONTENT, claimed=len(CONTENT) + 50)
    assert fetch().read_bytes() == CONTENT  # 416 says where the file really ends
    (tmp_path / "f.bin").unlink()
    server.add("f.bin", CONTENT, claimed=len(CONTENT) + 50, ranges=False)
    assert code_of(fetch, tries=3) == "unreachable"
    assert not (tmp_path / "f.bin").exists()


def test_busy_servers_are_waited_for_as_long_as_they_ask(server, fetch, waits):
    from datetime import UTC, datetime, timedelta

    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    server.add("f.bin", CONTENT, statuses=[503, (429, "7"), (503, date), (500, "soon")])
    fetch()
    assert 0 < waits[0] <= 2
    assert waits[1] == 7
    assert 90 < waits[2] <= 100
    assert 0 < waits[3] <= 60


def test_patience_ends(server, fetch, waits):
    server.add("f.bin", CONTENT, statuses=[503] * 100)
    assert code_of(fetch) == "unreachable"
    assert 60 < sum(waits) < 600
    server.add("f.bin", CONTENT, statuses=[(429, "100000")])
    assert code_of(fetch) == "unreachable"


def test_a_server_that_is_not_there(tmp_path):
    with pytest.raises(FetchError) as caught:
        download("http://127.0.0.1:9/f", tmp_path / "f", sleep=lambda _: None, tries=2)
    assert caught.value.code == "unreachable"
    assert "again" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code"), [(404, "not_found"), (410, "not_found"), (403, "forbidden"), (400, "unreachable")]
)
def test_final_refusals_are_not_repeated_and_leave_nothing(server, fetch, tmp_path, status, code):
    server.add("f.bin", CONTENT, statuses=[status])
    assert code_of(fetch) == code
    assert len(server.asked) == 1
    assert names(tmp_path) == []


def test_a_whole_file_is_left_alone_and_a_wrong_one_replaced(server, fetch, tmp_path):
    server.add("f.bin", CONTENT)
    (tmp_path / "f.bin").write_bytes(CONTENT)
    fetch(expected=Expected(sha256=SHA256))
    assert not server.asked
    (tmp_path / "f.bin").write_bytes(CONTENT[:-1])
    fetch(expected=Expected(sha256=SHA256))
    assert (tmp_path / "f.bin").read_bytes() == CONTENT


def test_two_downloads_do_not_write_the_same_part(server, fetch, tmp_path):
    server.add("f.bin", CONTENT, pause=0.02)
    first = threading.Thread(target=fetch)
    first.start()
    until = time.monotonic() + 30
    while not (tmp_path / "f.bin.part.json").exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    assert code_of(fetch) == "busy"
    first.join()
    assert (tmp_path / "f.bin").read_bytes() == CONTENT
    assert names(tmp_path) == ["f.bin"]


def test_a_full_disk_is_named_and_the_part_kept(server, fetch, tmp_path, monkeypatch):
    server.add("f.bin", CONTENT)
    real = module._Run._store

    def full(run, reply):
        run.file.write(next(reply.body))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module._Run, "_store", full)
    assert code_of(fetch) == "disk_full"
    assert (tmp_path / "f.bin.part").stat().st_size > 0
    monkeypatch.setattr(module._Run, "_store", real)
    assert fetch().read_bytes() == CONTENT
    assert server.asked[-1].start > 0


def test_a_folder_that_is_not_there_is_an_error_of_ours(server, tmp_path):
    server.add("f.bin", CONTENT)
    with pytest.raises(FetchError) as caught:
        download(f"{server.url}/f.bin", tmp_path / "no" / "f.bin")
    assert caught.value.code == "disk"


def test_memory_does_not_grow_with_the_file(server, tmp_path):
    import tracemalloc

    server.add("big", bytes(40_000_000))
    download(f"{server.url}/big", tmp_path / "warm")
    tracemalloc.start()
    download(f"{server.url}/big", tmp_path / "big")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


class TestCredentials:
    @pytest.fixture
    def private(self, server):
        server.password = f"reader:{SECRET}"
        server.add("f.bin", CONTENT)
        with DroppingServer().running() as other:
            other.add("f.bin", CONTENT)
            yield other

    @pytest.fixture
    def transport(self, server):
        transport = HttpTransport(server.url, Credentials("reader", SECRET))
        yield transport
        transport.close()

    def test_are_sent_only_once_asked_for(self, server, private, fetch, transport):
        fetch(transport=transport)
        assert ["authorization" in asked.headers for asked in server.asked] == [False, True]

    def test_are_not_sent_to_the_host_of_a_redirect(self, server, private, fetch, transport, tmp_path):
        fetch(transport=transport)
        server.add("away", b"", redirect=f"{private.url}/f.bin")
        private.password = "reader:other"
        (tmp_path / "f.bin").unlink()
        assert code_of(fetch, name="away", transport=transport) == "refused"
        private.password = ""
        fetch(name="away", transport=transport)
        assert len(private.asked) == 2
        for asked in private.asked:
            assert "authorization" not in asked.headers
            assert "cookie" not in asked.headers

    def test_a_refused_password_is_tried_once_and_appears_nowhere(self, server, private, fetch, tmp_path, caplog):
        caplog.set_level(logging.DEBUG)
        wrong = HttpTransport(server.url, Credentials("reader", "wr0ng-secret"))
        with pytest.raises(FetchError) as caught:
            fetch(transport=wrong)
        assert caught.value.code == "refused"
        assert len(server.asked) == 2
        seen = caplog.text + str(caught.value) + repr(caught.value) + repr(Credentials("reader", "wr0ng-secret"))
        chained = caught.value.__context__ or caught.value.__cause__
        on_disk = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        for text in ("wr0ng-secret", Credentials("reader", "wr0ng-secret").header()[6:]):
            assert text not in seen + repr(chained)
            assert text.encode() not in on_disk

    def test_are_never_sent_without_encryption_to_another_machine(self):
        with pytest.raises(FetchError) as caught:
            HttpTransport("http://physionet.example/files", Credentials("reader", SECRET))
        assert caught.value.code == "bad_address"

    def test_a_client_that_is_not_even_asked_is_told_apart(self, server, private, fetch, transport):
        server.agents = "Wget/"
        assert code_of(fetch, transport=transport) == "forbidden"
        assert "authorization" not in server.asked[0].headers


def test_redirects_are_followed_but_not_for_ever_and_not_anywhere(server, fetch, tmp_path):
    server.add("f.bin", CONTENT)
    server.add("here", b"", redirect="f.bin")
    server.add("loop", b"", redirect="loop")
    server.add("file", b"", redirect="file:///etc/passwd")
    assert fetch(name="here").read_bytes() == CONTENT
    (tmp_path / "f.bin").unlink()
    assert code_of(fetch, name="loop") == "bad_address"
    assert code_of(fetch, name="file") == "bad_address"


def test_a_redirect_from_https_to_http_is_refused():
    import httpx2

    transport = HttpTransport()
    answer = httpx2.MockTransport(lambda _: httpx2.Response(302, headers={"Location": "http://a.example/f"}))
    transport._client = httpx2.Client(transport=answer)
    with pytest.raises(FetchError) as caught, transport("https://a.example/f", {}):
        pass
    assert caught.value.code == "bad_address"


def test_an_address_that_is_none_is_refused(tmp_path):
    with pytest.raises(FetchError) as caught:
        download("ftp://a.example/f", tmp_path / "f")
    assert caught.value.code == "bad_address"
