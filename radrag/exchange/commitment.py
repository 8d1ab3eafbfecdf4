"""Storage commitment (PS3.4 annex J): says which images are safely here, when asked, until the peer has heard it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

from pydicom.dataset import Dataset

from radrag.dicom.boundary import DECODER_ERRORS
from radrag.exchange.arrivals import Arrivals
from radrag.exchange.ledger import Commitment
from radrag.exchange.listener import COMMITMENT
from radrag.exchange.peers import Peer, find_peer
from radrag.exchange.values import Told

INSTANCE = "1.2.840.10008.1.20.1.1"  # the one well-known SOP instance, PS3.4 J.3.5
SUCCESS, INVALID_ARGUMENT, NO_SUCH_ACTION, RESOURCES = 0x0000, 0x0115, 0x0123, 0x0213  # PS3.7 annex C
NO_SUCH_OBJECT, CLASS_CONFLICT = 0x0112, 0x0119  # Failure Reason (0008,1197), PS3.3 C.14.1.1
COMPLETE, WITH_FAILURES = 1, 2  # Event Type ID, PS3.4 table J.3-2
TRIES = 36  # over a day: 1.4 hours of doubling waits, then one an hour
FIRST_WAIT = 5.0  # seconds, doubled each time up to LONGEST_WAIT
LONGEST_WAIT = 3600.0


class Committer:
    """Takes requests for commitment and answers them.

    The answer goes over a new association where the peer's port is known, else over the one that the request came by,
    while that is open (both are allowed, PS3.4 J.3.3).

    Args:
        title: our AE title.
        tell: called with each event, from any thread.
    """

    def __init__(
        self, arrivals: Arrivals, peers: Sequence[Peer], *, title: str, tell: Callable[[Told], None] = lambda _: None
    ) -> None:
        self._arrivals = arrivals
        self._peers = peers
        self._title = title
        self._tell = tell
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str, str], Any] = {}  # who asked for which transaction → association

    def requested(self, event: Any) -> int:
        """Keep a request (N-ACTION); return the status that answers it."""
        if event.action_type != 1:
            return NO_SUCH_ACTION
        try:
            information = event.action_information
            transaction = str(information.TransactionUID)
            items = [
                (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
                for item in information.ReferencedSOPSequence
            ]
        except DECODER_ERRORS:
            return INVALID_ARGUMENT
        if not transaction or not items:
            return INVALID_ARGUMENT
        requestor = event.assoc.requestor
        asked = Commitment(requestor.ae_title, requestor.address, transaction, tuple(items))
        try:
            self._arrivals.ledger.ask(asked)
        except sqlite3.Error:
            return RESOURCES
        with self._lock:
            self._open[asked.title, asked.address, transaction] = event.assoc
        return SUCCESS

    def answer(self) -> None:
        """Tell the peers what is due; what cannot be delivered is tried again later."""
        for asked in self._arrivals.ledger.asked():
            key = (asked.title, asked.address, asked.transaction_uid)
            with self._lock:
                association = self._open.pop(key, None)
            kind, report = self._report(asked)
            failures = len(report.get("FailedSOPSequence", ()))
            if self._deliver(asked, association, kind, report):
                self._arrivals.ledger.answered(asked)
                self._tell(Told("commitment", asked.title, count=failures))
            elif asked.tries + 1 >= TRIES or not self._port_of(asked):
                self._arrivals.ledger.answered(asked)
                self._tell(Told("commitment", asked.title, "given_up", "The peer cannot be told; it has to ask again."))
            else:
                wait = min(LONGEST_WAIT, FIRST_WAIT * 2**asked.tries)
                self._arrivals.ledger.postpone(asked, wait)
                self._tell(Told("commitment", asked.title, "not_delivered", seconds=wait))

    def _report(self, asked: Commitment) -> tuple[int, Dataset]:
        """Return Event Type ID and Event Information."""
        good: list[Dataset] = []
        bad: list[Dataset] = []
        for sop_class, sop_instance in asked.asked:
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
            known = self._arrivals.ledger.find(self._arrivals.instance_key(sop_instance))
            if known is None or not (self._arrivals.inbox / known.file).is_file():
                item.FailureReason = NO_SUCH_OBJECT
            elif known.sop_class != sop_class:
                item.FailureReason = CLASS_CONFLICT
            (bad if "FailureReason" in item else good).append(item)
        report = Dataset()
        report.TransactionUID = asked.transaction_uid
        report.RetrieveAETitle = self._title
        if good:
            report.ReferencedSOPSequence = good
        if bad:
            report.FailedSOPSequence = bad
        return (WITH_FAILURES if bad else COMPLETE), report

    def _deliver(self, asked: Commitment, association: Any, kind: int, report: Dataset) -> bool:
        if port := self._port_of(asked):
            return self._call(asked, port, kind, report)
        return association is not None and _send(association, kind, report)

    def _port_of(self, asked: Commitment) -> int:
        peer = find_peer(self._peers, asked.title, asked.address)
        return peer.port if peer else 0

    def _call(self, asked: Commitment, port: int, kind: int, report: Dataset) -> bool:
        from pynetdicom import AE, build_role

        entity = AE(ae_title=self._title)
        entity.add_requested_context(COMMITMENT)
        entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = 10
        role = build_role(COMMITMENT, scp_role=True)  # we call, but are the provider
        association = entity.associate(asked.address, port, ae_title=asked.title, ext_neg=[role])
        try:
            return bool(association.is_established) and _send(association, kind, report)
        finally:
            if association.is_established:
                association.release()


def _send(association: Any, kind: int, report: Dataset) -> bool:
    try:
        status, _ = association.send_n_event_report(report, kind, COMMITMENT, INSTANCE)
    except (RuntimeError, ValueError):  # it was closed meanwhile, or takes no such messages
        return False
    return "Status" in status and status.Status == SUCCESS
