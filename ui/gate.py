"""The gate before the whole server: no page, file or socket without a log-in, but what is needed to log in."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from anyio import to_thread
from google.protobuf.message import DecodeError
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from radrag.errors import StoreError
from radrag.people import accounts
from radrag.people.clock import SteadyClock
from radrag.store.people_values import SEEN_EVERY_SECONDS
from ui.headers import Message, Send, with_headers

if TYPE_CHECKING:
    from radrag.store.people_values import Account
    from radrag.store.repository import Store

    Receive = Callable[[], Awaitable[Message]]
    ASGIApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

COOKIE = "radrag_login"
OPEN = frozenset({"/login", "/login/style.css", "/login/icon.svg", "/logout", "/_stcore/health"})
"""The only paths that a stranger gets, as they stand."""
ORGANISATION = frozenset({"/login/organisation", "/auth/login", "/oauth2callback"})
"""What the way to the organisation's provider and back needs besides (ui/organisation.py)."""
STREAMLITS = ("/_stcore/", "/static/", "/media/", "/component/")  # asked for by its page, not by the person
ACCOUNT = "radrag.account"  # key of the ASGI scope under which routes find who asks
NEXT_LIFE = "radrag.next_life"  # when the next sign of life on a socket is worth a look at the database
NO_DATABASE = "The database does not answer. Try again, or run: radrag doctor"
OVER = 4401  # close code of a socket whose log-in is over: 4000 to 4999 are the application's (RFC 6455, 7.4.2)
SECONDS_BETWEEN_LOOKS = 45.0  # at the log-in behind an open socket; the page itself looks oftener (ui/people.py)


class Gate:
    """ASGI middleware. Sets who asks as ``scope["radrag.account"]``, and headers that a page with patients' data needs.

    Args:
        hosts: names by which browsers may call the server; a page elsewhere that makes its own name point here is
            refused. Empty allows all.
        organisation: whether people may log in with their organisation's provider; then its paths are open too.
    """

    def __init__(
        self,
        app: ASGIApp,
        store: Store,
        hosts: frozenset[str],
        organisation: Callable[[], bool] = lambda: False,
        seconds_between_looks: float = SECONDS_BETWEEN_LOOKS,
    ) -> None:
        self.app = app
        self.store = store
        self.hosts = hosts
        self.organisation = organisation
        self.seconds_between_looks = seconds_between_looks

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let through, or answer in the app's place."""
        if scope["type"] == "http":
            await self._answer(scope, receive, with_headers(send, scope["path"]))
        elif scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if not self._known_host(scope):
            refused: Response = PlainTextResponse("radrag does not answer to this name; see --name.", status_code=421)
            return await refused(scope, receive, send)
        path = scope["path"]
        if path in OPEN or (path in ORGANISATION and self.organisation()):
            return await self.app(scope, receive, send)
        try:
            account = await self._account(scope, seen=not path.startswith(STREAMLITS))
        except StoreError:
            refused = PlainTextResponse(NO_DATABASE, status_code=503)
            return await refused(scope, receive, send)
        if account is None:
            if not _is_page(scope):
                refused = PlainTextResponse("Log in first.", status_code=401)
            elif USER_COOKIE_NAME in HTTPConnection(scope).cookies and self.organisation():
                refused = RedirectResponse("/login/organisation", status_code=303)  # back from the provider
            else:
                refused = _to_login(scope)
            return await refused(scope, receive, send)
        scope[ACCOUNT] = account
        return await self.app(scope, receive, send)

    async def _connect(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        account = None
        if self._known_host(scope):
            with contextlib.suppress(StoreError):
                account = await self._account(scope, seen=False)
        if account is None:
            await receive()  # the request to connect
            await send({"type": "websocket.close", "code": OVER})  # before it is accepted: an HTTP 403
            return
        scope[ACCOUNT] = account
        await self._until_over(scope, receive, send)

    async def _until_over(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve a socket for as long as its log-in counts."""
        over = asyncio.create_task(self._over(scope))
        closed = False

        async def receive_until_over() -> Message:
            nonlocal closed
            message = asyncio.ensure_future(receive())
            await asyncio.wait({message, over}, return_when=asyncio.FIRST_COMPLETED)
            if message.done():
                await self._note_life(scope, message.result())
                return message.result()
            message.cancel()
            if not closed:
                closed = True
                to_login = ForwardMsg()  # so that nothing stays on the screen
                to_login.auth_redirect.url = "/login?over"
                await send({"type": "websocket.send", "bytes": to_login.SerializeToString()})
                await send({"type": "websocket.close", "code": OVER})
            return {"type": "websocket.disconnect", "code": OVER}

        async def send_unless_closed(message: Message) -> None:
            if not closed:
                await send(message)

        try:
            await self.app(scope, receive_until_over, send_unless_closed)
        finally:
            over.cancel()

    async def _note_life(self, scope: MutableMapping[str, Any], message: Message) -> None:
        """Keep the log-in from ending for idleness where the person did something; timers of the page do not count."""
        if by_person(message) and time.monotonic() >= scope.get(NEXT_LIFE, 0.0):
            scope[NEXT_LIFE] = time.monotonic() + SEEN_EVERY_SECONDS
            with contextlib.suppress(StoreError):
                await self._account(scope, seen=True)

    async def _over(self, scope: MutableMapping[str, Any]) -> None:
        account: Account | None = scope[ACCOUNT]
        while account is not None:
            await asyncio.sleep(self.seconds_between_looks)
            with contextlib.suppress(StoreError):  # a database that is busy now ends nobody's work
                account = await self._account(scope, seen=False)

    async def _account(self, scope: MutableMapping[str, Any], *, seen: bool) -> Account | None:
        token = HTTPConnection(scope).cookies.get(COOKIE, "")
        return await to_thread.run_sync(account_of, self.store, token, seen) if token else None

    def _known_host(self, scope: MutableMapping[str, Any]) -> bool:
        return not self.hosts or host_name(Headers(scope=scope).get("host", "")) in self.hosts


now = SteadyClock()
"""The time of all log-ins in this process."""


def account_of(store: Store, token: str, seen: bool) -> Account | None:
    """Return whose log-in a cookie's token is; ``seen``: as :meth:`radrag.store.people.People.logged_in`."""
    return accounts.of_token(store, token, now=now(), seen=seen)


def by_person(message: Message) -> bool:
    """Return whether a message of Streamlit's page tells of something that the person did."""
    said = BackMsg()
    try:
        said.ParseFromString(message.get("bytes") or b"")
    except DecodeError:  # Streamlit closes the socket
        return False
    return said.WhichOneof("type") == "rerun_script" and not said.rerun_script.is_auto_rerun


def host_name(host: str) -> str:
    """Return a Host header without its port, in lower case; empty for what is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_page(scope: MutableMapping[str, Any]) -> bool:
    wants_page = "text/html" in Headers(scope=scope).get("accept", "")
    return scope["method"] in ("GET", "HEAD") and wants_page and not scope["path"].startswith(STREAMLITS)


def _to_login(scope: MutableMapping[str, Any]) -> Response:
    query = scope["query_string"].decode("latin-1")
    wanted = quote(scope["path"]) + (f"?{query}" if query else "")
    return RedirectResponse(f"/login?next={quote(wanted, safe='')}", status_code=303)
