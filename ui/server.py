"""The review page's server: Streamlit's ASGI app behind the gate; ``radrag review`` starts it as its child."""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from streamlit.starlette import App
from streamlit.web.bootstrap import load_config_options

from radrag.errors import RadragError, StoreError
from radrag.people import passwords
from radrag.settings import load_settings
from ui import organisation, pixels
from ui.gate import NO_DATABASE, SECONDS_BETWEEN_LOOKS, Gate
from ui.login import LoginPages
from ui.streamlit_options import THEMES, options

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from radrag.store.repository import Store

SCRIPT = Path(__file__).with_name("app.py")
LARGEST_MESSAGE = 64 * 2**20  # bytes on the socket
STOP_SECONDS = 3  # for what is under way when the server is to end
LOOPBACK = ("127.0.0.1", "localhost", "::1")

ROUTES: list[BaseRoute] = [Route(pixels.ROUTE, pixels.pixels)]
"""What the pages ask for besides Streamlit's own. The gate is before all of it; ``scope[gate.ACCOUNT]`` is who asks."""


def build(
    store: Store,
    *,
    theme: str = "dark",
    hosts: Iterable[str] = LOOPBACK,
    seconds_between_looks: float = SECONDS_BETWEEN_LOOKS,
) -> App:
    """Return the server's app.

    Args:
        hosts: names by which browsers may call it.
        seconds_between_looks: at the log-in behind an open socket.
    """
    pages = LoginPages(store, theme, organisation.configured)
    gate = Middleware(
        Gate,
        store=store,
        hosts=frozenset(hosts),
        organisation=organisation.configured,
        seconds_between_looks=seconds_between_looks,
    )
    return App(
        SCRIPT,
        routes=[*pages.routes(), *organisation.Organisation(pages).routes(), *ROUTES],
        middleware=[gate],
        exception_handlers={StoreError: unreachable},
    )


async def unreachable(_request: Request, _error: Exception) -> Response:
    """Say that the database does not answer."""
    return PlainTextResponse(NO_DATABASE, status_code=503)


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; say what prevents it and exit with 1."""
    try:
        serve(arguments)
    except RadragError as error:
        sys.exit(f"Error: {error}")


def serve(arguments: list[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; the workspace comes from the environment.

    Raises:
        RadragError: the database, or what is said of the provider, does not allow it.
    """
    parser = argparse.ArgumentParser(prog="python -m ui", description=__doc__)
    parser.add_argument("--address", default=LOOPBACK[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--theme", choices=THEMES, default="dark")
    parser.add_argument("--name", action="append", default=[], help="a name by which browsers call it")
    parser.add_argument("--tls-cert", default="")
    parser.add_argument("--tls-key", default="")
    parser.add_argument("--proxy", default="", help="address of the proxy to believe")
    given = parser.parse_args(arguments)
    from radrag.store.repository import Store

    hosts = [name.lower() for name in (*LOOPBACK, given.address, *given.name)]
    settings = load_settings()
    with Store.open(settings.url) as store, listening(given.address, given.port) as place:
        passwords.ready()
        app = build(store, theme=given.theme, hosts=hosts)
        load_config_options(
            options(port=given.port, theme=given.theme, hosts=hosts, secrets=settings.workspace / "secrets.toml")
        )
        organisation.check()
        served = uvicorn.Config(
            app,
            ssl_certfile=given.tls_cert or None,
            ssl_keyfile=given.tls_key or None,
            forwarded_allow_ips=given.proxy,
            ws="websockets-sansio",  # this and the next two as Streamlit's own server has them
            ws_max_size=LARGEST_MESSAGE,
            ws_per_message_deflate=False,
            ws_ping_interval=30,
            ws_ping_timeout=30,
            access_log=False,  # addresses hold draft ids
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn has ended in order, and passes the signal on
            uvicorn.Server(served).run(sockets=[place])


def listening(address: str, port: int) -> socket.socket:
    """Return a socket that listens, and sends what it has at once.

    Waiting for more to send (Nagle), while the browser waits before it says that something arrived, costs 40 ms an
    answer. asyncio switches that off, but not on sockets it does not know for TCP; connections inherit it from here.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    place = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    place.bind((address, port))
    place.listen(128)
    return place
