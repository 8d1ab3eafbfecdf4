"""A DICOM object to a DICOMweb server by STOW-RS (PS3.18 10.5)."""

from __future__ import annotations

from typing import Any

from radrag.exchange.delivery import Acknowledgement, NotDelivered
from radrag.exchange.destinations import StowDestination
from radrag.exchange.posting import not_posted, objects, post
from radrag.exchange.send_dicom import DUPLICATE, not_stored
from radrag.store.outbox_values import Message, Trouble

REFERENCED, FAILED = "00081199", "00081198"  # Referenced and Failed SOP Sequence
INSTANCE, REASON, WARNING = "00081155", "00081197", "00081196"


def send(destination: StowDestination, message: Message, content: bytes) -> Acknowledgement:
    """Store an object; return ``http``, and ``warning`` (four hex digits) when the server had one.

    Raises:
        NotDelivered: the server does not name it among what it has stored.
    """
    boundary = f"radrag-{message.sha256[:32]}"  # 128 bits of the content's own hash do not stand in it
    body = b"".join(
        (
            f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode(),
            content,
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )
    media_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
    url = f"{destination.url.rstrip('/')}/studies"
    posted = post(destination, url, body, media_type=media_type, accept="application/dicom+json")
    for item in _items(posted.body, FAILED):
        if _value(item, INSTANCE) in (message.identity, None):
            reason = _status(item, REASON)
            if reason != DUPLICATE:
                raise not_stored(reason)
            return {"http": posted.status, "status": f"{reason:04X}"}
    if not 200 <= posted.status < 300:
        raise not_posted(posted)
    for item in _items(posted.body, REFERENCED):
        if _value(item, INSTANCE) == message.identity:
            warning = _status(item, WARNING)
            return {"http": posted.status} | ({"warning": f"{warning:04X}"} if warning else {})
    raise NotDelivered(Trouble.FAILED, "bad_reply", "The server's answer does not name the object as stored.")


def _items(body: Any, tag: str) -> list[dict[str, Any]]:
    """Return the items of a sequence in DICOM JSON (PS3.18 F.2), which is an object, or a list with one."""
    held = body[0] if isinstance(body, list) and body else body
    sequence = held.get(tag) if isinstance(held, dict) else None
    return objects(sequence.get("Value") if isinstance(sequence, dict) else None)


def _status(item: dict[str, Any], tag: str) -> int:
    """Return a status, 16 bits; 0 where there is none."""
    value = _value(item, tag)
    return value & 0xFFFF if isinstance(value, int) else 0


def _value(item: dict[str, Any], tag: str) -> Any:
    held = item.get(tag)
    values = held.get("Value") if isinstance(held, dict) else None
    return values[0] if isinstance(values, list) and values else None
