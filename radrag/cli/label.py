"""``radrag label``: the findings a report states."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from radrag.cli.output import JSON_OPTION, emit
from radrag.domain import Finding
from radrag.settings import Settings

MAX_BYTES = 1 << 20


@click.command()
@click.argument("text", metavar="TEXT|FILE|-")
@JSON_OPTION
@click.pass_obj
def command(settings: Settings, text: str, as_json: bool) -> None:
    """List the findings that a report states, sentence by sentence, with exact offsets.

    TEXT is the report itself, the name of a text file, or - for standard input.
    """
    from radrag.export.draft_json import report_sentence_to_dict
    from radrag.reports.sections import parse_sections
    from radrag.workspace import Workspace

    sections = parse_sections(read_text(text))
    labeler = Workspace(settings).labeler
    sentences = [s for name, body in sections.items() for s in labeler.label_section("", name, body)]
    if as_json:
        emit([report_sentence_to_dict(sentence) for sentence in sentences])
        return
    for sentence in sentences:
        click.echo(f"{sentence.section}[{sentence.start}:{sentence.end}] {sentence.text}")
        for finding in sentence.findings:
            click.echo(f"    {describe(finding)}")


def describe(finding: Finding) -> str:
    """Return a finding in words, e.g. ``Pleural Effusion: positive, left, mild``."""
    attributes = (finding.side.value, finding.location, finding.severity.value, finding.change.value)
    words = [finding.polarity.value, *(word for word in attributes if word and word != "none")]
    return f"{finding.label}: {', '.join(words)}"


def read_text(text: str) -> str:
    """Return the text itself, or what the file or standard input of that name holds.

    Raises:
        UsageError: the file is no UTF-8 text or over 1 MiB.
    """
    from radrag.errors import UsageError

    if text == "-":
        return sys.stdin.read(MAX_BYTES)
    if len(text) > 1024 or "\n" in text or not Path(text).is_file():
        return text
    data = Path(text).read_bytes()
    if len(data) > MAX_BYTES:
        raise UsageError(f"{text} is over 1 MiB; that is no report.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{text} is not UTF-8 text.", hint="Convert it first, for example with iconv.") from None
