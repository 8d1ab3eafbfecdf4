"""A DICOMweb server of this machine that behaves as told, and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydicom import dcmread
from serving import handler_of, serving

BOUNDARY = b"a boundary"
_STUDY_TAGS = ("StudyInstanceUID", "PatientID", "IssuerOfPatientID", "AccessionNumber", "StudyDate", "StudyTime")
_IMAGE_TAGS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality")


class DicomWebServer:
    """Files by their UIDs, on 127.0.0.1 at a free port.

    Attributes:
        url: base address of the service.
        asked: path, query and headers of each request, in order.
        faults: what to do instead, a request each, where the path holds the key: a status, (status, headers), or
            what is called with the handler.
        cut: bytes after which the connection breaks, for each object in turn that is sent.
        authorization: value of Authorization that every request needs; empty for none.
        ignored: query keys that the server knows nothing of.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.datasets = [(dcmread(path, stop_before_pixels=True), path.read_bytes()) for path in paths]
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.faults: dict[str, list[Any]] = {}
        self.cut: list[int] = []
        self.authorization = ""
        self.ignored: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self._answer))
        self._server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/dicom-web"

    @contextmanager
    def running(self) -> Iterator[DicomWebServer]:
        with serving(self._server):
            yield self

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Speak TLS only."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def objects_sent(self) -> int:
        return sum("/series/" in path for path, _, _ in self.asked)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parted = urlsplit(handler.path)
        query = dict(parse_qsl(parted.query))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.asked.append((parted.path, query, headers))
        if self.authorization and headers.get("authorization") != self.authorization:
            return reply(handler, 401)
        for part, faults in self.faults.items():
            if part in parted.path and faults:
                fault = faults.pop(0)
                if callable(fault):
                    return fault(handler)
                return reply(handler, *(fault if isinstance(fault, tuple) else (fault,)))
        words = parted.path.removeprefix("/dicom-web/").split("/")
        if words == ["studies"]:
            return self._search(handler, query)
        if len(words) == 3 and words[2] == "instances":
            return self._instances(handler, words[1], query)
        return self._object(handler, words)

    def _search(self, handler: BaseHTTPRequestHandler, query: dict[str, str]) -> None:
        found: dict[str, dict[str, Any]] = {}
        for dataset, _ in self.datasets:
            if _matches(dataset, {key: value for key, value in query.items() if key not in self.ignored}):
                one = found.setdefault(dataset.StudyInstanceUID, _json(dataset, _STUDY_TAGS))
                one.setdefault("00080061", {"vr": "CS", "Value": []})["Value"].append(dataset.Modality)
        self._page(handler, list(found.values()), query)

    def _instances(self, handler: BaseHTTPRequestHandler, study: str, query: dict[str, str]) -> None:
        found = [_json(one, _IMAGE_TAGS) for one, _ in self.datasets if one.StudyInstanceUID == study]
        self._page(handler, found, query)

    def _page(self, handler: BaseHTTPRequestHandler, found: list[dict[str, Any]], query: dict[str, str]) -> None:
        start = int(query.get("offset", 0))
        found = found[start : start + int(query.get("limit", len(found)))]
        if not found:
            return reply(handler, 204)
        return reply(handler, 200, {"Content-Type": "application/dicom+json"}, json.dumps(found).encode())

    def _object(self, handler: BaseHTTPRequestHandler, words: list[str]) -> None:
        contents = [content for one, content in self.datasets if one.SOPInstanceUID == words[-1]]
        if not contents:
            return reply(handler, 404)
        body = b"--" + BOUNDARY + b"\r\nContent-Type: application/dicom\r\n\r\n" + contents[0]
        body += b"\r\n--" + BOUNDARY + b"--\r\n"
        cut = self.cut.pop(0) if self.cut else None
        handler.send_response(200)
        kind = f'multipart/related; type="application/dicom"; boundary="{BOUNDARY.decode()}"'
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:cut])
        if cut is not None:
            handler.close_connection = True
        return None


def reply(
    handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str] | None = None, body: bytes = b""
) -> None:
    """Answer a request."""
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def html(handler: BaseHTTPRequestHandler) -> None:
    """Answer as something that is no DICOMweb service does."""
    reply(handler, 200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>Welcome</html>")


def endless(kind: str, start: bytes = b"") -> Callable[[BaseHTTPRequestHandler], None]:
    """Return what sends bytes for as long as somebody takes them."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        handler.close_connection = True
        handler.wfile.write(start)
        while True:
            handler.wfile.write(b" " * 2**16)

    return answer


def _matches(dataset: Any, query: dict[str, str]) -> bool:
    for key, value in query.items():
        if key == "ModalitiesInStudy" and dataset.Modality != value:
            return False
        if key == "StudyDate":
            first, parted, last = value.partition("-")
            if not (first or "0") <= dataset.StudyDate <= ((last or "9") if parted else first):
                return False
        elif key in _STUDY_TAGS and str(dataset.get(key, "")) != value:
            return False
    return True


def _json(dataset: Any, keywords: Sequence[str]) -> dict[str, Any]:
    kept = [keyword for keyword in keywords if keyword in dataset]
    return {f"{dataset[one].tag:08X}": {"vr": dataset[one].VR, "Value": [str(dataset[one].value)]} for one in kept}
