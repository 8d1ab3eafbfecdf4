"""A DICOM object to a storage SCP by C-STORE (PS3.4 annex B), over an association of its own."""

from __future__ import annotations

import io
import logging
from typing import Any

from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian

from radrag.exchange.delivery import Acknowledgement, NotDelivered
from radrag.exchange.destinations import DicomDestination
from radrag.optional import require
from radrag.store.outbox_values import Message, Trouble

SUCCESS = 0x0000
DUPLICATE = 0x0111  # duplicate SOP instance: our UIDs are made from the report, so it is what came the first time
AWAY = (0x0124, 0x0110)  # not authorised, processing failure: the receiver's own state
CONNECT_SECONDS = 10.0
TRANSIENT = 0x02  # result of a rejection (PS3.8 table 9-21)


def send(destination: DicomDestination, message: Message, content: bytes) -> Acknowledgement:  # noqa: ARG001 - as all do
    """Store an object; return ``status``, four hex digits.

    Raises:
        NotDelivered: it was not stored. Warnings (Bxxx) mean that it was.
        MissingDependency: pynetdicom is not installed.
    """
    require("pynetdicom", extra="exchange")
    made = dcmread(io.BytesIO(content))
    association = _associate(destination, made)
    try:
        answer = association.send_c_store(made)
    except RuntimeError:  # it was ended by the other side between the two
        answer = {}
    finally:
        if association.is_established:
            association.release()
    if "Status" not in answer:
        raise NotDelivered(Trouble.AWAY, "broken_off", "The receiver broke off, or did not answer in time.")
    return _judged(int(answer.Status))


def _associate(destination: DicomDestination, made: Any) -> Any:
    from pynetdicom import AE, _config, evt

    _config.LOG_HANDLER_LEVEL = "none"  # its logs quote data sets
    log = logging.getLogger("pynetdicom")
    log.handlers, log.propagate = [logging.NullHandler()], False
    entity = AE(ae_title=destination.calling_ae)
    entity.connection_timeout = min(CONNECT_SECONDS, destination.timeout)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = destination.timeout
    # Two contexts: as it was written where that is accepted, else in the syntax that everybody has (PS3.5 10.1).
    entity.add_requested_context(made.SOPClassUID, made.file_meta.TransferSyntaxUID)
    entity.add_requested_context(made.SOPClassUID, ImplicitVRLittleEndian)
    connected: list[bool] = []
    handlers: Any = [(evt.EVT_CONN_OPEN, lambda _: connected.append(True))]
    host, port = destination.place
    context = destination.context()
    tls: Any = (context, host) if context else None
    association = entity.associate(host, port, ae_title=destination.ae_title, evt_handlers=handlers, tls_args=tls)
    if association.is_established:
        return association
    if not connected:
        raise NotDelivered(Trouble.AWAY, "unreachable", "No connection to the receiver.")
    if association.is_rejected:
        kind = "for now" if _result(association) == TRANSIENT else "as it knows neither us nor the title we call"
        raise NotDelivered(Trouble.AWAY, "association_rejected", f"The receiver rejected the association {kind}.")
    if association.rejected_contexts:
        raise NotDelivered(Trouble.REFUSED, "class_not_accepted", "The receiver takes no objects of this SOP class.")
    raise NotDelivered(Trouble.AWAY, "association_aborted", "The receiver made no association.")


def _result(association: Any) -> int:
    answer = association.acceptor.primitive
    return int(getattr(answer, "result", 0) or 0)


def _judged(status: int) -> Acknowledgement:
    """Return the acknowledgement for a C-STORE status (PS3.4 table B.2-1, PS3.7 annex C)."""
    if status in (SUCCESS, DUPLICATE, 0x0001) or status >> 12 == 0xB:
        return {"status": f"{status:04X}"}
    raise not_stored(status)


def not_stored(status: int) -> NotDelivered:
    """Return what a status of failure means for the message."""
    code = f"status_{status:04x}"
    if status >> 8 == 0xA7:
        return NotDelivered(Trouble.AWAY, code, "The receiver is out of resources.")
    if status in AWAY:
        return NotDelivered(Trouble.AWAY, code, "The receiver cannot take it now, or not from us.")
    if status >> 8 == 0xA9:
        return NotDelivered(Trouble.REFUSED, code, "To the receiver, the data set does not match its SOP class.")
    if status >> 12 == 0xC:
        return NotDelivered(Trouble.REFUSED, code, "The receiver cannot understand the object.")
    return NotDelivered(Trouble.REFUSED, code, "The receiver refused the object.")
