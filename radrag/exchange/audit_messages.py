"""An entry of the audit log as an AuditMessage of DICOM PS3.15 A.5.1, which extends RFC 3881.

Whose record it was is told by the patient key alone; names in it are those of users, hosts and accounts.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from radrag import __version__
from radrag.exchange.audit_events import RADRAG, Code, Event, Shape, event_of
from radrag.store.values import AuditEntry

_NOT_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_RFC = "RFC-3881"
_PATIENT = Code("2", "Patient Number", _RFC)
_REPORT = Code("9", "Report Number", _RFC)
_USER = Code("11", "User Identifier", _RFC)
_ENTRY = Code("audit_log", "Entry of the audit log", RADRAG)
_APPLICATION = Code("110150", "Application")
_SOURCE, _DESTINATION = Code("110153", "Source Role ID"), Code("110152", "Destination Role ID")
_MEDIA, _URI = Code("110154", "Destination Media"), Code("110037", "URI")
_SERVER = "4"  # application server process (A.5.1.2.1)


@dataclass(frozen=True, slots=True)
class Source:
    """Who reports.

    Attributes:
        id: AuditSourceID: name of the machine or installation.
        site: AuditEnterpriseSiteID: the hospital; empty for none.
    """

    id: str
    site: str = ""


def message_of(entry: AuditEntry, source: Source) -> bytes:
    """Return the message as one line of XML, UTF-8 without declaration."""
    event = event_of(entry.what)
    message = Element("AuditMessage")
    _identify(message, entry, event)
    _participants(message, entry, event)
    reported = SubElement(message, "AuditSourceIdentification", _given(AuditSourceID=source.id))
    if source.site:
        reported.set("AuditEnterpriseSiteID", _text(source.site))
    SubElement(reported, "AuditSourceTypeCode", {"csd-code": _SERVER})
    _objects(message, entry, event)
    written: bytes = tostring(message, encoding="utf-8", xml_declaration=False)
    return written.replace(b"\n", b"&#10;")


def failed(entry: AuditEntry) -> bool:
    """Whether the entry tells of something that went wrong."""
    return event_of(entry.what).outcome != "0"


def _identify(message: Element, entry: AuditEntry, event: Event) -> None:
    found = SubElement(
        message,
        "EventIdentification",
        _given(EventActionCode=event.action, EventDateTime=entry.at, EventOutcomeIndicator=event.outcome),
    )
    own = Code(entry.what, entry.what, RADRAG)
    _code(found, "EventID", event.id or own)
    for code in (event.type, own):
        if code is not None:
            _code(found, "EventTypeCode", code)


def _participants(message: Element, entry: AuditEntry, event: Event) -> None:
    exports, transfers = event.shape is Shape.EXPORT, event.shape is Shape.TRANSFER
    _participant(message, entry.who or "unknown", asks=True, role=_SOURCE if exports else None, at=entry.origin)
    _participant(message, f"radrag {__version__}", role=_DESTINATION if transfers else _APPLICATION)
    if transfers:
        _participant(message, str(entry.payload.get("server") or "unknown"), role=_SOURCE)
    if exports:
        _participant(message, str(entry.payload.get("destination") or "file"), role=_MEDIA, media=_URI)


def _participant(
    message: Element,
    user: str,
    *,
    asks: bool = False,
    role: Code | None = None,
    at: str = "",
    media: Code | None = None,
) -> None:
    found = SubElement(message, "ActiveParticipant", _given(UserID=user, UserIsRequestor="true" if asks else "false"))
    if at:
        found.set("NetworkAccessPointID", _text(at))
        found.set("NetworkAccessPointTypeCode", "2" if _is_address(at) else "1")
    if role is not None:
        _code(found, "RoleIDCode", role)
    if media is not None:
        _code(SubElement(found, "MediaIdentifier"), "MediaType", media)


def _objects(message: Element, entry: AuditEntry, event: Event) -> None:
    payload = entry.payload
    if entry.patient_key:
        _object(message, entry.patient_key, _PATIENT, ("1", "1"), "salted hash of the patient id")
    if draft := payload.get("draft_id"):
        _object(message, str(draft), _REPORT, ("2", "3"), "radiology report", life=event.life)
    if event.shape is Shape.ACCOUNT and (account := payload.get("account")):
        _object(message, str(account), _USER, ("1", "11"), "account")
    found = _object(message, str(entry.position), _ENTRY, ("2", "13"), "audit log")
    for name, value in {**_chain(entry), **payload}.items():
        written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        data = base64.b64encode(written.encode(errors="replace")).decode()
        SubElement(found, "ParticipantObjectDetail", {"type": _text(name), "value": data})
    if entry.what == "images.deidentified":
        SubElement(SubElement(found, "ParticipantObjectDescription"), "Anonymized").text = "true"


def _chain(entry: AuditEntry) -> Mapping[str, str]:
    """Return what makes a message that comes twice known as the same."""
    return {"hash": entry.hash, "previous": entry.previous}


def _object(
    message: Element, identifier: str, kind: Code, type_and_role: tuple[str, str], name: str, *, life: str = ""
) -> Element:
    found = SubElement(
        message,
        "ParticipantObjectIdentification",
        _given(
            ParticipantObjectID=identifier,
            ParticipantObjectTypeCode=type_and_role[0],
            ParticipantObjectTypeCodeRole=type_and_role[1],
        ),
    )
    if life:
        found.set("ParticipantObjectDataLifeCycle", life)
    _code(found, "ParticipantObjectIDTypeCode", kind)
    SubElement(found, "ParticipantObjectName").text = name
    return found


def _code(parent: Element, name: str, code: Code) -> None:
    given = {"csd-code": code.value, "codeSystemName": code.system, "originalText": code.meaning}
    SubElement(parent, name, {key: _text(value) for key, value in given.items()})


def _given(**attributes: str) -> dict[str, str]:
    return {name: _text(value) for name, value in attributes.items()}


def _text(value: str) -> str:
    return _NOT_XML.sub("\ufffd", value)


def _is_address(origin: str) -> bool:
    try:
        ipaddress.ip_address(origin)
    except ValueError:
        return False
    return True
