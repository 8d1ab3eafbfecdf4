"""Which event of DICOM PS3.15 A.5.3 an entry of the audit log is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RADRAG = "radrag"  # coding system of the log's own names


@dataclass(frozen=True, slots=True)
class Code:
    """A coded value (PS3.15 A.5.1, CodedValueType)."""

    value: str
    meaning: str
    system: str = "DCM"


class Shape(StrEnum):
    """Who takes part in an event besides the user and radrag."""

    PLAIN = "plain"
    EXPORT = "export"  # a destination gets something
    TRANSFER = "transfer"  # a source gives something
    ACCOUNT = "account"  # it is about a user's account


@dataclass(frozen=True, slots=True)
class Event:
    """How an entry is reported.

    Attributes:
        id: EventID (PS3.16 CID 400); None where no event of the standard fits: then the log's own name.
        action: EventActionCode: C, R, U, D, E.
        type: EventTypeCode (PS3.16 CID 401) besides the log's own name.
        life: ParticipantObjectDataLifeCycle of the report (PS3.15 A.5.1.2.3); empty for none.
        outcome: EventOutcomeIndicator.
    """

    id: Code | None
    action: str
    type: Code | None = None
    life: str = ""
    outcome: str = "0"
    shape: Shape = Shape.PLAIN


_RECORD = Code("110110", "Patient Record")
_EXPORT = Code("110106", "Export")
_IMPORT = Code("110107", "Import")
_TRANSFERRED = Code("110104", "DICOM Instances Transferred")
_AUTHENTICATION = Code("110114", "User Authentication")
_ALERT = Code("110113", "Security Alert")
_LOGIN, _LOGOUT = Code("110122", "Login"), Code("110123", "Logout")
_ROLES = Code("110136", "Security Roles Changed")
_ATTRIBUTES = Code("110137", "User Security Attributes Changed")

_BY_NAME = {
    "draft.saved": Event(_RECORD, "C", life="1"),
    "draft.opened": Event(_RECORD, "R", life="6"),
    "evidence.read": Event(_RECORD, "R", life="6"),
    "case.read": Event(_RECORD, "R", life="6"),
    "lease.taken_over": Event(_RECORD, "U", life="3"),
    "draft.exported": Event(_EXPORT, "R", life="10", shape=Shape.EXPORT),
    "draft.sent": Event(_EXPORT, "R", life="10", shape=Shape.EXPORT),
    "images.deidentified": Event(_EXPORT, "R", life="7", shape=Shape.EXPORT),
    "study.pulled": Event(_TRANSFERRED, "C", life="2", shape=Shape.TRANSFER),
    "corpus.changed": Event(_IMPORT, "C"),
    "login": Event(_AUTHENTICATION, "E", _LOGIN),
    "login.failed": Event(_AUTHENTICATION, "E", _LOGIN, outcome="4"),
    "logout": Event(_AUTHENTICATION, "E", _LOGOUT),
    "logout.everywhere": Event(_AUTHENTICATION, "E", _LOGOUT, shape=Shape.ACCOUNT),
    "account.role_changed": Event(_ALERT, "E", _ROLES, shape=Shape.ACCOUNT),
    "account.locked": Event(_ALERT, "E", _ATTRIBUTES, outcome="4", shape=Shape.ACCOUNT),
}
_BY_START = {
    "review.sign": Event(_RECORD, "U", life="4"),
    "review.": Event(_RECORD, "U", life="3"),
    "account.": Event(_ALERT, "E", _ATTRIBUTES, shape=Shape.ACCOUNT),
}
_OTHER = Event(None, "E")


def event_of(what: str) -> Event:
    """Return how an entry of this name is reported; names that are not known by their own."""
    starting = (event for start, event in _BY_START.items() if what.startswith(start))
    return _BY_NAME.get(what) or next(starting, _OTHER)
