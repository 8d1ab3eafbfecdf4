"""A C-STORE SCP: takes chest radiographs from known peers into the inbox, one association a thread."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from radrag.dicom.quality import SYNTAXES
from radrag.errors import UsageError
from radrag.exchange.arrivals import Arrivals, ListenError
from radrag.exchange.peers import Peer, address_allowed, find_peer
from radrag.exchange.values import Told, status_of
from radrag.optional import require

PORT = 11112  # registered for DICOM, and needs no privileges (PS3.8 9.1.1)
VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT = "1.2.840.10008.1.20.1"  # Storage Commitment Push Model, PS3.4 J.3
STORAGE = (
    "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
    "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
    "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray, for processing
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
)
PDU_BYTES = 2**17
MOST_BYTES = 2**29  # of one data set, which is held in memory; the largest radiographs have a tenth of that
IDLE_SECONDS = 60.0
OPENING_SECONDS = 15.0  # from connecting to asking for an association
_REJECTED_CALLER = (0x01, 0x01, 0x03)  # permanent, by the service user, calling AE title not recognised (PS3.8 9.3.4)


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """How to listen.

    Attributes:
        peers: who may send; nobody else gets an association.
        title: our AE title; a peer that calls another one is rejected.
        host: address to bind; the default is reachable from this machine alone.
        port: 0 for any free one.
        certificate, key: PEM files; with them everything goes over TLS 1.2 or newer.
        authorities: PEM file of those who may sign the peers' certificates; with it peers must show one.
        associations: how many at the same time; more are told to come again.
    """

    peers: tuple[Peer, ...]
    title: str = "RADRAG"
    host: str = "127.0.0.1"
    port: int = PORT
    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None
    associations: int = 100


class Listener:
    """Receives from :meth:`start` to :meth:`stop`, in threads.

    Args:
        commit: called with the association's event of each request for storage commitment; returns the status.
        tell: called with each event, from any thread.

    Raises:
        MissingDependency: pynetdicom is not installed.
        UsageError: a certificate or key cannot be read, or only one of them is given.
    """

    def __init__(
        self,
        arrivals: Arrivals,
        options: ListenOptions,
        *,
        commit: Callable[[Any], int],
        tell: Callable[[Told], None] = lambda _: None,
    ) -> None:
        require("pynetdicom", extra="exchange")
        self._arrivals = arrivals
        self._options = options
        self._commit = commit
        self._tell = tell
        self._context = tls_context(options)
        self._server: Any = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Bind and listen.

        Raises:
            ListenError: the address cannot be bound.
        """
        from pynetdicom import AE, _config, evt

        _config.LOG_HANDLER_LEVEL = "none"  # its logs quote data sets
        log = logging.getLogger("pynetdicom")
        log.handlers, log.propagate = [logging.NullHandler()], False
        entity = AE(ae_title=self._options.title)
        entity.require_called_aet = True
        entity.maximum_associations = self._options.associations
        entity.maximum_pdu_size = PDU_BYTES
        entity.network_timeout = entity.dimse_timeout = IDLE_SECONDS
        entity.acse_timeout = OPENING_SECONDS
        entity.add_supported_context(VERIFICATION)
        entity.add_supported_context(COMMITMENT)
        for sop_class in STORAGE:
            entity.add_supported_context(sop_class, list(SYNTAXES))
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._admit),
            (evt.EVT_C_ECHO, lambda _: 0x0000),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, self._action),
            (evt.EVT_ABORTED, self._aborted),
            (evt.EVT_PDU_RECV, self._bound),
        ]
        address = (self._options.host, self._options.port)
        try:
            self._server = entity.make_server(
                address, ssl_context=self._context, evt_handlers=handlers, server_class=_server(self._options.peers)
            )
        except OSError as error:
            where = f"{address[0]}:{address[1]}"
            raise ListenError(f"{where} cannot be listened on: {error.strerror}.", hint="Try another --port.") from None
        entity._servers.append(self._server)  # where shutdown() looks for it, as start_server() would do
        threading.Thread(target=self._server.serve_forever, name="radrag-listener", daemon=True).start()
        self._tell(Told("listening", message=f"{self._options.title}@{address[0]}:{self.port}"))

    def stop(self) -> None:
        """Take no new associations, let those that are under way end for some seconds, then abort them."""
        if self._server is None:
            return
        entity, until = self._server.ae, time.monotonic() + 5
        self._server.shutdown()
        while any(one.is_established for one in entity.active_associations) and time.monotonic() < until:
            time.sleep(0.05)
        for association in entity.active_associations:
            association.abort()
        self._server = None

    def peer_of(self, association: Any) -> Peer | None:
        """Return who is at the other end, None for somebody unknown."""
        return find_peer(self._options.peers, association.requestor.ae_title, association.requestor.address)

    def _admit(self, event: Any) -> None:
        requested = event.assoc.requestor
        if find_peer(self._options.peers, requested.primitive.calling_ae_title, requested.address) is None:
            self._tell(Told("unknown_peer", code="calling_ae_title"))
            event.assoc.acse.send_reject(*_REJECTED_CALLER)
            event.assoc.is_rejected = True
            event.assoc.kill()

    def _store(self, event: Any) -> Dataset:
        from pynetdicom.dsutils import encode_file_meta

        started, request = time.monotonic(), event.request
        announced = (str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID))
        with request.DataSet.getbuffer() as data:
            parts = (b"\0" * 128, b"DICM", encode_file_meta(event.file_meta), data)
            taken = self._arrivals.take(parts, announced=announced)
        kind = "received" if taken.kept else "refused"
        title = event.assoc.requestor.ae_title
        seconds = time.monotonic() - started
        self._tell(Told(kind, title, taken.code, taken.reason, 1, taken.size, seconds))
        answer = Dataset()
        answer.Status = status_of(taken.code)
        if not taken.kept:
            answer.ErrorComment = f"radrag: {taken.code}"
        return answer

    def _action(self, event: Any) -> tuple[int, None]:
        return self._commit(event), None

    def _bound(self, event: Any) -> None:
        """Hang up on a peer whose data set does not end."""
        message, connection = event.assoc.dimse.message, event.assoc.dul.socket
        if message is not None and message.data_set.tell() > MOST_BYTES and connection.socket is not None:
            self._tell(Told("refused", event.assoc.requestor.ae_title, "too_large", size=message.data_set.tell()))
            connection.close()

    def _aborted(self, event: Any) -> None:
        peer = self.peer_of(event.assoc)
        if peer is not None:
            self._tell(Told("aborted", peer.title, message="The peer broke off; an image half sent was not kept."))


def tls_context(options: ListenOptions) -> ssl.SSLContext | None:
    """Return the server's side of TLS, None where it is not wanted (BCP 195, PS3.15 B.12: TLS 1.2 or newer)."""
    if options.certificate is None and options.key is None and options.authorities is None:
        return None
    if options.certificate is None or options.key is None:
        raise UsageError("TLS needs both --tls-certificate and --tls-key.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(options.certificate, options.key)
        if options.authorities is not None:
            context.load_verify_locations(options.authorities)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"The TLS files cannot be read: {error.strerror or type(error).__name__}.") from None
    return context


def _server(peers: Sequence[Peer]) -> Any:
    from pynetdicom.transport import ThreadedAssociationServer

    class Server(ThreadedAssociationServer):
        """Hangs up on unknown addresses; nobody who only connects can hold up the others."""

        request_queue_size = 128

        def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - fixed by socketserver
            return address_allowed(peers, client_address[0])

        def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
            listening: socket.socket = self.socket  # type: ignore[assignment]
            connection, address = listening.accept()
            connection.settimeout(IDLE_SECONDS)  # one who stops within a PDU would keep its thread for ever
            if self.ssl_context:  # the handshake comes with the first read, in the association's own thread
                connection = self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            return connection, address

    return Server
