"""One HTTP request at a time: credentials stay with the host they are for, redirects never lower the guard."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from radrag import __version__
from radrag.addresses import is_loopback
from radrag.errors import FetchCode, FetchError

if TYPE_CHECKING:
    import httpx2

MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}


class Dropped(Exception):
    """The connection failed or broke off; the same request may succeed later."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password for one host; the password never shows in a ``repr``."""

    user: str
    password: str = field(repr=False)

    def header(self) -> str:
        """Return the value of ``Authorization`` (RFC 7617, UTF-8)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Attributes:
        status: HTTP status of the last response (redirects followed).
        headers: its headers, names in lower case.
        body: its bytes as sent, in pieces; raises :class:`Dropped` when they break off.
        challenged: whether the server asked for credentials at any point.
    """

    status: int
    headers: Mapping[str, str]
    body: Iterator[bytes]
    challenged: bool = False


Transport = Callable[[str, Mapping[str, str]], AbstractContextManager[Reply]]
"""(URL, request headers) → the open reply."""


class HttpTransport:
    """Requests through one pool of connections; safe to use from several threads.

    Credentials are sent only after the server asks for them (status 401), only to the scheme, host and port that they
    were given for, and over plain HTTP only to this machine. A redirect from HTTPS to HTTP is refused.

    Args:
        home: any URL of the host that the credentials are for.
        credentials: None for public files.
        timeout: seconds without a byte after which the connection counts as dropped.
    """

    def __init__(self, home: str = "", credentials: Credentials | None = None, *, timeout: float = 60.0) -> None:
        import httpx2

        self._home = httpx2.URL(home).origin if home else None
        self._credentials = credentials
        self._asked = False
        self._client = httpx2.Client(
            headers={"User-Agent": f"radrag/{__version__}", "Accept-Encoding": "identity"},
            timeout=httpx2.Timeout(timeout, pool=None),
            follow_redirects=False,
        )
        if credentials is not None:
            _require_safe(httpx2.URL(home))

    @contextmanager
    def __call__(self, url: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        """Send a GET request and yield the open reply.

        Raises:
            Dropped: no connection, or it broke off before the headers came.
            FetchError: a redirect that must not be followed, or not an http(s) address.
        """
        import httpx2

        try:
            response, challenged = self._follow(url, headers)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise FetchError(FetchCode.BAD_ADDRESS, f"{url} is not an http or https address.") from None
        except httpx2.TransportError as error:
            raise Dropped(type(error).__name__) from None
        try:
            yield Reply(response.status_code, response.headers, _pieces(response), challenged)
        finally:
            response.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _follow(self, url: str, headers: Mapping[str, str]) -> tuple[httpx2.Response, bool]:
        import httpx2

        here = httpx2.URL(url)
        challenged = False
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send(here, headers)
            if response.status_code == 401 and self._may_answer(here, response):
                challenged = True
                response.close()
                self._asked = True
                response = self._send(here, headers)
            if response.status_code not in _REDIRECTS or "location" not in response.headers:
                return response, challenged or response.status_code == 401
            response.close()
            there = here.join(response.headers["location"])
            if there.scheme not in {"http", "https"} or (here.scheme == "https" and there.scheme != "https"):
                raise FetchError(
                    FetchCode.BAD_ADDRESS,
                    f"{here.host} sends the request on to an address that is not safe ({there.scheme}).",
                    hint="Nothing was fetched; try again later or from another network.",
                )
            here = there
        raise FetchError(FetchCode.BAD_ADDRESS, f"{here.host} redirects without end.", hint="Try again later.")

    def _send(self, url: httpx2.URL, headers: Mapping[str, str]) -> httpx2.Response:
        request = self._client.build_request("GET", url, headers=dict(headers))
        if url.origin != self._home:
            request.headers.pop("Cookie", None)  # the cookies are the home's sessions; cookies ignore ports
        elif self._asked and self._credentials is not None:
            request.headers["Authorization"] = self._credentials.header()
        return self._client.send(request, stream=True)

    def _may_answer(self, url: httpx2.URL, response: httpx2.Response) -> bool:
        wanted = response.headers.get("www-authenticate", "").lower().startswith("basic")
        return (
            wanted
            and url.origin == self._home
            and self._credentials is not None
            and "authorization" not in response.request.headers
        )


def _pieces(response: httpx2.Response) -> Iterator[bytes]:
    import httpx2

    try:
        yield from response.iter_raw()  # a chunk size would hold back, and lose, what came before a drop
    except httpx2.TransportError as error:
        raise Dropped(type(error).__name__) from None


def _require_safe(url: httpx2.URL) -> None:
    if url.scheme == "https" or is_loopback(url.host):
        return
    raise FetchError(
        FetchCode.BAD_ADDRESS, f"A password is not sent to {url.host} without encryption.", hint="Use an https address."
    )


def retry_after(value: str) -> float:
    """Return the pause a server asks for, in seconds (RFC 9110, 10.2.3: a number or a date), 0 when it does not."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return 0.0
