"""``radrag corpus add``: a downloaded or exported collection into the workspace."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.output import JSON_OPTION, emit, progress, say
from radrag.domain import PRIOR
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.corpus.collection import Collection
    from radrag.corpus.ingest import IngestReport
    from radrag.workspace import Workspace

BUNDLED = "iu-reports"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")


class _Help(click.Command):
    """Lists the kinds under the help text, without importing their readers for every other command."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        from data_prep.kinds import KINDS

        with formatter.section("Kinds"):
            bundled = "the 3,955 Indiana University reports that the installed torchxrayvision carries (no PATH)"
            formatter.write_dl([(BUNDLED, bundled), *((kind.name, kind.title) for kind in KINDS.values())])


@click.command(cls=_Help)
@click.argument("kind", metavar="KIND")
@click.argument("path", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@click.option("--name", default="", help="Name of the corpus  [default: the kind's, or the folder's]")
@click.option("--reports", type=click.Path(path_type=Path), help="Folder of the reports, where they lie apart.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="Column of a field (pairs): text=notes.")
@click.option("--licence", default="", help="Terms of the collection, where it does not say.")
@click.option("--restricted", is_flag=True, help="The terms forbid passing texts and images to third parties.")
@click.option("--no-images", is_flag=True, help="Do not read image files: no sizes, checksums, leak checks.")
@click.option("--workers", type=click.IntRange(min=0), help="Processes that read and label  [default: one a core]")
@JSON_OPTION
@click.pass_obj
def add(
    settings: Settings,
    kind: str,
    path: Path | None,
    name: str,
    reports: Path | None,
    columns: tuple[str, ...],
    licence: str,
    restricted: bool,
    no_images: bool,
    workers: int | None,
    as_json: bool,
) -> int:
    """Add the collection of KIND at PATH; docs/corpora.md shows the tree that each kind expects.

    Run again, it adds only what is new or changed; after a stop or a crash, it goes on where it was. What cannot be
    taken is listed by `radrag corpus report`, and the exit code is 1 when anything was rejected.
    """
    from data_prep.kinds import KINDS, Options
    from radrag.workspace import Workspace

    if kind != BUNDLED and kind not in KINDS:
        raise UsageError(f"There is no corpus kind {kind!r}.", hint=f"Kinds: {', '.join([BUNDLED, *KINDS])}.")
    if name == PRIOR.partition(":")[0]:
        raise UsageError(f"{name!r} names a patient's own earlier study.", hint="Give the corpus another name.")
    if name == PRIOR.partition(":")[0]:
        raise UsageError(f"{name!r} names a patient's own earlier study.", hint="Give the corpus another name.")
    if name and not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a corpus.", hint="Use small letters, digits, dots and hyphens.")
    options = Options(
        salt=settings.salt(),
        name=name,
        reports=reports,
        columns=dict(_pair(column) for column in columns),
        licence=licence,
        restricted=restricted,
    )
    workspace = Workspace(settings)
    if kind == BUNDLED:
        from data_prep.iu_bundled import bundled_open

        collection = bundled_open(options)
    elif path is None:
        raise UsageError(f"{kind} needs the folder or file of the collection: radrag corpus add {kind} PATH")
    else:
        collection = KINDS[kind].open(path.absolute(), options)
    report = add_collection(workspace, collection, workers=workers, read_images=not no_images)
    _show(collection.info.name, report, as_json=as_json)
    return 1 if report.rejected else 0


def add_iu_reports(workspace: Workspace) -> None:
    """Read, label and store the bundled IU reports."""
    from data_prep.iu_bundled import bundled_open
    from data_prep.kinds import Options

    add_collection(workspace, bundled_open(Options(salt=workspace.settings.salt())))


def add_collection(
    workspace: Workspace, collection: Collection, *, workers: int | None = None, read_images: bool = True
) -> IngestReport:
    """Ingest a collection behind a progress bar."""
    from radrag.corpus.ingest import ingest

    with progress(f"Adding {collection.info.name}", collection.total) as advance:
        return ingest(collection, workspace.store, workers=workers, read_images=read_images, progress=advance)


def _pair(column: str) -> tuple[str, str]:
    field, equals, name = column.partition("=")
    if not (field and equals and name):
        raise UsageError(f"--column {column!r} is not FIELD=NAME.", hint="For example: --column text=notes")
    return field, name


def _show(corpus: str, report: IngestReport, *, as_json: bool) -> None:
    """Print what an addition did."""
    cases = report.cases
    if as_json:
        rejected = {"rejected": dict(report.rejected), "kept": dict(report.kept)}
        emit({"corpus": corpus} | asdict(cases) | rejected)
        return
    click.echo(
        f"{corpus}: {cases.added:,} cases added, {cases.updated:,} replaced, {cases.unchanged:,} unchanged"
        f", {sum(report.rejected.values()):,} items rejected."
    )
    for example in report.examples[:5]:
        say(f"  {click.style('Rejected', fg='yellow')} {example.item}: {example.message} [{example.code}]")
    if report.rejected or report.kept:
        say(f"All rejected items and notes: radrag corpus report {corpus}")
    if cases.added or cases.updated:
        say("Make it searchable with: radrag index build")
