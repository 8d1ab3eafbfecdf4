"""What every form of an outgoing report is made from: the report, whose it is, and who sends it."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, Self, TypeVar

from radrag.domain import (
    Acknowledgement,
    Box,
    Draft,
    DraftSentence,
    EvidenceLink,
    ImageFinding,
    Omission,
    Polarity,
    Report,
    ReportState,
    Signature,
    Status,
)
from radrag.export.identity import Identity
from radrag.export.pictures import Picture, pictures
from radrag.reports.sentences import split_sentences

WITHHELD = "[not quoted: the terms of its corpus forbid passing it on]"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # stands for a time that a draft does not tell; never the present one
SECTION_ORDER = ("findings", "impression")

Said = TypeVar("Said", DraftSentence, Omission)
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends reports.

    Attributes:
        institution: name of the hospital or practice; empty when not told.
        department: name of the department; empty when not told.
        paper: size of the pages that it prints on.
        patient_system: URI of the numbering that patient ids belong to; empty when not told.
        wado_url: base address of the DICOMweb server that shows the study's images; empty when not told.
    """

    institution: str = ""
    department: str = ""
    paper: Literal["A4", "Letter"] = "A4"
    patient_system: str = ""
    wado_url: str = ""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What drafted the report.

    Attributes:
        version: radrag's.
        parts: (part, name and version) of encoder, generator and index, as the draft's provenance has them.
    """

    name: str
    version: str
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """One evidence sentence; ``number`` counts from 1 over the whole report."""

    number: int
    link: EvidenceLink


@dataclass(frozen=True, eq=False)
class Outgoing:
    """A report on its way out, made by :meth:`of`: every text in it can be shown and encoded.

    Attributes:
        report: text that counts, each sentence with the evidence that may be passed on.
        identity: whose it is.
        sender: who sends it.
        withheld: how many evidence sentences the terms of their corpus keep from being quoted.
    """

    report: Report
    identity: Identity
    sender: Sender = field(default_factory=Sender)
    withheld: int = 0

    @classmethod
    def of(
        cls, report: Report, identity: Identity, sender: Sender | None = None, *, restricted: Collection[str] = ()
    ) -> Self:
        """Return the report ready to be written.

        Args:
            restricted: ids of cases whose text may not be passed on; they are named, not quoted.
        """
        sentences = tuple(_clean(sentence) for sentence in _standing(report))
        draft = report.draft
        omissions = tuple(replace(one, links=tuple(_clean_link(link) for link in one.links)) for one in draft.omissions)
        withheld = {_place(link) for one in sentences for link in one.links if link.case_id in restricted}
        ready = replace(
            report,
            draft=replace(
                draft,
                study=replace(draft.study, indication=printable(draft.study.indication) if identity.known else ""),
                omissions=tuple(_withhold(one, restricted) for one in omissions),
            ),
            sentences=tuple(_withhold(one, restricted) for one in sentences),
            signatures=tuple(_clean_signature(one) for one in report.signatures),
            acknowledged=tuple(_clean_acknowledgement(one) for one in report.acknowledged),
        )
        return cls(ready, identity, sender or Sender(), len(withheld))

    @property
    def draft(self) -> Draft:
        """The draft behind the report."""
        return self.report.draft

    @property
    def state(self) -> ReportState:
        """Where the report stands."""
        return self.report.state

    @property
    def signed(self) -> bool:
        """Whether a named reader answers for it: nothing else may call itself final."""
        return self.state.signed and bool(self.report.signatures)

    @property
    def signature(self) -> Signature | None:
        """The newest signature; of a preliminary report that of whoever marked it so; None for a draft."""
        return self.report.signatures[-1] if self.report.signatures else None

    @cached_property
    def sections(self) -> dict[str, tuple[DraftSentence, ...]]:
        """Section name → its sentences, findings and impression first, others as they come."""
        names = list(dict.fromkeys(sentence.section for sentence in self.report.sentences))
        names.sort(key=lambda name: SECTION_ORDER.index(name) if name in SECTION_ORDER else len(SECTION_ORDER))
        return {name: tuple(one for one in self.report.sentences if one.section == name) for name in names}

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """The evidence of all sentences, each evidence sentence once, in order of use."""
        used = (link for sentences in self.sections.values() for one in sentences for link in one.links)
        first: dict[tuple[str, str, int, int], EvidenceLink] = {}
        for link in used:
            first.setdefault(_place(link), link)
        return tuple(Reference(number, link) for number, link in enumerate(first.values(), 1))

    def numbers(self, links: Sequence[EvidenceLink]) -> tuple[int, ...]:
        """Return the reference numbers of links, each once, in order."""
        return tuple(dict.fromkeys(self._numbers[_place(link)] for link in links))

    @cached_property
    def _numbers(self) -> Mapping[tuple[str, str, int, int], int]:
        return {_place(reference.link): reference.number for reference in self.references}

    @property
    def addenda(self) -> tuple[Signature, ...]:
        """Addenda, oldest first."""
        return tuple(one for one in self.report.signatures if one.state is ReportState.ADDENDED)

    @property
    def corrections(self) -> tuple[Signature, ...]:
        """Corrections, oldest first; each says why."""
        return tuple(one for one in self.report.signatures if one.state is ReportState.CORRECTED)

    @property
    def drafted_at(self) -> datetime:
        """When the draft was made, UTC."""
        return moment(str(self.draft.provenance.get("created_at", "")))

    @property
    def issued_at(self) -> datetime:
        """When this version was signed; of a draft when it was made. UTC."""
        return moment(self.signature.at) if self.signature else self.drafted_at

    @property
    def algorithm(self) -> Algorithm:
        """What drafted it."""
        made = self.draft.provenance
        parts = [(part, _named(made.get(part))) for part in ("encoder", "generator", "index")]
        return Algorithm("radrag", str(made.get("radrag") or "unknown"), tuple(one for one in parts if one[1]))

    @property
    def placed(self) -> tuple[tuple[ImageFinding, Box], ...]:
        """What the encoder found and placed on the first image; once signed, only what the report states too."""
        stated = {
            finding.label
            for sentence in self.report.sentences
            for finding in sentence.findings
            if finding.polarity is not Polarity.NEGATIVE
        }
        return tuple(
            (one, one.region)
            for one in self.draft.image_findings
            if one.region is not None and one.positive and (not self.signed or one.label in stated)
        )

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        """The study's images, small, with the places of what was found.

        Without identity none is shown: a name may be written in the pixels, and nobody has looked.
        """
        images = self.draft.study.images
        if not self.identity.known:
            return tuple(Picture(image) for image in images)
        return pictures(self.draft.study, tuple((one.label, box) for one, box in self.placed))

    @cached_property
    def pdf(self) -> bytes:
        """The report as PDF, which several forms carry.

        Raises:
            MissingDependency: the packages that write it are not installed.
        """
        from radrag.export.pdf import report_to_pdf

        return report_to_pdf(self)

    def uid(self, kind: str, version: int | None = None) -> str:
        """Return the UID of this report in one form: the same for the same version, whenever it is made.

        Args:
            kind: such as ``sr``; each has UIDs of its own.
            version: of the report; the present one when None.
        """
        number = self.report.version if version is None else version
        return uid_of("report", self.draft.draft_id, kind, number, self.identity.known, self.sender.institution)


def uid_of(*parts: object) -> str:
    """Return a UID made from parts: a name-based UUID under 2.25 (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, 'radrag/' + '/'.join(map(str, parts))).int}"


