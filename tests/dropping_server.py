"""A local HTTP server that behaves as badly as real ones do, and remembers what it was asked."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from serving import handler_of, serving


@dataclass
class Served:
    """One file and how it is served.

    Attributes:
        content: its bytes.
        drop_after: for each request in turn, after how many bytes of the body the connection is cut; when the list is
            used up, the rest is sent whole.
        statuses: for each request in turn, an error status to answer with instead, or (status, Retry-After).
        ranges: whether Range is honoured.
        validators: whether ETag and Last-Modified are sent.
        claimed: Content-Length to claim instead of the true one.
        redirect: where to send the request on to.
        pause: seconds to wait after every 4 KiB.
    """

    content: bytes
    drop_after: list[int] = field(default_factory=list)
    statuses: list[int | tuple[int, str]] = field(default_factory=list)
    ranges: bool = True
    validators: bool = True
    claimed: int | None = None
    redirect: str = ""
    pause: float = 0.0

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


@dataclass(frozen=True)
class Asked:
    path: str
    headers: dict[str, str]

    @property
    def start(self) -> int:
        """First byte that was asked for."""
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(match[1]) if match else 0


class DroppingServer:
    """Files by path, on 127.0.0.1 at a free port.

    Attributes:
        files: path (without the first slash) → :class:`Served`.
        asked: every request, in order.
        sent: path → bytes of bodies sent.
        password: "user:password" that every file needs (Basic, RFC 7617); empty for none.
        agents: only programs whose User-Agent starts so are asked for a password; others get 403, as PhysioNet does.
    """

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[Asked] = []
        self.sent: dict[str, int] = {}
        self.password = ""
        self.agents = ""
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self._answer))
        self._server.handle_error = lambda *_: None  # clients that are killed break their connections
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, path: str, content: bytes, **how: Any) -> Served:
        self.files[path] = Served(content, **how)
        return self.files[path]

    def requests_for(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    @contextmanager
    def running(self) -> Iterator[DroppingServer]:
        with serving(self._server):
            yield self

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.lstrip("/")
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            self.asked.append(Asked(path, headers))
            served = self.files.get(path)
            status = served.statuses.pop(0) if served and served.statuses else None
        if served is None:
            return _plain(handler, 404)
        if served.redirect:
            return _plain(handler, 302, {"Location": served.redirect})
        if self.password:
            wanted = "Basic " + base64.b64encode(self.password.encode()).decode()
            if not headers.get("user-agent", "").startswith(self.agents):
                return _plain(handler, 403)
            if headers.get("authorization") != wanted:
                challenge = {"WWW-Authenticate": 'Basic realm="test", charset="UTF-8"', "Set-Cookie": "test=1"}
                return _plain(handler, 401, challenge)
        if status is not None:
            code, after = status if isinstance(status, tuple) else (status, "")
            return _plain(handler, code, {"Retry-After": after} if after else {})
        return self._send(handler, path, served, headers)

    def _send(self, handler: BaseHTTPRequestHandler, path: str, served: Served, headers: dict[str, str]) -> None:
        import time

        content, etag = served.content, served.etag
        match = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        unchanged = headers.get("if-range", etag) == etag
        start = int(match[1]) if match and served.ranges and unchanged else None
        if start is not None and start >= len(content):
            return _plain(handler, 416, {"Content-Range": f"bytes */{len(content)}"})
        body = content[start or 0 :]
        handler.send_response(206 if start is not None else 200)
        if start is not None:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if served.validators:
            handler.send_header("ETag", etag)
        handler.send_header("Content-Length", str(served.claimed if served.claimed and start is None else len(body)))
        handler.end_headers()
        with self._lock:
            cut = served.drop_after.pop(0) if served.drop_after else len(body)
        for at in range(0, min(cut, len(body)), 4096):
            piece = body[at : min(at + 4096, cut)]
            try:
                handler.wfile.write(piece)
            except OSError:
                return None
            with self._lock:
                self.sent[path] = self.sent.get(path, 0) + len(piece)
            if served.pause:
                time.sleep(served.pause)
        if cut < len(body) or served.claimed:
            handler.close_connection = True
        return None


def _plain(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str] | None = None) -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
