"""Audit messages to a file or to syslog: from where the last run ended, each at least once."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from radrag.disk import replacing
from radrag.errors import RadragError, UsageError
from radrag.exchange.audit_messages import Source, failed, message_of
from radrag.store.repository import Store
from radrag.store.values import AuditEntry

TOGETHER = 200  # entries after which it is noted how far it went
MOST_DATAGRAM_BYTES = 32_768  # what a receiver must take (PS3.15 A.6)
SECONDS = 20.0
PORTS = {"udp": 514, "tls": 6514}  # RFC 5426 3.3, RFC 5425 4.1
_FACILITY = 10 * 8  # security and authorisation (PS3.15 A.6)
_NOTICE, _WARNING = 5, 4
_BOM = b"\xef\xbb\xbf"  # RFC 5424, 6.4


class AuditSendError(RadragError):
    """Audit messages cannot be delivered."""

    code = "audit_send"


@dataclass(frozen=True, slots=True)
class Target:
    """Where messages go.

    Attributes:
        kind: ``file``, ``udp`` or ``tls``.
        path: of the file.
        host, port: of the receiver.
        authorities: PEM authorities to trust; None for the system's.
        certificate, key: PEM, for receivers that want to know who sends.
    """

    kind: str
    path: Path = Path()
    host: str = ""
    port: int = 0
    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def name(self) -> str:
        """What the state of this target is called."""
        where = str(self.path.absolute()) if self.kind == "file" else f"{self.host}:{self.port}"
        return f"{self.kind}-{hashlib.sha256(where.encode()).hexdigest()[:16]}"


def parse_target(text: str) -> Target:
    """Read ``udp://HOST[:PORT]``, ``tls://HOST[:PORT]`` or a file's path.

    Raises:
        UsageError: it is none.
    """
    kind, parted, _ = text.partition("://")
    if not parted:
        return Target("file", path=Path(text))
    try:
        found = urlsplit(text)
        host, port = found.hostname, found.port
    except ValueError:
        host, port = None, None
    if kind not in PORTS or not host or found.path.strip("/") or found.query:
        raise UsageError(f"{text} is no target.", hint="Give udp://HOST:PORT, tls://HOST:PORT, or a file.")
    return Target(kind, host=host, port=port or PORTS[kind])


class Line(Protocol):
    """An open target."""

    def send(self, entries: Sequence[tuple[AuditEntry, bytes]]) -> None:
        """Hand messages over; returns when they need not be sent again."""
        ...


def send_new(store: Store, target: Target, source: Source, state: Path, *, again: bool = False) -> tuple[int, int]:
    """Send the entries since the last run; return how many, and the position of the last one.

    Args:
        state: folder in which it is noted how far each target is.
        again: begin with the first entry.

    Raises:
        AuditSendError: the target cannot be reached or written; or another process sends to it; or the log is not
            the one that was sent before, which is shown by the last entry's hash.
    """
    with _state(state, target, again=again) as note:
        position = _checked(store, note.last())
        count = 0
        while entries := store.audit_entries(after=position, limit=TOGETHER):
            with _opened(target) as line:
                line.send([(entry, message_of(entry, source)) for entry in entries])
            position, count = entries[-1].position, count + len(entries)
            note.put(position, entries[-1].hash)
    return count, position


def _checked(store: Store, last: tuple[int, str]) -> int:
    position, digest = last
    if position:
        found = store.audit_entries(after=position - 1, limit=1)
        if not found or (found[0].position, found[0].hash) != (position, digest):
            message = f"Entry {position}, the last that was sent, is not in the audit log any more."
            hint = "Look into it with radrag audit chain; --again sends the whole log as it is now."
            raise AuditSendError(message, hint=hint)
    return position


class _Note:
    """How far a target is, in a file."""

    def __init__(self, path: Path, *, again: bool) -> None:
        self._path, self._again = path, again

    def last(self) -> tuple[int, str]:
        if self._again:
            return 0, ""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return int(found["position"]), str(found["hash"])
        except FileNotFoundError:
            return 0, ""
        except (OSError, ValueError, KeyError, TypeError):
            message = f"{self._path} does not say how far the last run went."
            raise AuditSendError(message, hint="--again sends the whole log.") from None

    def put(self, position: int, digest: str) -> None:
        with replacing(self._path) as part:
            part.write_text(json.dumps({"position": position, "hash": digest}), encoding="utf-8")


@contextmanager
def _state(folder: Path, target: Target, *, again: bool) -> Iterator[_Note]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / f"{target.name}.lock", os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield _Note(folder / f"{target.name}.json", again=again)
        finally:
            os.close(lock)
    except BlockingIOError:
        raise AuditSendError("Another process sends to this target.") from None
    except OSError as error:
        message = f"It cannot be noted how far this went: {error.strerror}."
        raise AuditSendError(message, hint="Messages may come twice.") from None


@contextmanager
def _opened(target: Target) -> Iterator[Line]:
    where = str(target.path) if target.kind == "file" else f"{target.host}:{target.port}"
    try:
        if target.kind == "file":
            yield _File(target.path)
        elif target.kind == "udp":
            family, _, _, _, address = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
                datagrams.connect(address)
                yield _Udp(datagrams)
        else:
            with _tls(target) as stream:
                yield _Tls(stream)
    except ssl.SSLCertVerificationError:
        message = f"{where} does not show a certificate that is trusted here."
        raise AuditSendError(message, hint="Name its authority: --authorities.") from None
    except OSError as error:
        message = f"{where} cannot be reached or written: {error.strerror or type(error).__name__}."
        raise AuditSendError(message, hint="What was not delivered is sent by the next run.") from None


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, entries: Sequence[tuple[AuditEntry, bytes]]) -> None:
        lines = b"".join(message + b"\n" for _, message in entries)
        descriptor = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            if file.seek(0, os.SEEK_END):  # a line that a power cut left half is not continued
                file.seek(-1, os.SEEK_END)
                lines = (b"" if file.read(1) == b"\n" else b"\n") + lines
            view = memoryview(lines)
            while view:
                view = view[file.write(view) :]
            os.fsync(file.fileno())


class _Udp:
    def __init__(self, datagrams: socket.socket) -> None:
        self._datagrams = datagrams

    def send(self, entries: Sequence[tuple[AuditEntry, bytes]]) -> None:
        for entry, message in entries:
            framed = syslog(entry, message)
            if len(framed) > MOST_DATAGRAM_BYTES:
                text = f"Entry {entry.position} is too long for a datagram ({len(framed):,} bytes)."
                raise AuditSendError(text, hint="Use tls:// or a file.")
            self._datagrams.send(framed)


class _Tls:
    """RFC 5425: each message with its length before it. Syslog has no answers, but the end of TLS has one."""

    def __init__(self, stream: ssl.SSLSocket) -> None:
        self._stream = stream

    def send(self, entries: Sequence[tuple[AuditEntry, bytes]]) -> None:
        for entry, message in entries:
            framed = syslog(entry, message)
            self._stream.sendall(b"%d %s" % (len(framed), framed))
        # Whoever ends orderly has read everything; a reset is an OSError, and all is sent again. Receivers that keep
        # the line open leave nothing to be known.
        with contextlib.suppress(TimeoutError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            self._stream.unwrap()


def syslog(entry: AuditEntry, message: bytes) -> bytes:
    """Return a message as RFC 5424 frames it, with the event's own time and host."""
    priority = _FACILITY + (_WARNING if failed(entry) else _NOTICE)
    host = re.sub(r"[^!-~]", "", entry.origin)[:255] or "-"
    head = f"<{priority}>1 {entry.at} {host} radrag {os.getpid()} DICOM+RFC3881 - "
    return head.encode() + _BOM + message


@contextmanager
def _tls(target: Target) -> Iterator[ssl.SSLSocket]:
    try:
        context = ssl.create_default_context(cafile=target.authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if target.certificate is not None:
            context.load_cert_chain(target.certificate, target.key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"The TLS files cannot be read: {error.strerror or type(error).__name__}.") from None
    with (
        socket.create_connection((target.host, target.port), timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=target.host) as stream,
    ):
        yield stream
