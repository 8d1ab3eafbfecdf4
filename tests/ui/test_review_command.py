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


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1"])
def test_loopback_addresses_are_allowed(host):
    assert review.loopback(host) == host
    assert review.loopback("localhost") == "127.0.0.1"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])
def test_every_other_address_is_refused_since_there_is_no_login(host):
    with pytest.raises(UsageError, match=r"no login.*ssh -L"):
        review.loopback(host)


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


def test_the_server_is_told_to_stay_private():
    arguments = review.streamlit_command(Path("app.py"), address="127.0.0.1", port=8501, theme="dark")
    for flag in (
        "--server.address=127.0.0.1",
        "--browser.gatherUsageStats=false",
        "--server.headless=true",
        "--server.enableXsrfProtection=true",
        "--server.enableStaticServing=false",
        "--server.allowedHosts=127.0.0.1",
        "--client.showErrorDetails=type",
    ):
        assert flag in arguments
    assert not any(argument.startswith("--theme") for argument in arguments)
    light = review.streamlit_command(Path("app.py"), address="127.0.0.1", port=8501, theme="light")
    assert "--theme.base=light" in light


def test_every_flag_is_one_that_streamlit_knows():
    from streamlit import config

    known = set(config.get_config_options())
    arguments = review.streamlit_command(Path("app.py"), address="127.0.0.1", port=1, theme="light")
    assert {argument[2:].partition("=")[0] for argument in arguments if argument.startswith("--")} <= known


def test_the_workspace_travels_in_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    variables = review.environment(tmp_path, Path("/site/ui/app.py"))
    assert variables["RADRAG_WORKSPACE"] == str(tmp_path)
    assert variables["PYTHONPATH"].split(os.pathsep) == ["/site", "/elsewhere"]


@pytest.mark.parametrize("named", ["context", "option"])
def test_the_workspace_comes_from_the_context_or_the_option(named, tmp_path, monkeypatch):
    seen = {}

    def serve(arguments, variables, *, url, open_browser):
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
    assert review.serve(ends, dict(os.environ), url="http://127.0.0.1:9", open_browser=False) == 3


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_killed_page_gives_128_and_the_signal():
    killed = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    assert review.serve(killed, dict(os.environ), url="http://127.0.0.1:9", open_browser=False) == 128 + 9


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
    assert review.serve(SLEEPER, dict(os.environ), url="http://127.0.0.1:9", open_browser=True) == 0
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
