"""The small pieces of FHIR R4 resources: references, identifiers, names, codes, attachments."""

from __future__ import annotations

import base64
import hashlib
import uuid
from datetime import datetime
from typing import Any
from urllib.parse import quote

from radrag.export.codes import SYSTEMS, Coded, is_standard
from radrag.export.outgoing import Outgoing

Resource = dict[str, Any]
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
GENDERS = {"M": "male", "F": "female", "O": "other"}


def fhir_id(*parts: object) -> str:
    """Return an id made from parts: the same whenever it is made."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "radrag/fhir/" + "/".join(map(str, parts))))


def refer(resource: Resource, display: str = "") -> Resource:
    """Return a reference to another resource of the bundle."""
    found = {"reference": f"urn:uuid:{resource['id']}", "type": resource["resourceType"]}
    return found | ({"display": display} if display else {})


def entry(resource: Resource, search: str = "") -> Resource:
    """Return a bundle's entry: put under its own id; with ``search``, made only where nothing of that kind is found."""
    kind = resource["resourceType"]
    full = {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
    if search:
        return {**full, "request": {"method": "POST", "url": kind, "ifNoneExist": search}}
    return {**full, "request": {"method": "PUT", "url": f"{kind}/{resource['id']}"}}


def concept(code: Coded) -> Resource:
    """Return a CodeableConcept; of a code that only radrag knows, its words."""
    if not is_standard(code):
        return {"text": code.meaning}
    return {"coding": [coding(SYSTEMS[code.scheme], code.value, code.meaning)], "text": code.meaning}


def coding(system: str, code: str, display: str) -> Resource:
    """Return a Coding."""
    return {"system": system, "code": code, "display": display}


def human_name(name: str) -> Resource:
    """Return a DICOM person name as HumanName; only the alphabetic group counts."""
    family, given, middle, prefix, suffix = ([*name.split("=", maxsplit=1)[0].split("^"), "", "", "", ""])[:5]
    parts: dict[str, Any] = {
        "text": " ".join(part for part in (prefix, given, middle, family, suffix) if part.strip()),
        "family": family.strip(),
        "given": [part.strip() for part in (given, middle) if part.strip()],
        "prefix": [prefix.strip()] if prefix.strip() else [],
        "suffix": [suffix.strip()] if suffix.strip() else [],
    }
    return {key: value for key, value in parts.items() if value}


def attachment(content_type: str, data: bytes, title: str, made: datetime) -> Resource:
    """Return an Attachment with size and SHA-1, as R4 wants it."""
    return {
        "contentType": content_type,
        "language": "en",
        "data": base64.b64encode(data).decode(),
        "size": len(data),
        "hash": base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode(),
        "title": title,
        "creation": instant(made),
    }


def instant(at: datetime) -> str:
    """Return a time in UTC as FHIR instant."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def study_day(outgoing: Outgoing) -> dict[str, str]:
    """Return ``effectiveDateTime``: the day of the study, whose time zone is not known; nothing where it is missing."""
    day = outgoing.identity.study_date
    return {"effectiveDateTime": f"{day[:4]}-{day[4:6]}-{day[6:]}"} if day else {}


def token(value: str) -> str:
    """Return a value for a search: nothing in it parts or ends the search."""
    return quote(value, safe="")


def without_empty(resource: Resource) -> Resource:
    """Return a resource without empty elements, which FHIR does not allow."""
    return {key: value for key, value in resource.items() if value not in ("", [], {}, None)}
