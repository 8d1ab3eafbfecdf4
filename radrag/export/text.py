"""A draft as plain text for a terminal or a mail: sentences, their status in words, the evidence quoted."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from radrag.domain import Draft, DraftSentence, EvidenceLink, Relation, Status
from radrag.export.draft_json import neighbourhood_of
from radrag.retrieval.neighbourhood import STATED_HEADER, stated_rows

BANNER = "PRELIMINARY - UNVERIFIED DRAFT. Research use; not a report until a named reader signs."
WORDS = {
    Status.SUPPORTED: "supported",
    Status.PARTIAL: "supported in part",
    Status.UNSUPPORTED: "UNSUPPORTED",
    Status.CONTRADICTED: "CONTRADICTED",
}

Style = Callable[[str, Status | None], str]
"""(words, status or None for a heading) → the words as they are shown."""


def draft_to_text(
    draft: Draft, *, width: int = 100, links: int = 1, neighbourhood: bool = False, style: Style | None = None
) -> str:
    """Return the draft as text of at most ``width`` columns.

    Args:
        links: how many evidence sentences are quoted under each sentence, for both sides where it is contradicted.
        neighbourhood: whether to tell what the retrieved cases say of each finding.
        style: colours statuses and headings; plain when None.
    """
    paint: Style = style or (lambda words, _: words)
    lines = [paint(BANNER, None), "", _study_line(draft), ""]
    number = 0
    for section in dict.fromkeys(sentence.section for sentence in draft.sentences):
        lines.append(paint(section.upper(), None))
        for sentence in draft.sentences:
            if sentence.section == section:
                number += 1
                lines += _sentence(number, sentence, width, links, paint)
        lines.append("")
    if not draft.sentences:
        lines += ["No sentence was drafted.", ""]
    if draft.omissions:
        lines.append(paint("NOT MENTIONED IN THE DRAFT", None))
        for omission in draft.omissions:
            lines += _wrap(f"{omission.label}: {omission.why}", width, "  - ", "    ")
        lines.append("")
    if draft.warnings:
        lines.append(paint("WARNINGS", None))
        for warning in draft.warnings:
            lines += _wrap(f"{warning.message} [{warning.code}]", width, "  - ", "    ")
        lines.append("")
    if neighbourhood:
        lines += [paint("WHAT THE CASES FOUND FOR THE IMAGE SAY", None), *_neighbourhood(draft), ""]
    lines.append(_image_line(draft, width))
    lines.append(_provenance_line(draft))
    return "\n".join(lines)


def _study_line(draft: Draft) -> str:
    views = ", ".join(image.view.value for image in draft.study.images)
    who = " ".join(part for part in (draft.study.sex, f"{draft.study.age:g} y" if draft.study.age else "") if part)
    return f"Study {draft.study.study_instance_uid}  ({views}{'; ' + who if who else ''})"


def _sentence(number: int, sentence: DraftSentence, width: int, links: int, paint: Style) -> list[str]:
    supports = len({link.case_id for link in sentence.links if link.relation is Relation.SUPPORTS})
    against = len({link.case_id for link in sentence.links if link.relation is Relation.CONTRADICTS})
    counts = f"{supports} for" + (f", {against} against" if against else "")
    status = f"[{WORDS[sentence.status]}; {counts}]"
    lines = _wrap(f"{sentence.text} {status}", width, f"{number:3d}. ", "     ")
    lines[-1] = lines[-1].replace(status, paint(status, sentence.status))
    for relation in Relation:
        if relation is Relation.SUPPORTS or sentence.status in (Status.CONTRADICTED, Status.UNSUPPORTED):
            for link in [link for link in sentence.links if link.relation is relation][:links]:
                lines += _wrap(_quote(link), width, "       ", "         ")
    return lines


def _quote(link: EvidenceLink) -> str:
    mark = "=" if link.relation is Relation.SUPPORTS else "x"
    return f'{mark} {link.case_id} {link.section}[{link.start}:{link.end}] "{link.quote}"'


def _neighbourhood(draft: Draft) -> list[str]:
    rows = stated_rows(neighbourhood_of(draft))
    if not rows:
        return ["  Nothing is known of them."]
    cells = [STATED_HEADER, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(STATED_HEADER))]
    first, *others = widths
    return [
        "  ".join(["", row[0].ljust(first), *(cell.rjust(size) for cell, size in zip(row[1:], others, strict=True))])
        for row in cells
    ]


def _image_line(draft: Draft, width: int) -> str:
    positive = [f"{finding.label} {finding.probability:.2f}" for finding in draft.image_findings if finding.positive]
    trained = any(finding.trained for finding in draft.image_findings)
    said = ", ".join(positive) or ("nothing above its threshold" if trained else "not assessed")
    return "\n".join(_wrap(f"Image findings: {said}", width, "", "  "))


def _provenance_line(draft: Draft) -> str:
    made = draft.provenance
    return (
        f"Draft {draft.draft_id} by radrag {made['radrag']}: encoder {made['encoder']['name']} "
        f"{made['encoder']['version']}, generator {made['generator']['name']} {made['generator']['version']}, "
        f"index {made['index']['id']} ({made['index']['size']:,} cases)"
    )


def _wrap(text: str, width: int, first: str, rest: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
