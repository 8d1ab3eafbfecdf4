"""A report as DICOM Enhanced SR in the shape of TID 2000: each sentence as text with its findings and its evidence.

The evidence of a sentence is more than TID 2000, which is not extensible, has room for; so no template is claimed.
"""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import EnhancedSRStorage

from radrag.domain import DraftSentence, EvidenceLink, Finding, ReportState
from radrag.export import content
from radrag.export.codes import CHEST_RADIOGRAPH, LATERALITY, PRESENCE, SEVERITY, Coded, finding_code, own
from radrag.export.dicom_document import (
    UNNAMED,
    add_evidence,
    add_request,
    add_state,
    document,
    image_of,
    person_name,
    to_bytes,
)
from radrag.export.outgoing import Outgoing
from radrag.export.plain import uid_of
from radrag.export.wording import communicated, heading, status_line, status_words

KIND = "sr"
TITLE = Coded("18748-4", "LN", "Diagnostic Imaging Report")  # CID 7000
HEADINGS = {  # CID 7001
    "findings": Coded("59776-5", "LN", "Findings"),
    "impression": Coded("19005-8", "LN", "Impressions"),
}
INDICATION = Coded("18785-6", "LN", "Indications for Procedure")
ADDENDUM = Coded("55107-7", "LN", "Addendum")
COMMUNICATION = Coded("73568-8", "LN", "Communication of Critical Results")
FINDING = Coded("121071", "DCM", "Finding")  # CID 7002
IMPRESSION = Coded("121073", "DCM", "Impression")
COMMENT = Coded("121106", "DCM", "Comment")
EVIDENCE = own("EVIDENCE", "Sentence of another report")
CASE = own("CASE", "Case of the evidence")
RELATION = own("RELATION", "What the evidence says of the sentence")
STRENGTH = own("STRENGTH", "Strength of the evidence")
STATUS = own("STATUS", "Support by evidence")
STANDING = own("STANDING", "Where the report stands")


def report_to_sr(outgoing: Outgoing) -> bytes:
    """Return the report as a DICOM file: UNVERIFIED and PRELIMINARY until a named reader signed it."""
    made = document(
        outgoing, kind=KIND, sop_class_uid=EnhancedSRStorage, modality="SR", series_number=9901, description="Report"
    )
    made.ReferencedPerformedProcedureStepSequence = []
    made.PerformedProcedureCodeSequence = []
    add_state(made, outgoing, kind=KIND, verified=outgoing.signed)
    add_request(made, outgoing)
    add_evidence(made, outgoing)
    made.update(_root(outgoing))
    return to_bytes(made)


def _root(outgoing: Outgoing) -> Dataset:
    items = [
        content.code(content.HAS_MODIFIER, Coded("121058", "DCM", "Procedure reported"), CHEST_RADIOGRAPH),
        language(),
        content.text(content.HAS_MODIFIER, STANDING, status_line(outgoing)),
        *algorithm(outgoing),
        *observers(outgoing),
    ]
    if outgoing.draft.study.indication:
        items.append(_section(INDICATION, [content.text(content.CONTAINS, COMMENT, outgoing.draft.study.indication)]))
    for section, sentences in outgoing.sections.items():
        name = HEADINGS.get(section) or own("S-" + section, heading(section))
        items.append(_section(name, [_sentence(outgoing, sentence) for sentence in sentences]))
    items += _after_the_text(outgoing)
    return content.container("", TITLE, items)


def language() -> Dataset:
    """Return TID 1204: the report is in English."""
    name = Coded("121049", "DCM", "Language of Content Item and Descendants")
    return content.code(content.HAS_MODIFIER, name, Coded("en", "RFC5646", "English"))


def algorithm(outgoing: Outgoing) -> list[Dataset]:
    """Return TID 4019: what drafted the report, and by which parts."""
    made = outgoing.algorithm
    pairs = [
        (Coded("111001", "DCM", "Algorithm Name"), made.name),
        (Coded("111003", "DCM", "Algorithm Version"), made.version),
        *((Coded("111002", "DCM", "Algorithm Parameters"), f"{part} {name}") for part, name in made.parts),
    ]
    return [content.text(content.HAS_MODIFIER, name, value) for name, value in pairs]


