"""A report as FHIR R4 transaction bundle in the shape of IHE Interactive Multimedia Report (IMR).

The report, its findings and documents are put under ids of their own, so that sending them again, or a later version,
replaces them. Patient, order, study and people are made only where the server has none: they belong to others.
IMR itself asks for a POST, an interpreter and a DICOMweb address, which a draft cannot always give; its profiles are
therefore not claimed.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from radrag.domain import PRIOR, ReportState
from radrag.export.codes import ANY_STUDY, SYSTEMS, study_code
from radrag.export.fhir_findings import observations
from radrag.export.fhir_parts import (
    GENDERS,
    TERMINOLOGY,
    Resource,
    attachment,
    coding,
    concept,
    entry,
    fhir_id,
    human_name,
    instant,
    refer,
    study_day,
    without_empty,
)
from radrag.export.outgoing import Outgoing
from radrag.export.report_html import report_to_html
from radrag.export.wording import TITLE, status_line

STATES = {
    ReportState.FINAL: "final",
    ReportState.ADDENDED: "appended",
    ReportState.CORRECTED: "corrected",
}
DOCUMENT_STATES = {
    ReportState.FINAL: "final",
    ReportState.ADDENDED: "amended",
    ReportState.CORRECTED: "amended",
}
STUDY_UID = coding(SYSTEMS["DCM"], "110180", "Study Instance UID")


def report_to_fhir(outgoing: Outgoing) -> bytes:
    """Return the report as JSON of a transaction bundle.

    Raises:
        MissingDependency: the packages that print the PDF are not installed.
    """
    bundle = {
        "resourceType": "Bundle",
        "id": fhir_id("bundle", outgoing.uid("fhir")),
        "type": "transaction",
        "timestamp": instant(outgoing.issued_at),
        "entry": _entries(outgoing),
    }
    return (json.dumps(bundle, ensure_ascii=False, indent=1) + "\n").encode()


def _entries(outgoing: Outgoing) -> list[Resource]:
    patient, organization, device = _patient(outgoing), _organization(outgoing), _device(outgoing)
    people = _people(outgoing)
    endpoint = _endpoint(outgoing)
    study = _study(outgoing, patient, endpoint)
    order = _order(outgoing, patient)
    found = observations(outgoing, patient=patient, device=device, study=study)
    report = _report(
        outgoing, patient=patient, organization=organization, people=people, study=study, order=order, found=found
    )
    document = _document(outgoing, patient, [device, *people], report)
    provenance = _provenance(outgoing, [report, document, *found], device, people)
    return [
        entry(report),
        entry(patient, _patient_search(outgoing)),
        entry(organization, f"name:exact={_token(organization['name'])}"),
        *(entry(person) for person in people),
        *([entry(order, f"identifier=%7C{_token(outgoing.identity.accession)}")] if order else []),
        *([entry(endpoint)] if endpoint else []),
        entry(study, f"identifier=urn:dicom:uid%7Curn:oid:{outgoing.identity.study_instance_uid}"),
        *(entry(one) for one in found),
        entry(device),
        entry(document),
        entry(provenance),
    ]


def _patient(outgoing: Outgoing) -> Resource:
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


def _patient_search(outgoing: Outgoing) -> str:
    """Return how the server is asked for the patient.

    Without a numbering, only patients whose identifier has none either may match: the same number means someone else in
    another hospital's.
    """
    who = outgoing.identity
    system = outgoing.sender.patient_system if who.known else ""
    return f"identifier={_token(system)}%7C{_token(who.patient_id)}" if who.patient_id else ""


def _organization(outgoing: Outgoing) -> Resource:
    name = outgoing.sender.institution or "Institution not named"
    return {"resourceType": "Organization", "id": fhir_id("organization", name), "name": name}


def _people(outgoing: Outgoing) -> list[Resource]:
    """Return whoever signed, each once."""
    names = dict.fromkeys(one.name for one in outgoing.report.signatures)
    where = outgoing.sender.institution
    return [
        {"resourceType": "Practitioner", "id": fhir_id("practitioner", where, name), "name": [{"text": name}]}
        for name in names
        if name
    ]


def _device(outgoing: Outgoing) -> Resource:
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


def _endpoint(outgoing: Outgoing) -> Resource | None:
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


def _study(outgoing: Outgoing, patient: Resource, endpoint: Resource | None) -> Resource:
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


def _order(outgoing: Outgoing, patient: Resource) -> Resource | None:
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


def _report(
    outgoing: Outgoing,
    *,
    patient: Resource,
    organization: Resource,
    people: list[Resource],
    study: Resource,
    order: Resource | None,
    found: list[Resource],
) -> Resource:
    page = report_to_html(outgoing).encode()
    impression = " ".join(sentence.text for sentence in outgoing.sections.get("impression", ()))
    return without_empty(
        {
            "resourceType": "DiagnosticReport",
            "id": _report_id(outgoing),
            "language": "en",
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{_report_id(outgoing)}"}],
            "basedOn": [refer(order)] if order else [],
            "status": STATES[outgoing.state] if outgoing.signed else "preliminary",
            "category": [{"coding": [coding(f"{TERMINOLOGY}/v2-0074", "RAD", "Radiology")]}],
            "code": concept(study_code(outgoing.draft.study)),
            "subject": refer(patient),
            **study_day(outgoing),
            "issued": instant(outgoing.issued_at),
            "performer": [refer(organization)],
            "resultsInterpreter": [refer(person) for person in people],
            "result": [refer(one) for one in found],
            "imagingStudy": [refer(study)],
            "conclusion": impression,
            "presentedForm": [attachment("text/html", page, TITLE, outgoing.issued_at)],
        }
    )


def _document(outgoing: Outgoing, patient: Resource, authors: list[Resource], report: Resource) -> Resource:
    state = DOCUMENT_STATES[outgoing.state] if outgoing.signed else "preliminary"
    return {
        "resourceType": "DocumentReference",
        "id": fhir_id("document", outgoing.draft.draft_id, outgoing.identity.known),
        "status": "current",
        "docStatus": state,
        "type": concept(ANY_STUDY),
        "subject": refer(patient),
        "date": instant(outgoing.issued_at),
        "author": [refer(one) for one in authors],
        "description": status_line(outgoing),
        "content": [{"attachment": attachment("application/pdf", outgoing.pdf, TITLE, outgoing.issued_at)}],
        "context": {"related": [refer(report)]},
    }


def _provenance(outgoing: Outgoing, targets: list[Resource], device: Resource, people: list[Resource]) -> Resource:
    """Return who and what made the report, and which reports of other patients its draft rests on."""

    def agent(code: str, display: str, who: Resource) -> Resource:
        kind = coding(f"{TERMINOLOGY}/provenance-participant-type", code, display)
        return {"type": {"coding": [kind]}, "who": refer(who)}

    cases = dict.fromkeys(one.link.case_id for one in outgoing.references)
    return without_empty(
        {
            "resourceType": "Provenance",
            "id": fhir_id("provenance", outgoing.draft.draft_id, outgoing.identity.known),
            "target": [refer(one) for one in targets],
            "recorded": instant(outgoing.issued_at),
            "agent": [
                agent("assembler", "Assembler", device),
                *(agent("verifier" if outgoing.signed else "performer", "Reader", person) for person in people),
            ],
            "entity": [
                {"role": "source", "what": {"identifier": {"value": case}, "display": _whose(case)}} for case in cases
            ],
        }
    )


def _whose(case: str) -> str:
    return "Earlier report of this patient" if case == PRIOR else "Report of another patient"


def _report_id(outgoing: Outgoing) -> str:
    return fhir_id("report", outgoing.draft.draft_id, outgoing.identity.known)


def _token(value: str) -> str:
    return quote(value, safe="")
