"""``radrag review`` starts a server that only this machine reaches, and takes it down again."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from radrag.cli import review
from radrag.errors import MissingDependency, UsageError
from radrag.settings import Settings

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]


def placed(host, *, names=(), certificate=None, key=None, proxy=None):
    return review.placed(host, names=names, certificate=certificate, key=key, proxy=proxy)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_addresses_need_nothing_else(host):
    place = placed(host)
    assert place.url(8501) == {"::1": "http://[::1]:8501", "127.8.8.8": "http://127.8.8.8:8501"}.get(
        host, "http://127.0.0.1:8501"
    )
    assert place.probe(8501) == place.url(8501)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4"])
def test_passwords_never_cross_a_network_in_the_clear(host):
    with pytest.raises(UsageError, match=r"in the clear.*--tls-cert.*--behind-proxy.*ssh -L"):
        placed(host, names=("radrag.example",))


def test_with_a_certificate_other_machines_are_served_by_name():
    place = placed("0.0.0.0", names=("radrag.example",), certificate=Path("c.pem"), key=Path("k.pem"))
    assert place.url(8501) == "https://radrag.example:8501"
    assert place.probe(8501) == "https://127.0.0.1:8501"
    assert " ".join(place.command()).endswith(
        "-m ui --address 0.0.0.0 --name radrag.example --tls-cert c.pem --tls-key k.pem"
    )


def test_a_proxy_may_stand_before_the_page_if_the_page_knows_its_name():
    place = placed("10.0.0.5", names=("radrag.example",), proxy="10.0.0.1")
    assert place.command()[-4:] == ["--name", "radrag.example", "--proxy", "10.0.0.1"]
    assert placed("10.0.0.5", names=("radrag.example",), proxy="10.0.0.0/8").proxy == "10.0.0.0/8"
    for host in ("127.0.0.1", "10.0.0.5"):
        with pytest.raises(UsageError, match="--name"):
            placed(host, proxy="10.0.0.1")


def test_half_a_certificate_is_refused():
    with pytest.raises(UsageError, match="belong together"):
        placed("127.0.0.1", certificate=Path("c.pem"))


@pytest.mark.parametrize(("host", "proxy"), [("example.org", None), ("", None), ("127.0.0.1", "proxy.example")])
def test_names_where_addresses_belong_are_refused(host, proxy):
    with pytest.raises(UsageError, match="--name"):
        placed(host, names=("radrag.example",), proxy=proxy)


def test_the_command_refuses_other_hosts_before_starting_anything(monkeypatch):
    monkeypatch.setattr(review.subprocess, "Popen", lambda *_, **__: pytest.fail("started"))
    result = CliRunner().invoke(review.command, ["--host", "0.0.0.0"])
    assert isinstance(result.exception, UsageError)


def test_a_taken_port_is_refused_and_zero_takes_a_free_one():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port}"):
            review.free_port("127.0.0.1", port)
        assert review.free_port("127.0.0.1", 0) not in {0, port}


def test_missing_packages_are_named_with_the_install_line(monkeypatch):
    real = review.importlib.util.find_spec
    monkeypatch.setattr(review.importlib.util, "find_spec", lambda name: None if name == "streamlit" else real(name))
    monkeypatch.setitem(sys.modules, "streamlit", None)
    with pytest.raises(MissingDependency, match=r"pip install 'radrag\[ui\]'"):
        review.page_script()


def test_missing_page_files_are_said(monkeypatch):
    real = review.importlib.util.find_spec
    monkeypatch.setattr(review.importlib.util, "find_spec", lambda name: None if name == "ui" else real(name))
    with pytest.raises(UsageError, match="Reinstall"):
        review.page_script()


def test_the_installed_page_is_found():
    script = review.page_script()
    assert script.name == "app.py"
    assert (script.parent / "style.css").is_file()
    assert (script.parent / ".streamlit" / "config.toml").is_file()


def test_the_workspace_travels_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    variables = review.environment(tmp_path, Path("/site/ui/app.py"))
    assert variables["RADRAG_WORKSPACE"] == str(tmp_path)
    assert variables["PYTHONPATH"].split(os.pathsep) == ["/site", "/elsewhere"]


@pytest.mark.parametrize("named", ["context", "option"])
def test_the_workspace_comes_from_the_context_or_the_option(named, tmp_path, monkeypatch):
    seen = {}

    def serve(arguments, variables, *, url, probe, open_browser):
        seen.update(workspace=variables["RADRAG_WORKSPACE"], url=url, open=open_browser)
        return 7

    monkeypatch.setattr(review, "serve", serve)
    options = ["--workspace", str(tmp_path / "option")] if named == "option" else []
    settings = Settings(workspace=tmp_path / "context")
    result = CliRunner().invoke(review.command, ["--port", "0", "--host", "::1", *options], obj=settings)
    assert result.exit_code == 7
    assert seen["workspace"] == str(tmp_path / named)
    assert seen["url"].startswith("http://[::1]:")
    assert seen["open"] is False


def test_the_exit_status_of_the_page_is_passed_on(monkeypatch):
    monkeypatch.setattr(review, "START_SECONDS", 5.0)
    ends = [sys.executable, "-c", "raise SystemExit(3)"]
    assert (
        review.serve(ends, dict(os.environ), url="http://127.0.0.1:9", probe="http://127.0.0.1:9", open_browser=False)
        == 3
    )


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_killed_page_gives_128_and_the_signal():
    killed = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    assert (
        review.serve(killed, dict(os.environ), url="http://127.0.0.1:9", probe="http://127.0.0.1:9", open_browser=False)
        == 128 + 9
    )


def test_ctrl_c_ends_the_page(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(review.webbrowser, "open", opened.append)
    monkeypatch.setattr(review, "wait_until_ready", lambda *_: True)
    children = []
    real_wait = subprocess.Popen.wait

    def interrupted_once(child, timeout=None):
        if not children:
            children.append(child)
            raise KeyboardInterrupt
        return real_wait(child, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted_once)
    assert (
        review.serve(SLEEPER, dict(os.environ), url="http://127.0.0.1:9", probe="http://127.0.0.1:9", open_browser=True)
        == 0
    )
    assert children[0].poll() is not None
    assert opened == ["http://127.0.0.1:9"]
    assert capsys.readouterr().out == "http://127.0.0.1:9\n"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_page_that_does_not_listen_is_killed(monkeypatch):
    monkeypatch.setattr(review, "STOP_SECONDS", 0.2)
    deaf = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    deaf.stdout.readline()
    assert review.stop(deaf) is None
    deaf.stdout.close()
    assert deaf.returncode == -signal.SIGKILL


def test_waiting_ends_when_time_is_up():
    child = subprocess.Popen(SLEEPER)
    try:
        began = time.monotonic()
        assert review.wait_until_ready(child, "http://127.0.0.1:9", seconds=0.3) is False
        assert time.monotonic() - began < 5
    finally:
        child.kill()
        child.wait()


def test_the_command_is_one_click_can_load():
    assert isinstance(review.command, click.Command)
    assert review.command.name == "review"