def observers(outgoing: Outgoing) -> list[Dataset]:
    """Return TID 1002: the algorithm, and the person who signed."""
    kind, made = Coded("121005", "DCM", "Observer Type"), outgoing.algorithm
    uid = uid_of("algorithm", made.name, made.version)
    found = [
        content.code(content.HAS_CONTEXT, kind, Coded("121007", "DCM", "Device")),
        content.uid_reference(content.HAS_CONTEXT, Coded("121012", "DCM", "Device Observer UID"), uid),
        content.text(content.HAS_CONTEXT, Coded("121013", "DCM", "Device Observer Name"), made.name),
    ]
    if outgoing.signature is None:
        return found
    organization = outgoing.sender.institution or UNNAMED
    return [
        *found,
        content.code(content.HAS_CONTEXT, kind, Coded("121006", "DCM", "Person")),
        content.person(
            content.HAS_CONTEXT, Coded("121008", "DCM", "Person Observer Name"), person_name(outgoing.signature.name)
        ),
        content.text(content.HAS_CONTEXT, Coded("121009", "DCM", "Person Observer's Organization Name"), organization),
    ]


def _section(name: Coded, items: list[Dataset]) -> Dataset:
    return content.container(content.CONTAINS, name, items)


def _sentence(outgoing: Outgoing, sentence: DraftSentence) -> Dataset:
    """Return a sentence with what it says in codes, and what it was inferred from.

    The codes are modifiers, not properties: readers that turn a document into text leave modifiers out, and would else
    take "Pneumothorax: Absent" for a second sentence.
    """
    name = IMPRESSION if sentence.section == "impression" else FINDING
    status = own(sentence.status.value, status_words(sentence.status))
    items = [content.code(content.HAS_MODIFIER, STATUS, status), *(_finding(one) for one in sentence.findings)]
    shown = image_of(outgoing, 0) if sentence.image_findings else None
    if shown is not None:
        purpose = Coded("121080", "DCM", "Best illustration of finding")  # CID 7003
        items.append(content.image(content.INFERRED_FROM, purpose, shown.sop_class_uid, shown.sop_instance_uid))
    items += [_evidence(link) for link in sentence.links]
    return content.with_items(content.text(content.CONTAINS, name, sentence.text), items)


def _finding(finding: Finding) -> Dataset:
    """Return a finding as a question with its answer, so that a denied one is never read as there."""
    modifiers = []
    if finding.side in LATERALITY:
        name = Coded("272741003", "SCT", "Laterality")
        modifiers.append(content.code(content.HAS_MODIFIER, name, LATERALITY[finding.side]))
    if finding.severity in SEVERITY:
        name = Coded("246112005", "SCT", "Severity")
        modifiers.append(content.code(content.HAS_MODIFIER, name, SEVERITY[finding.severity]))
    answer = content.code(content.HAS_MODIFIER, finding_code(finding.label), PRESENCE[finding.polarity])
    return content.with_items(answer, modifiers)


def _evidence(link: EvidenceLink) -> Dataset:
    quote = content.text(content.INFERRED_FROM, EVIDENCE, link.quote or "-")
    return content.with_items(
        quote,
        [
            content.text(content.HAS_PROPERTY, CASE, f"{link.case_id} {link.section}[{link.start}:{link.end}]"),
            content.code(content.HAS_PROPERTY, RELATION, own(link.relation.value, link.relation.value)),
            content.share(content.HAS_PROPERTY, STRENGTH, link.strength),
        ],
    )


def _after_the_text(outgoing: Outgoing) -> list[Dataset]:
    """Return addenda and corrections in the order of signing, and what was communicated."""
    found = []
    words = {ReportState.ADDENDED: "", ReportState.CORRECTED: "Correction: "}
    added = [words[one.state] + one.added for one in outgoing.report.signatures if one.state in words and one.added]
    if added:
        found.append(_section(ADDENDUM, [content.text(content.CONTAINS, COMMENT, one) for one in added]))
    told = [communicated(one) for one in outgoing.report.acknowledged]
    if told:
        found.append(_section(COMMUNICATION, [content.text(content.CONTAINS, COMMENT, one) for one in told]))
    return found
