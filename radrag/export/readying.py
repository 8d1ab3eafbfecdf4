"""What of a report leaves: the text that was signed, in letters that can be shown, quoting what may be passed on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from radrag.domain import Acknowledgement, DraftSentence, EvidenceLink, Report, Signature, Status
from radrag.export.plain import printable
from radrag.reports.sentences import split_sentences

WITHHELD = "[not quoted: the terms of its corpus forbid passing it on]"


def readied(report: Report, *, indication: str, restricted: Collection[str]) -> Report:
    """Return a report ready to be written in any form. Omissions stay behind: they are for the reader.

    Args:
        indication: of the study, as far as it may be told.
        restricted: ids of cases whose text may not be passed on; they are named, not quoted.
    """
    draft = report.draft
    return replace(
        report,
        draft=replace(draft, study=replace(draft.study, indication=printable(indication)), omissions=()),
        sentences=tuple(_clean(one, restricted) for one in _standing(report) if printable(one.text)),
        signatures=tuple(_clean_signature(one) for one in report.signatures),
        acknowledged=tuple(_clean_acknowledgement(one) for one in report.acknowledged),
    )


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


def _clean(sentence: DraftSentence, restricted: Collection[str]) -> DraftSentence:
    return replace(
        sentence,
        section=printable(sentence.section).lower(),
        text=printable(sentence.text),
        links=tuple(_clean_link(link, restricted) for link in sentence.links),
    )


def _clean_link(link: EvidenceLink, restricted: Collection[str]) -> EvidenceLink:
    quote = WITHHELD if link.case_id in restricted else printable(link.quote)
    return replace(link, case_id=printable(link.case_id), section=printable(link.section), quote=quote)


def _clean_signature(signature: Signature) -> Signature:
    text = {name: printable(words) for name, words in signature.text.items()}
    return replace(signature, name=printable(signature.name), text=text, added=printable(signature.added))


def _clean_acknowledgement(told: Acknowledgement) -> Acknowledgement:
    return replace(told, to=printable(told.to), how=printable(told.how), who=printable(told.who))
