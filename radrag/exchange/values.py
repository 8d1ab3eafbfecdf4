"""What listening and sending tell: events without identifiers, and how DICOM words them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from radrag.errors import RefusalCode

# PS3.4 table B.2-1 and PS3.7 C.4, C.5. Cxxx is "cannot understand"; its last digits are radrag's own.
STATUS = {
    "stored": 0x0000,
    "known": 0x0000,
    "disk_full": 0xA700,  # refused: out of resources
    "disk": 0xA700,
    "mismatch": 0xA900,  # data set does not match SOP class
    RefusalCode.WRONG_MODALITY.value: 0xA900,
    "duplicate_instance": 0x0111,  # duplicate SOP instance
    RefusalCode.TRUNCATED.value: 0xC001,
    RefusalCode.UNSUPPORTED_SYNTAX.value: 0xC002,
    RefusalCode.NOT_CHEST.value: 0xC010,
    RefusalCode.NO_PIXEL_DATA.value: 0xC011,
    RefusalCode.MULTI_FRAME.value: 0xC012,
    RefusalCode.BAD_DIMENSIONS.value: 0xC013,
}
"""Code of what became of an image → C-STORE status."""

CANNOT_UNDERSTAND = 0xC000


def status_of(code: str) -> int:
    """Return the C-STORE status for what became of an image."""
    return STATUS.get(code, CANNOT_UNDERSTAND)


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened; nothing in it identifies a patient or a study.

    Attributes:
        kind: listening, unknown_peer, received, refused, aborted, submitted, waiting (studies cannot be submitted, or
            a message not be delivered, now), commitment, stopped; delivered, parked.
        peer: AE title of a known peer, or name of a destination.
        code, message: why; for people.
        count: images, studies or failures, as the kind has it.
        size: bytes.
        message_id: of the message in the outbox; 0 where it is not about one.
    """

    kind: str
    peer: str = ""
    code: str = ""
    message: str = ""
    count: int = 0
    size: int = 0
    seconds: float = 0.0
    message_id: int = 0

    def record(self) -> dict[str, Any]:
        """Return what a log may hold of it."""
        named = {"event": self.kind, "peer": self.peer, "code": self.code, "message": self.message}
        numbers = {"count": self.count, "bytes": self.size, "seconds": round(self.seconds, 4), "id": self.message_id}
        return {name: value for name, value in (named | numbers).items() if value}
