"""What a report says as FHIR observations: one a section in words, one a finding in codes."""

from __future__ import annotations

from collections.abc import Iterator

from radrag.domain import Finding, ReportState
from radrag.export.codes import LATERALITY, PRESENCE, SEVERITY, SYSTEMS, Coded, finding_code
from radrag.export.fhir_parts import TERMINOLOGY, Resource, coding, concept, fhir_id, instant, refer, study_day
from radrag.export.outgoing import Outgoing
from radrag.export.wording import heading

STATES = {ReportState.FINAL: "final", ReportState.ADDENDED: "final", ReportState.CORRECTED: "corrected"}
SECTIONS = {
    "findings": coding(SYSTEMS["LN"], "59776-5", "Procedure findings Narrative"),
    "impression": coding(SYSTEMS["LN"], "19005-8", "Radiology Imaging study [Impression] (narrative)"),
}


def observations(outgoing: Outgoing, *, patient: Resource, device: Resource, study: Resource) -> list[Resource]:
    """Return the observations of a report.

    A finding that several sentences state alike is one observation, with the sentences as notes. Whether it is there,
    is not there, or cannot be told is the value: a denied finding is never read as one.
    """
    shared = {
        "status": STATES[outgoing.state] if outgoing.signed else "preliminary",
        "category": [{"coding": [coding(f"{TERMINOLOGY}/observation-category", "imaging", "Imaging")]}],
        "subject": refer(patient),
        **study_day(outgoing),
        "issued": instant(outgoing.issued_at),
    }
    tail = {"device": refer(device), "derivedFrom": [refer(study)]}
    found: list[Resource] = []
    for section, sentences in outgoing.sections.items():
        words = " ".join(sentence.text for sentence in sentences)
        code = {"coding": [SECTIONS[section]]} if section in SECTIONS else {"text": heading(section)}
        found.append(_observation(outgoing, section, shared | {"code": code, "valueString": words} | tail))
    for finding, notes in _findings(outgoing):
        named = {
            "code": concept(finding_code(finding.label)),
            "valueCodeableConcept": concept(PRESENCE[finding.polarity]),
        }
        parts = {"component": _components(finding)} if _components(finding) else {}
        said = {"note": [{"text": note} for note in notes]}
        found.append(_observation(outgoing, repr(finding), shared | named | said | tail | parts))
    return found


def _findings(outgoing: Outgoing) -> Iterator[tuple[Finding, list[str]]]:
    """Yield each finding, without its place in the text, and the sentences that state it."""
    stated: dict[Finding, list[str]] = {}
    for sentences in outgoing.sections.values():
        for sentence in sentences:
            for one in sentence.findings:
                bare = Finding(one.label, one.polarity, one.side, severity=one.severity)
                notes = stated.setdefault(bare, [])
                if sentence.text not in notes:
                    notes.append(sentence.text)
    yield from stated.items()


def _components(finding: Finding) -> list[Resource]:
    found = []
    if finding.side in LATERALITY:
        name = concept(Coded("272741003", "SCT", "Laterality"))
        found.append({"code": name, "valueCodeableConcept": concept(LATERALITY[finding.side])})
    if finding.severity in SEVERITY:
        name = concept(Coded("246112005", "SCT", "Severity"))
        found.append({"code": name, "valueCodeableConcept": concept(SEVERITY[finding.severity])})
    return found


def _observation(outgoing: Outgoing, what: str, values: Resource) -> Resource:
    made = fhir_id("observation", outgoing.draft.draft_id, outgoing.identity.known, what)
    return {"resourceType": "Observation", "id": made, **values}
