"""What a DICOMweb server found, out of the JSON model of DICOM (PS3.18 annex F)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from radrag.exchange.pull_values import DicomWebError, FoundImage, FoundStudy, PullCode

_UID = re.compile(r"[0-9.]{1,64}")
_STUDY, _SERIES, _INSTANCE, _CLASS = "0020000D", "0020000E", "00080018", "00080016"
_PATIENT, _ISSUER, _ACCESSION, _DATE, _TIME = "00100020", "00100021", "00080050", "00080020", "00080030"
_MODALITIES = "00080061"
_EXACT = {"StudyInstanceUID": _STUDY, "PatientID": _PATIENT, "AccessionNumber": _ACCESSION}  # PS3.18 table 10.6.1-5


def study_of(one: Mapping[str, Any]) -> FoundStudy:
    """Return a match of a search for studies.

    Raises:
        DicomWebError: it has no UID.
    """
    return FoundStudy(
        uid=_uid(one, _STUDY),
        patient_id=_first(one, _PATIENT),
        issuer=_first(one, _ISSUER),
        date=_first(one, _DATE),
        time=_first(one, _TIME),
        modalities=tuple(map(str, _values(one, _MODALITIES))),
    )


def image_of(study: FoundStudy, one: Mapping[str, Any]) -> FoundImage:
    """Return a match of a search for a study's instances.

    Raises:
        DicomWebError: it lacks a UID.
    """
    return FoundImage(study.uid, _uid(one, _SERIES), _uid(one, _INSTANCE), _first(one, _CLASS))


def not_heeded(query: Mapping[str, str], one: Mapping[str, Any]) -> str:
    """Return the key that a match does not match: one that the server does not know would give everybody's studies."""
    for key, tag in _EXACT.items():
        if key in query and _first(one, tag) != query[key]:
            return key
    return ""


def without_encoding(query: Mapping[str, str]) -> dict[str, str]:
    """Return a query that matches at least the same, without characters that an address encodes."""
    plain = {key: re.sub(r"[^A-Za-z0-9._~-]+", "*", query[key]) for key in _EXACT if key in query}
    return {**query, **plain}


def _values(one: Mapping[str, Any], tag: str) -> list[Any]:
    element = one.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return [value for value in values if value is not None] if isinstance(values, list) else []


def _first(one: Mapping[str, Any], tag: str) -> str:
    values = _values(one, tag)
    return str(values[0]).strip() if values else ""


def _uid(one: Mapping[str, Any], tag: str) -> str:
    uid = _first(one, tag)
    if not _UID.fullmatch(uid):  # it becomes a part of the next address
        raise DicomWebError(PullCode.NOT_DICOMWEB, "The server names a study or object by something that is no UID.")
    return uid
