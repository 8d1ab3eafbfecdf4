"""A report as HL7 v2.5.1 ORU^R01: preliminary, final or corrected, each sentence an observation.

Evidence stays out: what other patients' reports say has no place in an electronic record's result list; the SR, PDF and
FHIR forms have it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from radrag.domain import ReportState
from radrag.export.codes import Coded, own, study_code
from radrag.export.outgoing import Outgoing
from radrag.export.wording import communicated, heading, status_line

VERSION = "2.5.1"
# Table 0123 (OBR-25) and table 0085 (OBX-11). A report with an addendum replaces an earlier final one; its sentences
# are final as they were.
REPORT_STATES = {ReportState.FINAL: "F", ReportState.ADDENDED: "C", ReportState.CORRECTED: "C"}
SENTENCE_STATES = {ReportState.FINAL: "F", ReportState.ADDENDED: "F", ReportState.CORRECTED: "C"}
PRELIMINARY = "P"

SECTIONS = {
    "findings": Coded("59776-5", "LN", "Findings"),
    "impression": Coded("19005-8", "LN", "Impressions"),
}
ADDENDUM = Coded("55107-7", "LN", "Addendum")
COMMUNICATION = Coded("73568-8", "LN", "Communication of Critical Results")

_ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})  # chapter 2.7.1


def report_to_hl7(outgoing: Outgoing) -> bytes:
    """Return the report as one message in UTF-8, segments ended by carriage returns; for MLLP it needs its frame."""
    segments = [
        _message_header(outgoing),
        _patient(outgoing),
        _visit(outgoing),
        _segment("ORC", {1: "RE", 2: _accession(outgoing), 3: _accession(outgoing), 5: _order_state(outgoing)}),
        _request(outgoing),
        # A note, not an observation: it says where the report stands and is no part of it.
        _segment("NTE", {1: "1", 2: "L", 3: escaped(status_line(outgoing))}),
        *_observations(outgoing),
    ]
    return "".join(f"{segment}\r" for segment in segments).encode()


def escaped(text: str) -> str:
    """Return text with the delimiters escaped."""
    return text.translate(_ESCAPES)


def control_id(outgoing: Outgoing) -> str:
    """Return MSH-10: the same for the same version of a report, so that a message sent twice is known as one."""
    named = f"radrag/hl7/{outgoing.uid('hl7')}"
    return f"RR{uuid.uuid5(uuid.NAMESPACE_OID, named).hex[:18].upper()}"


def _message_header(outgoing: Outgoing) -> str:
    fields = {
        3: "RADRAG",
        4: escaped(outgoing.sender.institution[:20]),  # HD.1 holds no more
        7: _time(outgoing.issued_at),
        9: "ORU^R01^ORU_R01",
        10: control_id(outgoing),
        11: "P",
        12: VERSION,
        18: "UNICODE UTF-8",
    }
    return "MSH|^~\\&|" + "|".join(fields.get(number, "") for number in range(3, 19))


def _patient(outgoing: Outgoing) -> str:
    who = outgoing.identity
    identifier = [escaped(who.patient_id) or "UNKNOWN", "", "", escaped(who.issuer), "MR" if who.known else "AN"]
    fields = {1: "1", 3: "^".join(identifier), 5: _name(who.patient_name), 7: who.birth_date, 8: who.sex or "U"}
    return _segment("PID", fields)


def _visit(outgoing: Outgoing) -> str:
    referrer = outgoing.identity.referring_physician
    return _segment("PV1", {1: "1", 2: "U", 8: f"^{_name(referrer)}" if referrer.strip("^= ") else ""})


def _request(outgoing: Outgoing) -> str:
    signature = outgoing.signature
    fields = {
        1: "1",
        2: _accession(outgoing),
        3: _accession(outgoing) or escaped(outgoing.draft.draft_id),
        4: _code(study_code(outgoing.draft.study)),
        7: outgoing.identity.study_date,
        22: _time(outgoing.issued_at),
        24: "RAD",
        25: REPORT_STATES[outgoing.state] if outgoing.signed else PRELIMINARY,
        31: f"^{escaped(outgoing.draft.study.indication)}" if outgoing.draft.study.indication else "",
        32: f"&{escaped(signature.name)}" if signature else "",
    }
    return _segment("OBR", fields)


def _observations(outgoing: Outgoing) -> Iterable[str]:
    """Return OBX segments: the report's sentences, what was added, what was communicated."""
    state = SENTENCE_STATES[outgoing.state] if outgoing.signed else PRELIMINARY
    said: list[tuple[Coded, str]] = []
    for section, sentences in outgoing.sections.items():
        code = SECTIONS.get(section) or own("S-" + section, heading(section))
        said += [(code, sentence.text) for sentence in sentences]
    said += [(ADDENDUM, f"Correction: {one.added}") for one in outgoing.corrections if one.added]
    said += [(ADDENDUM, one.added) for one in outgoing.addenda if one.added]
    said += [(COMMUNICATION, communicated(told)) for told in outgoing.report.acknowledged]
    for number, (code, text) in enumerate(said, 1):
        yield _observation(outgoing, number, code, text, state)


def _observation(outgoing: Outgoing, number: int, code: Coded, text: str, state: str) -> str:
    signature = outgoing.signature
    fields = {
        1: str(number),
        2: "TX",
        3: _code(code),
        4: str(number),
        5: escaped(text),
        11: state,
        14: outgoing.identity.study_date,
        16: f"^{escaped(signature.name)}" if signature else "",
        23: escaped(outgoing.sender.institution),
    }
    return _segment("OBX", fields)


def _segment(name: str, fields: dict[int, str]) -> str:
    """Return a segment; fields that are not given are empty, trailing ones are left out."""
    last = max((number for number, value in fields.items() if value), default=0)
    return "|".join([name, *(fields.get(number, "") for number in range(1, last + 1))])


def _code(code: Coded) -> str:
    return f"{escaped(code.value)}^{escaped(code.meaning)}^{code.scheme}"


def _name(name: str) -> str:
    """Return a DICOM person name as XPN or the tail of XCN: suffix comes before prefix; nobody is a pseudonym."""
    parts: Sequence[str] = [part.strip() for part in name.split("=", maxsplit=1)[0].split("^")]
    family, given, middle, prefix, suffix = ([*parts, "", "", "", ""])[:5]
    if not any(parts):
        return "^^^^^^S"  # table 0200: coded pseudo-name
    return "^".join(escaped(part) for part in (family, given, middle, suffix, prefix)).rstrip("^")


def _accession(outgoing: Outgoing) -> str:
    return escaped(outgoing.identity.accession)


def _order_state(outgoing: Outgoing) -> str:
    return "CM" if outgoing.signed else "IP"  # table 0038


def _time(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S}+0000"