def moment(text: str) -> datetime:
    """Return an ISO 8601 time as UTC, to the second; :data:`EPOCH` for anything else."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return EPOCH
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)


def printable(text: str) -> str:
    """Return text on one line that every form can hold, with nothing lost unseen.

    White space becomes single blanks. Control characters, halves of surrogate pairs, non-characters and controls of
    writing direction, which could make a text show in another order than it has, become ``[U+202E]``.
    """
    one_line = re.sub(r"[ \t\r\n\v\f\x85\u2028\u2029]+", " ", text).strip()
    if one_line.isascii() and one_line.isprintable():
        return one_line
    return "".join(code_point(letter) if _unprintable(letter) else letter for letter in one_line)


def code_point(letter: str) -> str:
    """Return a character's code point in words, such as ``[U+202E]``."""
    return f"[U+{ord(letter):04X}]"


def _unprintable(letter: str) -> bool:
    number = ord(letter)
    non_character = number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF
    return unicodedata.category(letter) in {"Cc", "Cs"} or non_character or letter in _BIDI_CONTROLS


def _standing(report: Report) -> tuple[DraftSentence, ...]:
    """Return the sentences that count.

    What was signed counts, whatever the sentences say: where the two differ, the signed text is split anew, and only
    sentences that stand as they were checked keep their evidence.
    """
    if not report.state.signed or not report.signatures:
        return report.sentences
    signed = report.signatures[-1].text
    if _bare(signed) == _bare(report.text()):
        return report.sentences
    checked = {(one.section, printable(one.text)): one for one in report.sentences}
    return tuple(
        checked.get((section, printable(text[start:end])))
        or DraftSentence(section, text[start:end], Status.UNSUPPORTED)
        for section, text in signed.items()
        for start, end in split_sentences(text)
    )


def _bare(sections: Mapping[str, str]) -> dict[str, str]:
    return {name: printable(text) for name, text in sections.items() if printable(text)}


def _clean(sentence: DraftSentence) -> DraftSentence:
    return replace(
        sentence,
        section=printable(sentence.section).lower(),
        text=printable(sentence.text),
        links=tuple(_clean_link(link) for link in sentence.links),
    )


def _clean_link(link: EvidenceLink) -> EvidenceLink:
    return replace(link, case_id=printable(link.case_id), section=printable(link.section), quote=printable(link.quote))


def _clean_signature(signature: Signature) -> Signature:
    text = {name: printable(words) for name, words in signature.text.items()}
    return replace(signature, name=printable(signature.name), text=text, added=printable(signature.added))


def _clean_acknowledgement(told: Acknowledgement) -> Acknowledgement:
    return replace(told, to=printable(told.to), how=printable(told.how), who=printable(told.who))


def _withhold(said: Said, restricted: Collection[str]) -> Said:
    links = tuple(replace(link, quote=WITHHELD) if link.case_id in restricted else link for link in said.links)
    return replace(said, links=links)


def _place(link: EvidenceLink) -> tuple[str, str, int, int]:
    return link.case_id, link.section, link.start, link.end


def _named(part: Any) -> str:
    if not isinstance(part, Mapping):
        return ""
    return " ".join(str(part[key]) for key in ("name", "id", "version") if part.get(key))
