"""Those whom a report concerns, as FHIR resources: patient, institution, readers, software, server, study, order."""

from __future__ import annotations

from radrag.export.codes import SYSTEMS, study_code
from radrag.export.fhir_parts import (
    GENDERS,
    TERMINOLOGY,
    Resource,
    coding,
    concept,
    fhir_id,
    human_name,
    refer,
    study_day,
    token,
    without_empty,
)
from radrag.export.outgoing import Outgoing

STUDY_UID = coding(SYSTEMS["DCM"], "110180", "Study Instance UID")


def patient(outgoing: Outgoing) -> Resource:
    """Return whose report it is; without identity, under the patient key."""
    who = outgoing.identity
    kind = ("MR", "Medical record number") if who.known else ("ANON", "Anonymous identifier")
    identifier: Resource = {
        "type": {"coding": [coding(f"{TERMINOLOGY}/v2-0203", *kind)]},
        **({"system": outgoing.sender.patient_system} if who.known and outgoing.sender.patient_system else {}),
        "value": who.patient_id,
        **({"assigner": {"display": who.issuer}} if who.issuer else {}),
    }
    born = who.birth_date
    return without_empty(
        {
            "resourceType": "Patient",
            "id": fhir_id("patient", outgoing.draft.study.patient_key, who.known, outgoing.draft.draft_id),
            "identifier": [identifier] if who.patient_id else [],
            "name": [human_name(who.patient_name)] if who.patient_name.strip("^= ") else [],
            "gender": GENDERS.get(who.sex, "unknown"),
            "birthDate": f"{born[:4]}-{born[4:6]}-{born[6:]}" if born else "",
        }
    )


def patient_search(outgoing: Outgoing) -> str:
    """Return how the server is asked for the patient.

    Without a numbering, only patients whose identifier has none either may match: the same number means someone else in
    another hospital's.
    """
    who = outgoing.identity
    system = outgoing.sender.patient_system if who.known else ""
    return f"identifier={token(system)}%7C{token(who.patient_id)}" if who.patient_id else ""


def organization(outgoing: Outgoing) -> Resource:
    """Return who sends it."""
    name = outgoing.sender.institution or "Institution not named"
    return {"resourceType": "Organization", "id": fhir_id("organization", name), "name": name}


def readers(outgoing: Outgoing) -> list[Resource]:
    """Return whoever signed, each once."""
    names = dict.fromkeys(one.name for one in outgoing.report.signatures)
    where = outgoing.sender.institution
    return [
        {"resourceType": "Practitioner", "id": fhir_id("practitioner", where, name), "name": [{"text": name}]}
        for name in names
        if name
    ]


def device(outgoing: Outgoing) -> Resource:
    """Return what drafted it."""
    made = outgoing.algorithm
    versions = [{"type": {"text": made.name}, "value": made.version}]
    versions += [{"type": {"text": part}, "value": name} for part, name in made.parts]
    return {
        "resourceType": "Device",
        "id": fhir_id("device", made),
        "manufacturer": made.name,
        "deviceName": [{"name": made.name, "type": "model-name"}],
        "type": {"text": "Software that drafts radiology reports"},
        "version": versions,
    }


def endpoint(outgoing: Outgoing) -> Resource | None:
    """Return the server that shows the images; None where none is named."""
    if not outgoing.sender.wado_url:
        return None
    return {
        "resourceType": "Endpoint",
        "id": fhir_id("endpoint", outgoing.sender.wado_url),
        "status": "active",
        "connectionType": coding(f"{TERMINOLOGY}/endpoint-connection-type", "dicom-wado-rs", "DICOM WADO-RS"),
        "payloadType": [{"text": "DICOM"}],
        "address": outgoing.sender.wado_url,
    }


def imaging_study(outgoing: Outgoing, patient: Resource, endpoint: Resource | None) -> Resource:
    """Return the study with its DICOM images."""
    who = outgoing.identity
    series: dict[str, Resource] = {}
    for image in who.images:
        held = series.setdefault(
            image.series_instance_uid,
            {
                "uid": image.series_instance_uid,
                "modality": {"system": SYSTEMS["DCM"], "code": image.modality or "OT"},
                "instance": [],
            },
        )
        sop_class = {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{image.sop_class_uid}"}
        held["instance"].append({"uid": image.sop_instance_uid, "sopClass": sop_class})
    modalities = {one["modality"]["code"]: one["modality"] for one in series.values()}
    return without_empty(
        {
            "resourceType": "ImagingStudy",
            "id": fhir_id("study", who.study_instance_uid, who.known),
            "identifier": [
                {
                    "type": {"coding": [STUDY_UID]},
                    "system": "urn:dicom:uid",
                    "value": f"urn:oid:{who.study_instance_uid}",
                }
            ],
            "status": "available",
            "modality": list(modalities.values()),
            "subject": refer(patient),
            "started": study_day(outgoing).get("effectiveDateTime", ""),
            "endpoint": [refer(endpoint)] if endpoint else [],
            "numberOfSeries": len(series) or None,
            "numberOfInstances": len(who.images) or None,
            "series": list(series.values()),
        }
    )


def order(outgoing: Outgoing, patient: Resource) -> Resource | None:
    """Return the order that the accession number names; None where there is none."""
    accession = outgoing.identity.accession
    if not accession:
        return None
    return {
        "resourceType": "ServiceRequest",
        "id": fhir_id("order", outgoing.identity.study_instance_uid, accession),
        "identifier": [
            {"type": {"coding": [coding(f"{TERMINOLOGY}/v2-0203", "ACSN", "Accession ID")]}, "value": accession}
        ],
        "status": "unknown",
        "intent": "order",
        "category": [{"coding": [coding(SYSTEMS["SCT"], "363679005", "Imaging")]}],
        "code": concept(study_code(outgoing.draft.study)),
        "subject": refer(patient),
    }
