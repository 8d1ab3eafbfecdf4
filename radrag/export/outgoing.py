"""What every form of an outgoing report is made from: the report, whose it is, and who sends it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, Self

from radrag.domain import (
    Box,
    Draft,
    DraftSentence,
    EvidenceLink,
    ImageFinding,
    Polarity,
    Report,
    ReportState,
    Signature,
)
from radrag.export.identity import Identity
from radrag.export.pictures import Picture, pictures
from radrag.export.plain import moment, uid_of
from radrag.export.readying import readied

SECTION_ORDER = ("findings", "impression")


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
        indication = report.draft.study.indication if identity.known else ""
        ready = readied(report, indication=indication, restricted=restricted)
        withheld = {_place(link) for one in ready.sentences for link in one.links if link.case_id in restricted}
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
    def version(self) -> int:
        """The version of what leaves: acts after signing that add nothing to the report make no new one."""
        if not self.signed or self.signature is None:
            return self.report.version
        later = [told for told in self.report.acknowledged if moment(told.at) > moment(self.signature.at)]
        return self.report.version if later else self.signature.version

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
        from radrag.export.pdf import printed

        return printed(self)

    def uid(self, kind: str, version: int | None = None) -> str:
        """Return the UID of this report in one form: the same for the same version, whenever it is made.

        Args:
            kind: such as ``sr``; each has UIDs of its own.
            version: of the report; the present one when None.
        """
        number = self.version if version is None else version
        return uid_of(
            "report",
            self.draft.draft_id,
            kind,
            number,
            self.identity.known,
            bool(self.withheld),
            self.sender.institution,
        )


def _place(link: EvidenceLink) -> tuple[str, str, int, int]:
    return link.case_id, link.section, link.start, link.end


def _named(part: Any) -> str:
    if not isinstance(part, Mapping):
        return ""
    return " ".join(str(part[key]) for key in ("name", "id", "version") if part.get(key))
