"""Receivers of syslog on this machine, by UDP (RFC 5426) and by TLS with counted octets (RFC 5425)."""

import re
import socket
import socketserver
import struct
import threading
from contextlib import contextmanager


@contextmanager
def udp_receiver():
    """Yield the port, and a function that takes the next datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        yield receiver.getsockname()[1], lambda: receiver.recv(65_536)


class TlsReceiver:
    """Takes messages, of any number of connections one after the other.

    Attributes:
        received: messages, without the octet counts.
        reset_after: bytes after which the next connection is reset unread; None for never.
    """

    def __init__(self, context):
        self.received = []
        self.reset_after = None
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                outer._handle(self.request, context)

        self._server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None
        self.port = self._server.server_address[1]

    @contextmanager
    def running(self):
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)

    def _handle(self, plain, context):
        with context.wrap_socket(plain, server_side=True) as stream:
            data = b""
            while piece := stream.recv(4096):
                data += piece
                if self.reset_after is not None and len(data) >= self.reset_after:
                    self.reset_after = None
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
            while match := re.match(rb"(\d+) ", data):
                end = match.end() + int(match[1])
                self.received.append(data[match.end() : end])
                data = data[end:]
            assert not data
            stream.unwrap()
