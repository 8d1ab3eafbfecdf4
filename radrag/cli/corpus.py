"""``radrag corpus``: report collections of the workspace."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from radrag.cli.label import describe
from radrag.cli.output import JSON_OPTION, emit, progress, say, table
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.store.values import AddReport
    from radrag.workspace import Workspace

KINDS = {"iu-reports": "the 3,955 Indiana University reports that the installed torchxrayvision carries"}


@click.group()
def command() -> None:
    """Add, list, show, verify and remove report collections."""


@command.command()
@click.argument("kind", metavar="KIND")
@JSON_OPTION
@click.pass_obj
def add(settings: Settings, kind: str, as_json: bool) -> None:
    """Add a collection of KIND; running it again adds nothing.

    KIND is `iu-reports`: the 3,955 Indiana University reports that the installed torchxrayvision carries
    (CC BY-NC-ND 4.0; read where they are, without images).
    """
    from radrag.workspace import Workspace

    if kind not in KINDS:
        raise UsageError(f"There is no corpus kind {kind!r}.", hint=f"Kinds: {', '.join(KINDS)}.")
    report = add_iu_reports(Workspace(settings))
    if as_json:
        emit({"corpus": "iu-xray"} | asdict(report))
    else:
        click.echo(
            f"iu-xray: {report.added:,} cases added, {report.updated:,} replaced, {report.unchanged:,} unchanged."
        )


def add_iu_reports(workspace: Workspace) -> AddReport:
    """Read, label and store the bundled IU reports."""
    from data_prep.iu_xray import bundled_reports
    from radrag.corpus.ingest import ingest
    from radrag.store.values import CorpusInfo

    info = CorpusInfo(
        name="iu-xray",
        title="Indiana University chest X-ray collection (Open-i)",
        licence="CC BY-NC-ND 4.0",
        source="package torchxrayvision",
    )
    with progress("Reading and labelling reports", 3955) as advance:
        cases = bundled_reports(salt=workspace.settings.salt())
        return ingest(cases, info, workspace.store, workspace.labeler, progress=advance)


@command.command("list")
@JSON_OPTION
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List the collections of the workspace."""
    from radrag.workspace import Workspace

    corpora = Workspace(settings).store.corpora()
    if as_json:
        emit([asdict(corpus) for corpus in corpora])
    elif not corpora:
        say("The workspace has no corpus. Add one with: radrag corpus add iu-reports")
    else:
        rows = [
            (c.name, f"{c.cases:,}", f"{c.patients:,}", f"{c.sentences:,}", "yes" if c.restricted else "no", c.licence)
            for c in corpora
        ]
        click.echo(table(("corpus", "cases", "patients", "sentences", "restricted", "licence"), rows, right=(1, 2, 3)))


@command.command()
@click.argument("case_id", metavar="CASE")
@JSON_OPTION
@click.pass_obj
def show(settings: Settings, case_id: str, as_json: bool) -> None:
    """Show one case with its sentences and their findings, e.g. iu-xray:CXR25."""
    from radrag.export.draft_json import report_sentence_to_dict
    from radrag.workspace import Workspace

    store = Workspace(settings).store
    case = store.case(case_id)
    sentences = store.sentences([case_id]).get(case_id, ())
    if as_json:
        value = {
            "case_id": case.case_id,
            "corpus": case.corpus,
            "patient_key": case.patient_key,
            "licence": case.licence,
            "restricted": case.restricted,
            "labels": list(case.labels),
            "views": [image.view.value for image in case.images],
            "sections": dict(case.sections),
            "sentences": [report_sentence_to_dict(sentence) for sentence in sentences],
        }
        emit(value)
        return
    views = ", ".join(image.view.value for image in case.images) or "no images known"
    click.echo(f"{case.case_id}  ({case.licence}; {views})")
    for section, text in case.sections.items():
        click.echo(f"\n{click.style(section.upper(), bold=True)}\n{text}")
    click.echo(f"\n{click.style('FINDINGS BY SENTENCE', bold=True)}")
    for sentence in sentences:
        click.echo(f"  {sentence.section}[{sentence.start}:{sentence.end}] {sentence.text}")
        for finding in sentence.findings:
            click.echo(f"      {describe(finding)}")
    if case.labels:
        click.echo(f"\n{click.style('MANUAL CODES', bold=True)}\n  " + "\n  ".join(case.labels))


@command.command()
@click.argument("name")
@JSON_OPTION
@click.pass_obj
def verify(settings: Settings, name: str, as_json: bool) -> int:
    """Compare every case of a collection with the checksum of its addition."""
    from radrag.workspace import Workspace

    broken = Workspace(settings).store.verify_corpus(name)
    if as_json:
        emit({"corpus": name, "broken": broken})
    elif broken:
        click.echo("\n".join(broken))
    else:
        say(f"{name}: every case is as it was added.")
    return 1 if broken else 0


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(settings: Settings, name: str, yes: bool) -> None:
    """Remove a collection from the workspace; drafts keep their quotes."""
    from radrag.workspace import Workspace

    if not yes:
        click.confirm(f"Remove corpus {name!r} with all its cases?", abort=True, err=True)
    removed = Workspace(settings).store.remove_corpus(name)
    say(f"{name}: {removed:,} cases removed. Rebuild the index with: radrag index build")
