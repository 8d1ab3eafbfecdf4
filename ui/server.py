"""The review page's server: Streamlit's ASGI app behind the gate; ``radrag review`` starts it as its child."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from streamlit.starlette import App

from radrag.errors import StoreError
from radrag.people import passwords
from radrag.settings import load_settings
from ui import organisation, pixels
from ui.gate import NO_DATABASE, SECONDS_BETWEEN_LOOKS, Gate
from ui.login import LoginPages

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from radrag.store.repository import Store

SCRIPT = Path(__file__).with_name("app.py")
LOOPBACK = ("127.0.0.1", "localhost", "::1")

ROUTES: list[BaseRoute] = [Route(pixels.ROUTE, pixels.pixels)]
"""What the pages ask for besides Streamlit's own. The gate is before all of it; ``scope[gate.ACCOUNT]`` is who asks."""

# These win over every config file and environment variable that Streamlit reads.
SAFE: dict[str, Any] = {
    "server.headless": True,
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.xsrfCookieSameSite": "strict",
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.trustedUserHeaders": {},  # who it is, is said by the gate alone
    "server.baseUrlPath": "",  # the gate knows paths from the root
    "server.fileWatcherType": "none",
    "server.maxUploadSize": 200,  # MB: a study of several views
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "viewer",
    "client.showErrorLinks": False,  # would pass the error on to search engines
    "client.showErrorDetails": "type",  # no values of the data in an error shown
    "logger.hideWelcomeMessage": True,
    "logger.level": "warning",
    "global.developmentMode": False,
}

# The dark colours stand in ui/.streamlit/config.toml; light is said here, because this wins over the file.
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


def config(
    *, address: str, port: int, theme: str, hosts: Iterable[str], secrets: Path, certificate: str = "", key: str = ""
) -> dict[str, Any]:
    """Return what Streamlit is told.

    Args:
        secrets: file with the section ``[auth]`` of an OpenID provider, if there is one; no other is looked for.
    """
    place = {"server.address": address, "server.port": port, "server.allowedHosts": list(hosts)}
    place["secrets.files"] = [str(secrets)]
    tls = {"server.sslCertFile": certificate, "server.sslKeyFile": key} if certificate else {}
    return {**SAFE, **THEMES[theme], **place, **tls}


def main(arguments: list[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; the workspace comes from the environment."""
    parser = argparse.ArgumentParser(prog="python -m ui", description=__doc__)
    parser.add_argument("--address", default=LOOPBACK[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--theme", choices=THEMES, default="dark")
    parser.add_argument("--name", action="append", default=[], help="a name by which browsers call it")
    parser.add_argument("--tls-cert", default="")
    parser.add_argument("--tls-key", default="")
    given = parser.parse_args(arguments)
    from radrag.store.repository import Store

    hosts = [name.lower() for name in (*LOOPBACK, given.address, *given.name)]
    settings = load_settings()
    with Store.open(settings.url) as store:
        passwords.ready()
        app = build(store, theme=given.theme, hosts=hosts)
        told = config(
            address=given.address,
            port=given.port,
            theme=given.theme,
            hosts=hosts,
            secrets=settings.workspace / "secrets.toml",
            certificate=given.tls_cert,
            key=given.tls_key,
        )
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn has ended in order, and passes the signal on
            app.run(config=told)
