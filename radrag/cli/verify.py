"""``radrag verify``: any report text against any evidence text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from radrag.cli.label import read_text
from radrag.cli.output import JSON_OPTION, emit
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.domain import DraftSentence, Sentence
    from radrag.reports.findings import Labeler


@click.command()
@click.argument("report", metavar="REPORT")
@click.option(
    "--against",
    "evidence",
    multiple=True,
    required=True,
    metavar="EVIDENCE",
    help="Evidence: a text, a text file, or a case id such as iu-xray:CXR25. May be given several times.",
)
@JSON_OPTION
@click.pass_obj
def command(settings: Settings, report: str, evidence: tuple[str, ...], as_json: bool) -> None:
    """Check REPORT (a text or a text file), sentence by sentence, against evidence reports."""
    from radrag.workspace import Workspace

    workspace = Workspace(settings)
    labeler = workspace.labeler
    pool: list[Sentence] = []
    for number, item in enumerate(evidence, start=1):
        if is_case_id(item):
            workspace.store.case(item)
            pool += workspace.store.sentences([item]).get(item, ())
        else:
            pool += sentences_of(labeler, f"evidence:{number}", read_text(item))
    drafted = sentences_of(labeler, "", read_text(report))
    checked = workspace.verifier.verify([(sentence.section, sentence.text) for sentence in drafted], pool)
    if as_json:
        from radrag.export.draft_json import sentence_to_dict

        emit({"schema": "radrag.verification/1", "sentences": [sentence_to_dict(sentence) for sentence in checked]})
    else:
        click.echo("\n".join(line for sentence in checked for line in lines(sentence)))


def is_case_id(text: str) -> bool:
    """Whether the text looks like ``corpus:accession`` rather than like a report."""
    return re.fullmatch(r"[^:/\s]+:\S+", text) is not None


def sentences_of(labeler: Labeler, case_id: str, text: str) -> list[Sentence]:
    """Return the labelled sentences of a report's body; of the whole text where it has no such sections."""
    from radrag.reports.sections import BODY, parse_sections

    sections = parse_sections(text)
    body = {name: part for name, part in sections.items() if name in BODY} or sections
    return [sentence for name, part in body.items() for sentence in labeler.label_section(case_id, name, part)]


def lines(sentence: DraftSentence) -> list[str]:
    """Return a checked sentence as lines for the terminal."""
    from radrag.export.text import WORDS

    found = [f"[{WORDS[sentence.status]}] {sentence.text}"]
    found += [
        f"    {link.relation.value} ({link.strength:.2f}): "
        f'{link.case_id} {link.section}[{link.start}:{link.end}] "{link.quote}"'
        for link in sentence.links
    ]
    return found
