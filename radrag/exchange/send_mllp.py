"""An HL7 v2 message over MLLP, release 1: framed, sent, and held until the receiver has acknowledged it by its id."""

from __future__ import annotations

import re
import socket
import ssl
import time

from radrag.exchange.delivery import Acknowledgement, NotDelivered
from radrag.exchange.destinations import MllpDestination
from radrag.store.outbox_values import Message, Trouble

START, END = b"\x0b", b"\x1c\x0d"
CONNECT_SECONDS = 10.0
MOST_BYTES = 2**20  # of an acknowledgement
ACCEPTED = ("AA", "CA")  # table 0008
ANOTHER_TIME = ("AE", "CE")


def send(destination: MllpDestination, message: Message, content: bytes) -> Acknowledgement:
    """Send a message; return ``ack`` (MSA-1) and ``control_id`` (MSA-2).

    Raises:
        NotDelivered: it was not acknowledged, or with another code than AA and CA.
        UsageError: the destination's PEM files cannot be read.
    """
    fields = _acknowledged(_exchanged(destination, START + content + END))
    ack, control_id = fields["ack"], fields["control_id"]
    if control_id != message.identity:
        raise NotDelivered(Trouble.FAILED, "bad_reply", "The receiver acknowledged another message than ours.")
    if ack in ACCEPTED:
        return {"ack": ack, "control_id": control_id}
    said = f" with error {fields['error']}" if fields["error"] else ""
    trouble = Trouble.FAILED if ack in ANOTHER_TIME else Trouble.REFUSED
    raise NotDelivered(trouble, f"ack_{ack.lower()}", f"The receiver answered {ack}{said}.")


def _exchanged(destination: MllpDestination, framed: bytes) -> bytes:
    """Send a block and return the content of the block that answers it."""
    context = destination.context()
    host, port = destination.place
    connected = False
    try:
        connect = min(CONNECT_SECONDS, destination.timeout)
        with socket.create_connection((host, port), timeout=connect) as plain:
            plain.settimeout(destination.timeout)
            with context.wrap_socket(plain, server_hostname=host) if context else plain as connection:
                connected = True
                connection.sendall(framed)
                return _block(connection, time.monotonic() + destination.timeout)
    except ssl.SSLError:
        raise NotDelivered(Trouble.AWAY, "not_trusted", "TLS with the receiver failed.") from None
    except TimeoutError:
        code, what = ("timed_out", "did not answer in time") if connected else ("unreachable", "cannot be reached")
        raise NotDelivered(Trouble.AWAY, code, f"The receiver {what}.") from None
    except OSError:
        code, what = ("broken_off", "broke off") if connected else ("unreachable", "cannot be reached")
        raise NotDelivered(Trouble.AWAY, code, f"The receiver {what}.") from None


def _block(connection: socket.socket, until: float) -> bytes:
    """Read one block; nothing before its start counts."""
    read = bytearray()
    while END not in read:
        if len(read) > MOST_BYTES or time.monotonic() > until:
            raise NotDelivered(Trouble.FAILED, "bad_reply", "The receiver's answer does not end.")
        part = connection.recv(65536)
        if not part:
            raise NotDelivered(Trouble.AWAY, "broken_off", "The receiver hung up without an acknowledgement.")
        read += part
    return bytes(read[read.find(START) + 1 : read.index(END)])


def _acknowledged(block: bytes) -> dict[str, str]:
    """Return MSA-1, MSA-2 and the code of ERR-3; texts, which may name the patient, are not read."""
    segments = [line for line in re.split(r"[\r\n]+", block.decode("utf-8", "replace")) if line]
    separator = segments[0][3:4] if segments and segments[0].startswith("MSH") else ""
    found = {line[:3]: line.split(separator) for line in reversed(segments)} if separator else {}
    msa, err = [*found.get("MSA", ()), "", "", ""], [*found.get("ERR", ()), "", "", "", ""]
    if not re.fullmatch(r"[AC][AER]", msa[1]):
        raise NotDelivered(Trouble.FAILED, "bad_reply", "The receiver's answer is no acknowledgement.")
    error = err[3].split("^")[0]
    return {"ack": msa[1], "control_id": msa[2], "error": error if re.fullmatch(r"[A-Za-z0-9]{1,10}", error) else ""}
