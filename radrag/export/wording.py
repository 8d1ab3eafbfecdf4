"""How a report speaks of its own state, the same in every form."""

from __future__ import annotations

from collections.abc import Iterable

from radrag.domain import PRIOR, Acknowledgement, DraftSentence, Relation, ReportState, Status
from radrag.export.outgoing import Outgoing
from radrag.export.pictures import Picture
from radrag.export.plain import moment
from radrag.export.text import BANNER, WORDS

TITLE = "Chest radiograph report"
UNSIGNED_MARK = "PRELIMINARY"
RELATIONS = {Relation.SUPPORTS: "supports", Relation.CONTRADICTS: "contradicts"}


def status_line(outgoing: Outgoing) -> str:
    """Return the one line that says whether, and by whom, the report is answered for."""
    signature = outgoing.signature
    if signature is None or (outgoing.state.signed and not outgoing.signed):
        return BANNER
    who, when = signature.name, clock(outgoing)
    if outgoing.state is ReportState.PRELIMINARY:
        return f"PRELIMINARY - UNVERIFIED. Read by {who} on {when}; not a report until a named reader signs."
    words = {
        ReportState.FINAL: "FINAL. Signed by",
        ReportState.ADDENDED: "FINAL WITH ADDENDUM. Addendum signed by",
        ReportState.CORRECTED: "CORRECTED. Correction signed by",
    }
    return f"{words[outgoing.state]} {who} on {when}."


def clock(outgoing: Outgoing) -> str:
    """Return when this version was signed, for people."""
    return outgoing.issued_at.strftime("%Y-%m-%d %H:%M UTC")


def communicated(told: Acknowledgement) -> str:
    """Return how a critical result was passed on."""
    return f"{told.label}: told to {told.to} ({told.how}) by {told.who} on {moment(told.at):%Y-%m-%d %H:%M} UTC."


def status_words(status: Status) -> str:
    """Return what the evidence says of a sentence, in words."""
    return WORDS[status]


def heading(section: str) -> str:
    """Return a section's heading."""
    return section.replace("_", " ").capitalize() or "Report"


def drafted_by(outgoing: Outgoing) -> str:
    """Return the line that says what drafted the report."""
    parts = ", ".join(f"{part} {name}" for part, name in outgoing.algorithm.parts)
    made = f"Drafted by {outgoing.algorithm.name} {outgoing.algorithm.version}"
    return f"{made} ({parts})" if parts else made


MOST_RUNS = 4
"""Runs of reference numbers behind a sentence; the appendix has them all."""


def runs(numbers: Iterable[int]) -> list[tuple[str, int]]:
    """Return numbers in order as runs: (``9-12``, 9)."""
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    return [(str(one[0]) if len(one) == 1 else f"{one[0]}-{one[-1]}", one[0]) for one in found]


def weighed(outgoing: Outgoing, sentence: DraftSentence) -> str:
    """Return what the evidence says of a sentence in one line: ``[1-5] supports 1.00; [9] contradicts 0.80``."""
    numbers: dict[tuple[Relation, str], list[int]] = {}
    for link in sentence.links:
        numbers.setdefault((link.relation, f"{link.strength:.2f}"), []).extend(outgoing.numbers((link,)))
    return "; ".join(
        f"[{', '.join(label for label, _ in runs(of_kind))}] {RELATIONS[relation]} {strength}"
        for (relation, strength), of_kind in numbers.items()
    )


EVIDENCE_NOTE = (
    "Sentences of other reports that say the same or the opposite: of other patients, or, where the case is "
    f"{PRIOR}, of this patient's earlier study. They tell how the draft came about."
)


def caption(outgoing: Outgoing, picture: Picture) -> str:
    """Return what stands under a picture, or in its place."""
    missing = "not available" if outgoing.identity.known else "not shown without identity"
    return picture.image.view.value + ("" if picture.jpeg else f": {missing}")


def patient_line(outgoing: Outgoing) -> tuple[tuple[str, str], ...]:
    """Return (name, value) pairs of the report's head; nothing that is not known."""
    who, study = outgoing.identity, outgoing.draft.study
    views = ", ".join(image.view.value for image in study.images)
    pairs = (
        ("Patient", who.patient_name.replace("^", " ").strip() if who.known else "not named in this export"),
        ("Patient ID" if who.known else "Patient key", who.patient_id),
        ("Born", _day(who.birth_date)),
        ("Sex", who.sex),
        ("Age", _age(study.age, who.known)),
        ("Study date", _day(who.study_date)),
        ("Accession", who.accession),
        ("Views", views),
        ("Study", who.study_instance_uid),
        ("Institution", ", ".join(part for part in (outgoing.sender.institution, outgoing.sender.department) if part)),
        ("Indication", study.indication),
    )
    return tuple(pair for pair in pairs if pair[1])


def _age(age: float | None, known: bool) -> str:
    """Return the age; without identity 90 and above are one, as so few are that old (HIPAA 164.514(b)(2)(i)(C))."""
    if age is None:
        return ""
    return "90 years or older" if age >= 90 and not known else f"{age:g} years"


def _day(value: str) -> str:
    return f"{value[:4]}-{value[4:6]}-{value[6:]}" if value else ""
