"""``radrag review``: run the review page's server as a child, and take it down again."""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from radrag.errors import UsageError
from radrag.optional import require
from radrag.settings import Settings, load_settings

STANDARD_ERROR = 2  # file descriptor
START_SECONDS = 60.0
STOP_SECONDS = 10.0
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("review", short_help="open the review page in a browser")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="Port; 0 takes a free one."
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Others than this machine's own need --tls-cert or --behind-proxy.",
)
@click.option(
    "--name", "names", multiple=True, metavar="HOST", help="Name by which browsers reach the page from elsewhere."
)
@click.option("--tls-cert", type=FILE, help="Certificate with its chain (PEM): serve https.")
@click.option("--tls-key", type=FILE, help="The certificate's private key (PEM).")
@click.option(
    "--behind-proxy",
    "proxy",
    metavar="ADDRESS",
    help="Address or network of a proxy of yours that serves https before the page: it is believed on browsers.",
)
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the database, indexes and cache.",
)
@click.option("--theme", type=click.Choice(["dark", "light"]), default="dark", show_default=True, help="Colours.")
@click.option("--open", "open_browser", is_flag=True, help="Also open the page in the default browser.")
@click.pass_context
def command(
    context: click.Context,
    port: int,
    host: str,
    names: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    proxy: str | None,
    workspace: Path | None,
    theme: str,
    open_browser: bool,
) -> None:
    """Show drafts beside image and evidence, in a browser; readers log in (radrag users add NAME).

    Prints the page's address once it answers, and runs until Ctrl-C. Passwords and patients' data cross a network
    only encrypted: to be reached from elsewhere, serve https (--tls-cert and --tls-key), stand behind a proxy that
    does (--behind-proxy), or forward the port: ssh -L 8501:127.0.0.1:8501 HOST
    """
    page_script()
    place = placed(host, names=names, certificate=tls_cert, key=tls_key, proxy=proxy)
    given = context.obj if isinstance(context.obj, Settings) and workspace is None else None
    settings = given or load_settings(workspace=workspace)
    if sys.stdin.isatty():
        first_account(settings)
    number = free_port(place.address, port)
    status = serve(
        [*place.command(), "--port", str(number), "--theme", theme],
        environment(settings.workspace, page_script()),
        url=place.url(number),
        probe=place.probe(number),
        open_browser=open_browser,
    )
    context.exit(status)


def first_account(settings: Settings) -> None:
    """Ask for the first account where there is none: without one, nobody can log in."""
    from radrag.cli import users
    from radrag.store.repository import Store

    with Store.open(settings.url) as store:
        if store.accounts():
            return
    click.echo("Readers log in, and there is no account yet. Yours, as a reader:", err=True)
    name = click.prompt("Name (short, lower case)", err=True)
    full_name = click.prompt("Full name, as it stands under reports", default=name, err=True)
    with click.Context(users.add, obj=settings) as inner:
        inner.invoke(
            users.add, name=name, full_name=full_name, role="reader", subject="", password_stdin=False, as_json=False
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where the page is served.

    Attributes:
        address: to listen on.
        names: by which browsers reach it from elsewhere.
        certificate, key: PEM files; None for http.
        proxy: address of a proxy that is believed; empty for none.
    """

    address: str
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    proxy: str = ""

    def command(self) -> list[str]:
        """Return the server's command line, but for port and looks."""
        named = [part for name in self.names for part in ("--name", name)]
        tls = ["--tls-cert", str(self.certificate), "--tls-key", str(self.key)] if self.certificate else []
        proxy = ["--proxy", self.proxy] if self.proxy else []
        return [sys.executable, "-m", "ui", "--address", self.address, *named, *tls, *proxy]

    def url(self, port: int) -> str:
        """Return the address for people."""
        return self._url(self.names[0] if self.names and self.certificate else self.address, port)

    def probe(self, port: int) -> str:
        """Return the address by which this machine reaches the page."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
        return self._url(everywhere.get(self.address, self.address), port)

    def _url(self, host: str, port: int) -> str:
        return f"{'https' if self.certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def placed(
    host: str, *, names: tuple[str, ...], certificate: Path | None, key: Path | None, proxy: str | None
) -> Place:
    """Return where the page is served.

    Raises:
        UsageError: passwords would cross a network in the clear, browsers could not know the page by a name, or half
            of the certificate is missing.
    """
    address = "127.0.0.1" if host == "localhost" else host
    if (certificate is None) != (key is None):
        raise UsageError("--tls-cert and --tls-key belong together.")
    try:
        loopback = ipaddress.ip_address(address).is_loopback
        if proxy is not None:
            ipaddress.ip_network(proxy)
    except ValueError:
        raise UsageError(
            "--host takes an address, such as 127.0.0.1, 0.0.0.0 or 10.1.2.3, and --behind-proxy that or a network.",
            hint="Give the page's name with --name.",
        ) from None
    if not loopback and certificate is None and proxy is None:
        raise UsageError(
            f"--host {host}: passwords and patients' data would cross the network in the clear.",
            hint="Give --tls-cert and --tls-key, or --behind-proxy ADDRESS, or forward the port: "
            "ssh -L 8501:127.0.0.1:8501 THIS-MACHINE",
        )
    if not names and (not loopback or proxy is not None):
        raise UsageError("Browsers elsewhere reach the page by a name: give it with --name.")
    return Place(address, names, certificate, key, proxy or "")


def page_script() -> Path:
    """Return the installed page's script.

    Raises:
        MissingDependency: Streamlit or argon2 is not installed.
        UsageError: the ``ui`` package is not beside radrag.
    """
    for module in ("streamlit", "argon2"):
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


def environment(workspace: Path, script: Path) -> dict[str, str]:
    """Return the child's environment: the workspace, and the folder from which ``ui`` is imported."""
    paths = [str(script.parents[1]), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return {**os.environ, "RADRAG_WORKSPACE": str(workspace.absolute()), "PYTHONPATH": os.pathsep.join(paths)}


def serve(arguments: list[str], variables: dict[str, str], *, url: str, probe: str, open_browser: bool) -> int:
    """Run the page until it ends or Ctrl-C; return the exit status (128 + signal for a killed child)."""
    with _terminated_by_signal():
        # What Streamlit says goes to standard error: standard output carries the address alone.
        child = subprocess.Popen(arguments, env=variables, stdin=subprocess.DEVNULL, stdout=STANDARD_ERROR)
        try:
            if wait_until_ready(child, probe):
                click.echo(url)
                click.echo("The review page is open to those who log in. Ctrl-C stops it.", err=True)
                if open_browser:
                    webbrowser.open(url)
            status = child.wait()
        except KeyboardInterrupt:
            status = 130 if stop(child) is None else 0
    return status if status >= 0 else 128 - status


def wait_until_ready(child: subprocess.Popen[bytes], url: str, *, seconds: float = START_SECONDS) -> bool:
    """Return whether the page answers within ``seconds``; False also when it ended."""
    # A proxy must not see loopback, and the certificate is for other names: nothing is said here but "are you there".
    direct = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
    )
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
