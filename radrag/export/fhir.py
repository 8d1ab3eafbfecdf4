"""A report as FHIR R4 transaction bundle in the shape of IHE Interactive Multimedia Report (IMR).

The report, its findings and documents are put under ids of their own, so that sending them again, or a later version,
replaces them. Patient, order, study and people are made only where the server has none: they belong to others.
IMR itself asks for a POST, an interpreter and a DICOMweb address, which a draft cannot always give; its profiles are
therefore not claimed.
"""

from __future__ import annotations

import json

from radrag.domain import PRIOR, ReportState
from radrag.export import fhir_context as context
from radrag.export.codes import ANY_STUDY, study_code
from radrag.export.fhir_findings import observations
from radrag.export.fhir_parts import (
    TERMINOLOGY,
    Resource,
    attachment,
    coding,
    concept,
    entry,
    fhir_id,
    instant,
    refer,
    study_day,
    token,
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
    patient, organization, device = context.patient(outgoing), context.organization(outgoing), context.device(outgoing)
    people, endpoint = context.readers(outgoing), context.endpoint(outgoing)
    study, order = context.imaging_study(outgoing, patient, endpoint), context.order(outgoing, patient)
    found = observations(outgoing, patient=patient, device=device, study=study)
    report = _report(
        outgoing, patient=patient, organization=organization, people=people, study=study, order=order, found=found
    )
    document = _document(outgoing, patient, [device, *people], report)
    provenance = _provenance(outgoing, [report, document, *found], device, people)
    return [
        entry(report),
        entry(patient, context.patient_search(outgoing)),
        entry(organization, f"name:exact={token(organization['name'])}"),
        *(entry(person) for person in people),
        *([entry(order, f"identifier=%7C{token(outgoing.identity.accession)}")] if order else []),
        *([entry(endpoint)] if endpoint else []),
        entry(study, f"identifier=urn:dicom:uid%7Curn:oid:{outgoing.identity.study_instance_uid}"),
        *(entry(one) for one in found),
        entry(device),
        entry(document),
        entry(provenance),
    ]


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
