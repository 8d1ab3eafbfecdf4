"""Runs a test server in a thread of its own for as long as a with block lasts, and hands it what is asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


@contextmanager
def serving(server: HTTPServer) -> Iterator[None]:
    """Answer requests; at the end the server is closed and its thread is over."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def handler_of(answer: Callable[[BaseHTTPRequestHandler], object]) -> type[BaseHTTPRequestHandler]:
    """Return a handler that lets a function answer what is got, over connections that stay open, and prints nothing."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            answer(self)

    return Handler
