"""A local chat server that streams, stalls, drops, refuses and lies as told, and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from serving import serving

MODEL = "little-model"


def event(value: object) -> bytes:
    """Return a server-sent event."""
    return b"data: " + (value if isinstance(value, str) else json.dumps(value)).encode() + b"\n\n"


def chunk(delta: object, finish: str | None = None) -> bytes:
    """Return the event of one part of an answer."""
    return event({"model": MODEL, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def streamed(*pieces: str, finish: str | None = "stop") -> list[bytes]:
    """Return the events of an answer, as vLLM and llama.cpp send them."""
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": piece}) for piece in pieces),
        *([chunk({}, finish), event("[DONE]")] if finish else []),
    ]


def whole(content: object, finish: str | None = "stop", **message: object) -> bytes:
    """Return an answer as one JSON object."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content} | message, "finish_reason": finish}
    return json.dumps({"model": MODEL, "choices": [choice]}).encode()


@dataclass
class Answer:
    """What one request is answered with.

    Attributes:
        body: parts of the body, each sent as it is.
        silence: seconds of nothing before the status line.
        pause: seconds before each part.
        hang: seconds to hold the connection open after the last part.
        close: whether the connection is cut without the end of the body.
    """

    body: Sequence[bytes] = ()
    status: int = 200
    kind: str = "text/event-stream"
    headers: dict[str, str] = field(default_factory=dict)
    silence: float = 0.0
    pause: float = 0.0
    hang: float = 0.0
    close: bool = False


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes


class ChatServer:
    """Answers in the order of :attr:`answers`; the last one again and again.

    Attributes:
        asked: every request, in order.
        hung_up: set when a client closed its connection before everything was sent.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.answers: list[Answer] = [Answer(streamed("{}"))]
        self.models: object = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
        self.asked: list[Asked] = []
        self.hung_up = threading.Event()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # clients that give up break their connections
        self.port = self._server.server_address[1]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.port}/v1"

    @contextmanager
    def running(self) -> Iterator[ChatServer]:
        with serving(self._server):
            try:
                yield self
            finally:
                self._ending.set()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                server._answer(self, b"")

            def do_POST(self) -> None:
                server._answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        return Handler

    def _answer(self, handler: BaseHTTPRequestHandler, raw: bytes) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        asked = Asked(handler.command, handler.path, headers, json.loads(raw) if raw else None, raw)
        with self._lock:
            self.asked.append(asked)
            if handler.command == "GET":
                answer = Answer([json.dumps(self.models).encode()], kind="application/json")
            else:
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        try:
            self._send(handler, answer)
        except OSError:
            self.hung_up.set()

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        self._ending.wait(answer.silence)
        handler.send_response(answer.status)
        for name, value in ({"Content-Type": answer.kind, "Transfer-Encoding": "chunked"} | answer.headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        for part in answer.body:
            self._ending.wait(answer.pause)
            handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            handler.wfile.flush()
        until = time.monotonic() + answer.hang
        while time.monotonic() < until and not self._ending.is_set():
            handler.wfile.write(b"6\r\n: ok\n\n\r\n")  # a comment keeps the connection alive, as llama.cpp does
            self._ending.wait(0.02)
        if answer.close:
            handler.close_connection = True
            handler.connection.close()
        else:
            handler.wfile.write(b"0\r\n\r\n")
