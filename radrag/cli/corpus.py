"""``radrag corpus``: report collections of the workspace."""

from __future__ import annotations

from dataclasses import asdict

import click

from radrag.cli.corpus_add import add
from radrag.cli.fetch import fetch
from radrag.cli.label import describe
from radrag.cli.output import JSON_OPTION, emit, progress, say, table
from radrag.settings import Settings


@click.group()
def command() -> None:
    """Fetch, add, list, show, report on, verify and remove report collections."""


command.add_command(add)
command.add_command(fetch)


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
        header = ("corpus", "cases", "patients", "images", "sentences", "rejected", "restricted", "licence", "state")
        rows = [
            (
                *(corpus.name, f"{corpus.cases:,}", f"{corpus.patients:,}", f"{corpus.images:,}"),
                *(f"{corpus.sentences:,}", f"{corpus.rejected:,}", "yes" if corpus.restricted else "no"),
                *(corpus.licence, "complete" if corpus.finished_at else "unfinished: add it again"),
            )
            for corpus in corpora
        ]
        click.echo(table(header, rows, right=(1, 2, 3, 4, 5)))


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
            "split": case.split,
            "sex": case.sex,
            "age": case.age,
            "studied_at": case.studied_at,
            "views": [image.view.value for image in case.images],
            "images": [asdict(image) for image in case.images],
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
        click.echo(f"\n{click.style('LABELS OF THE SOURCE', bold=True)}\n  " + "\n  ".join(case.labels))
    if case.images:
        click.echo(f"\n{click.style('IMAGES', bold=True)}")
        for image in case.images:
            size = f"{image.columns} × {image.rows}" if image.rows else "size unknown"
            click.echo(f"  {image.view.value:8} {size:12} {image.path or 'not held'}")


@command.command()
@click.argument("name")
@click.option("--code", help="Only items with this code.")
@JSON_OPTION
@click.pass_obj
def report(settings: Settings, name: str, code: str | None, as_json: bool) -> int:
    """List what the last addition to a collection could not take, and what it took with a note.

    Exit code 1 when any item was rejected.
    """
    from radrag.workspace import Workspace

    found = Workspace(settings).store.rejections(name, code=code)
    lost = sum(not rejection.kept for rejection in found)
    if as_json:
        emit({"corpus": name, "rejections": [asdict(rejection) for rejection in found]})
    elif not found:
        say(f"{name}: every item was taken as it was.")
    else:
        rows = [("note" if one.kept else "rejected", one.code, one.item, one.message) for one in found]
        click.echo(table(("", "code", "item", "what and why"), rows))
        say(f"{name}: {lost:,} items rejected, {len(found) - lost:,} taken with a note.")
    return 1 if lost else 0


@command.command()
@click.argument("name")
@click.option("--no-files", is_flag=True, help="Do not read image files again.")
@JSON_OPTION
@click.pass_obj
def verify(settings: Settings, name: str, no_files: bool, as_json: bool) -> int:
    """Check a collection: texts and image files against their checksums, and its splits for leaks.

    A leak is a patient, or an identical or near-identical image, on two sides of the split into train, val and test,
    within the collection or between it and another one of the workspace. Exit code 1 when anything was found.
    """
    from radrag.corpus.verification import verify as check
    from radrag.workspace import Workspace

    store = Workspace(settings).store
    with progress("Reading image files") as advance:
        found = check(store, name, files=not no_files, seed=settings.seed, progress=advance)
    if as_json:
        emit({"corpus": name} | asdict(found))
    else:
        for case_id in found.broken:
            click.echo(f"broken      {case_id}: the stored case is not the one that was added")
        for fault in found.files:
            click.echo(f"{fault.fault:11} {fault.case_id}: {fault.path}")
        for leak in found.leaks:
            what = f", {leak.distance} of 256 bits apart" if leak.kind == "near_image" else ""
            click.echo(f"{leak.kind:11} {leak.case_a} ({leak.split_a}) and {leak.case_b} ({leak.split_b}){what}")
        faults = len(found.broken) + len(found.files)
        if faults or found.leaks:
            say(f"{name}: {faults:,} cases or files are not as they were added, {len(found.leaks):,} leaks.")
        else:
            click.echo(f"{name}: every case and file is as it was added, and no patient or image is on two sides.")
    return 1 if found.broken or found.files or found.leaks else 0


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(settings: Settings, name: str, yes: bool) -> None:
    """Remove a collection from the store and from every index; drafts keep their quotes, image files stay."""
    from radrag.corpus.building import drop_corpus
    from radrag.workspace import Workspace

    store = Workspace(settings).store
    held = {corpus.name: corpus for corpus in store.corpora()}
    if name in held and not yes:
        click.confirm(f"Remove corpus {name!r} with its {held[name].cases:,} cases?", abort=True, err=True)
    changed = drop_corpus(store, settings.indexes, name) if name in held else 0
    removed = store.remove_corpus(name)
    say(f"{name}: {removed:,} cases removed from the store, and from {changed} index(es).")
