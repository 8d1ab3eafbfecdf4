"""``radrag review``: run the review page as a Streamlit process that only this machine can reach."""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from radrag.errors import UsageError
from radrag.optional import require
from radrag.settings import Settings, load_settings

ALLOWED_HOSTS = ("127.0.0.1", "localhost", "::1")  # a page of another name that resolves to this machine is refused
STANDARD_ERROR = 2  # file descriptor
START_SECONDS = 60.0
STOP_SECONDS = 5.0

# Flags win over every config file and environment variable that Streamlit reads.
SAFE_FLAGS = {
    "server.headless": "true",
    "server.enableCORS": "true",
    "server.enableXsrfProtection": "true",
    "server.enableStaticServing": "false",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "1",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "viewer",
    "client.showErrorDetails": "type",  # no values of the data in an error shown
    "logger.hideWelcomeMessage": "true",
    "logger.level": "warning",
    "global.developmentMode": "false",
}


@click.command("review", short_help="open the review page in a browser on this machine")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on: this machine's only.")
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the database, indexes and cache.",
)
@click.option("--theme", type=click.Choice(["dark", "light"]), default="dark", show_default=True, help="Colours.")
@click.option("--open", "open_browser", is_flag=True, help="Also open the page in the default browser.")
@click.pass_context
def command(
    context: click.Context, port: int, host: str, workspace: Path | None, theme: str, open_browser: bool
) -> None:
    """Show drafts beside image and evidence, in a browser on this machine.

    Prints the page's address once it answers, and runs until Ctrl-C. The page has no login; it therefore
    listens on the loopback address alone. To read from elsewhere, forward the port: ssh -L 8501:127.0.0.1:8501 HOST
    """
    address = loopback(host)
    script = page_script()
    settings = context.obj if isinstance(context.obj, Settings) and workspace is None else None
    folder = (settings or load_settings(workspace=workspace)).workspace
    number = free_port(address, port)
    status = serve(
        streamlit_command(script, address=address, port=number, theme=theme),
        environment(folder, script),
        url=f"http://{f'[{address}]' if ':' in address else address}:{number}",
        open_browser=open_browser,
    )
    context.exit(status)


def loopback(host: str) -> str:
    """Return ``host`` as a loopback address.

    Raises:
        UsageError: it is another machine's or all machines' address; the page has no login.
    """
    if host == "localhost":
        return "127.0.0.1"
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return host
    raise UsageError(
        f"--host {host}: the review page has no login, so it listens on 127.0.0.1 only.",
        hint="To read from another machine, forward the port: ssh -L 8501:127.0.0.1:8501 THIS-MACHINE",
    )


def page_script() -> Path:
    """Return the installed page's script.

    Raises:
        MissingDependency: Streamlit or plotly is not installed.
        UsageError: the ``ui`` package is not beside radrag.
    """
    for module in ("streamlit", "plotly"):
        if importlib.util.find_spec(module) is None:  # importing Streamlit here would cost a second for nothing
            require(module, extra="ui")
    found = importlib.util.find_spec("ui")
    for folder in (found.submodule_search_locations or []) if found else []:
        script = Path(folder) / "app.py"
        if script.is_file() and (Path(folder) / "viewer.py").is_file():
            return script
    raise UsageError("The review page's files (package 'ui') are missing.", hint="Reinstall: pip install 'radrag[ui]'")


def free_port(address: str, port: int) -> int:
    """Return ``port``, or a free one for 0.

    Raises:
        UsageError: the port is taken.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise UsageError(
                f"Port {port} on {address} cannot be used: {error.strerror}.",
                hint="Name another: radrag review --port 0",
            ) from error
        return int(probe.getsockname()[1])


def streamlit_command(script: Path, *, address: str, port: int, theme: str) -> list[str]:
    """Return the command line that serves ``script``."""
    flags = {**SAFE_FLAGS, "server.address": address, "server.port": str(port), **THEMES[theme]}
    hosts = [f"--server.allowedHosts={host}" for host in ALLOWED_HOSTS]
    return [sys.executable, "-m", "streamlit", "run", str(script), *(f"--{k}={v}" for k, v in flags.items()), *hosts]


# The dark colours stand in ui/.streamlit/config.toml; light is said here, because a flag wins over the file.
THEMES: dict[str, dict[str, str]] = {
    "dark": {},
    "light": {
        "theme.base": "light",
        "theme.primaryColor": "#1f6fb2",
        "theme.backgroundColor": "#f6f8fa",
        "theme.secondaryBackgroundColor": "#ffffff",
        "theme.textColor": "#17212b",
        "theme.borderColor": "#d3dbe3",
        "theme.linkColor": "#1f6fb2",
        "theme.dataframeBorderColor": "#d3dbe3",
        "theme.dataframeHeaderBackgroundColor": "#eef2f6",
    },
}


def environment(workspace: Path, script: Path) -> dict[str, str]:
    """Return the child's environment: the workspace, and the folder from which ``ui`` is imported."""
    paths = [str(script.parents[1]), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return {**os.environ, "RADRAG_WORKSPACE": str(workspace.absolute()), "PYTHONPATH": os.pathsep.join(paths)}


def serve(arguments: list[str], variables: dict[str, str], *, url: str, open_browser: bool) -> int:
    """Run the page until it ends or Ctrl-C; return the exit status (128 + signal for a killed child)."""
    with _terminated_by_signal():
        # What Streamlit says goes to standard error: standard output carries the address alone.
        child = subprocess.Popen(arguments, env=variables, stdin=subprocess.DEVNULL, stdout=STANDARD_ERROR)
        try:
            if wait_until_ready(child, url):
                click.echo(url)
                click.echo("The review page is open to this machine only. Ctrl-C stops it.", err=True)
                if open_browser:
                    webbrowser.open(url)
            status = child.wait()
        except KeyboardInterrupt:
            status = 130 if stop(child) is None else 0
    return status if status >= 0 else 128 - status


def wait_until_ready(child: subprocess.Popen[bytes], url: str, *, seconds: float = START_SECONDS) -> bool:
    """Return whether the page answers within ``seconds``; False also when it ended."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy must not see loopback
    until = time.monotonic() + seconds
    while time.monotonic() < until and child.poll() is None:
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            direct.open(f"{url}/_stcore/health", timeout=2) as answer,
        ):
            if answer.status == 200:
                return True
        time.sleep(0.1)
    return False


def stop(child: subprocess.Popen[bytes]) -> int | None:
    """Ask the child to end, and after ``STOP_SECONDS`` make it; return its status, None when it was killed."""
    child.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
    try:
        return child.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return None


@contextlib.contextmanager
def _terminated_by_signal() -> Iterator[None]:
    """Let SIGTERM end the child as Ctrl-C does, so that no server is left behind."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - fixed by signal
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread: the caller handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
