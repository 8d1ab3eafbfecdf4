"""``radrag audit report``: everything that can be audited, as one page and as files."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.options import ENCODER, ENCODER_WEIGHTS, SPLIT
from radrag.cli.output import JSON_OPTION, progress, say
from radrag.errors import RadragError, UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.audit.attributes import Attributes
    from radrag.audit.document import Document
    from radrag.audit.retrieval import RetrievalAudit
    from radrag.audit.sections import Section
    from radrag.evaluation.manifest import QueryManifest
    from radrag.evaluation.queries import EvaluationQuery
    from radrag.workspace import Workspace

DRAFTS = 200
"""Latest drafts whose quotes are read anew, for the calibration of support strengths."""

NEEDS_MANIFEST = "It needs queries: --manifest CSV."


@dataclass(frozen=True)
class Inputs:
    """What sections are made from; queries are encoded once, when the first section asks for them.

    Attributes:
        path: of the manifest.
        collection: whose patient numbers the queries have; empty when not said.
        depth: results audited.
    """

    workspace: Workspace
    path: Path | None = None
    manifest: QueryManifest | None = None
    collection: str = ""
    depth: int = 20

    @property
    def given(self) -> QueryManifest:
        """The manifest.

        Raises:
            UsageError: none was given.
        """
        if self.manifest is None:
            raise UsageError(NEEDS_MANIFEST)
        return self.manifest

    @cached_property
    def queries(self) -> list[EvaluationQuery]:
        """The manifest's queries, encoded."""
        from radrag.cli.eval_retrieval import manifest_queries

        return manifest_queries(self.workspace, self.given, self.workspace.snapshot.cases)

    @cached_property
    def attributes(self) -> Mapping[str, Attributes]:
        """What is known of each query besides."""
        from radrag.audit.attributes import read_attributes

        manifest = self.given
        return read_attributes(self.path or Path(), manifest)

    @cached_property
    def retrieval(self) -> RetrievalAudit:
        """What the index finds for the queries."""
        from radrag.cli.audit_retrieval import audited

        queries = self.queries
        return audited(self.workspace, queries, [self.attributes[query.query_id].date for query in queries], self.depth)


def _chain(inputs: Inputs) -> Section:
    from radrag.audit.chain import check_chain, section

    with progress("Checking the record") as advance:
        found = check_chain(inputs.workspace.store)
        advance(found.position)
    return section(found)


def _readers(inputs: Inputs) -> Section:
    from radrag.audit.readers import section
    from radrag.cli.audit_readers import all_reviewed

    return section(all_reviewed(inputs.workspace.store))


def _retrieval(inputs: Inputs) -> Section:
    from radrag.audit.sections_retrieval import section

    return section(inputs.retrieval)


def _subgroups(inputs: Inputs) -> Section:
    from radrag.audit.sections_subgroups import section
    from radrag.cli.audit_subgroups import grouped

    return section(grouped(inputs.workspace, inputs.queries, inputs.attributes))


def _hubs(inputs: Inputs) -> Section:
    from radrag.audit.hubs import section

    return section(inputs.retrieval.hubs)


def _leakage(inputs: Inputs) -> Section:
    from radrag.audit.leakage import section
    from radrag.cli.audit_leakage import compared, of_manifest

    queries, refused = of_manifest(inputs.workspace, inputs.given, inputs.collection)
    return section(compared(inputs.workspace, queries), refused=len(refused))


def _calibration(inputs: Inputs) -> Section:
    from radrag.audit.calibration import audit_calibration
    from radrag.audit.calibration_items import of_support, stored_drafts
    from radrag.audit.sections_calibration import section
    from radrag.cli.audit_calibration import findings

    workspace, manifest = inputs.workspace, inputs.manifest
    sets = []
    if manifest is not None and any(row.image for row in manifest.rows):
        sets += findings(workspace, manifest)
    drafts = list(stored_drafts(workspace.store, DRAFTS))
    if drafts:
        sets += of_support(drafts, workspace.labeler.label_text)
    if not sets:
        raise UsageError("It needs images with labels (--manifest CSV), or stored drafts.")
    return section(audit_calibration(sets, seed=workspace.settings.seed))


SECTIONS: dict[str, tuple[str, Callable[[Inputs], Section]]] = {
    "chain": ("The record", _chain),
    "readers": ("Readers", _readers),
    "leakage": ("Leakage", _leakage),
    "retrieval": ("Retrieval", _retrieval),
    "hubs": ("Hubs and coverage", _hubs),
    "subgroups": ("Subgroups", _subgroups),
    "calibration": ("Calibration", _calibration),
}
"""Section → its title and what makes it, in the report's order."""


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write into.")
@click.option(
    "--manifest",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV of queries, for the sections on retrieval; see docs/retrieval_evaluation.md.",
)
@SPLIT
@click.option("--collection", metavar="NAME", default="", help="Whose patient numbers the queries have.")
@click.option("--only", multiple=True, type=click.Choice(list(SECTIONS)), help="This section; may be given again.")
@click.option("-k", "depth", type=click.IntRange(10, 1000), default=20, show_default=True, help="Results audited.")
@ENCODER
@ENCODER_WEIGHTS
@JSON_OPTION
@click.pass_obj
def report(
    settings: Settings,
    out: Path,
    path: Path | None,
    split: str,
    collection: str,
    only: tuple[str, ...],
    depth: int,
    encoder: str | None,
    encoder_weights: Path | None,
    as_json: bool,
) -> int:
    """Write an audit of the workspace: report.html, report.json, and each table as CSV and Parquet.

    The record and the readers come from the database; what needs queries from --manifest. A section that cannot be
    made says why in the report, and the exit code is 1, but where nothing is missing but a manifest that nobody gave.
    Readers are not named. The workspace keeps a copy for the screen.
    """
    from radrag.audit.files import save_copy, write_document
    from radrag.evaluation.manifest import read_query_manifest
    from radrag.workspace import Workspace

    manifest = read_query_manifest(path, split=split) if path else None
    workspace = Workspace(settings.with_changes(encoder=encoder, encoder_weights=encoder_weights))
    found = make_document(Inputs(workspace, path, manifest, collection, depth), only or SECTIONS)
    try:
        names = write_document(out, found)
        save_copy(settings.workspace, found)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written: {error.strerror}.", hint="Name another folder with --out, or make room."
        ) from None
    if as_json:
        click.echo(found.as_json())
    flags = sum(len(section.flags) for section in found.sections)
    say(f"{out / 'report.html'}: {len(found.sections)} sections, {flags} to look at; {len(names)} files.")
    return 1 if any(one.why != NEEDS_MANIFEST or only for one in found.missing) else 0


def make_document(inputs: Inputs, names: Iterable[str]) -> Document:
    """Make the sections; one whose input is missing or broken is named with the reason."""
    from radrag.audit.document import Document, Missing
    from radrag.audit.making import made_of

    wanted = set(names)
    sections: list[Section] = []
    missing: list[Missing] = []
    for name, (title, make) in SECTIONS.items():
        if name not in wanted:
            continue
        say(f"{title}:")
        try:
            sections.append(make(inputs))
        except RadragError as error:
            missing.append(Missing(name, title, str(error)))
            say(f"{title} is not in the report: {error}")
    command = shlex.join(["radrag", *sys.argv[1:]])
    queries = len(inputs.manifest.rows) if inputs.manifest else 0
    made = made_of(inputs.workspace, command, manifest=inputs.path, queries=queries)
    return Document(made, tuple(sections), tuple(missing))
