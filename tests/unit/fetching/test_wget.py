"""Requests through wget behave as radrag's own, and show the password to nobody."""

import random
import shutil
import sys
from pathlib import Path

import pytest
from dropping_server import DroppingServer
from support import missing

from radrag.errors import FetchError
from radrag.fetching.download import download
from radrag.fetching.http import Credentials
from radrag.fetching.wget import WgetTransport

CONTENT = random.Random(3).randbytes(200_000)
SECRET = "corréct horse"


@pytest.fixture
def server():
    if shutil.which("wget") is None or sys.platform != "linux":
        missing("wget on Linux")
    with DroppingServer().running() as running:
        running.password, running.agents = f"reader:{SECRET}", "Wget/"
        yield running


def fetch(server, tmp_path, name="f", *, password=SECRET, between=lambda _: None):
    transport = WgetTransport(Credentials("reader", password))
    return download(f"{server.url}/{name}", tmp_path / name, transport=transport, sleep=between)


def test_dropped_connections_are_resumed(server, tmp_path):
    server.add("f", CONTENT, drop_after=[10_000, 50_000])
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.sent["f"] == len(CONTENT)


def test_a_changed_file_is_fetched_from_its_beginning(server, tmp_path):
    served = server.add("f", CONTENT, drop_after=[10_000])

    def change(_):
        served.content = CONTENT[::-1]

    assert fetch(server, tmp_path, between=change).read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize(("name", "password", "code"), [("none", SECRET, "not_found"), ("f", "wrong", "refused")])
def test_refusals_have_the_same_codes(server, tmp_path, name, password, code):
    server.add("f", CONTENT)
    with pytest.raises(FetchError) as caught:
        fetch(server, tmp_path, name, password=password)
    assert caught.value.code == code


def test_redirects_are_not_followed(server, tmp_path):
    with DroppingServer().running() as other:
        other.add("f", CONTENT)
        server.add("f", b"", redirect=f"{other.url}/f")
        with pytest.raises(FetchError):
            fetch(server, tmp_path)
        assert not other.asked


def test_the_password_is_in_no_argument_and_no_environment(server, tmp_path):
    server.add("f", CONTENT, pause=0.01)
    with WgetTransport(Credentials("reader", SECRET))(f"{server.url}/f", {}) as reply:
        assert reply.status == 200
        seen = b""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                seen += (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                continue
    assert f"{server.url}/f".encode() in seen
    assert SECRET.encode() not in seen


def test_an_empty_file(server, tmp_path):
    server.add("f", b"")
    assert fetch(server, tmp_path).read_bytes() == b""
