"""``radrag export``: a draft or report of the workspace to files that others read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.output import JSON_OPTION, emit, say, table
from radrag.errors import ExportError, MissingDependency, UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.export.files import Written
    from radrag.export.outgoing import Outgoing


@click.command("export")
@click.argument("draft_id", metavar="DRAFT")
@click.option("--format", "formats", metavar="LIST", help="Forms, parted by commas  [default: all that apply]")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default="the present folder",
    help="Folder for the files, which are named by the draft's id.",
)
@click.option("--without-identity", is_flag=True, help="The patient key instead of the patient; no dates of the study.")
@click.option(
    "--quote-restricted",
    is_flag=True,
    help="Quote evidence of restricted corpora too; only where the files stay with those who may read it.",
)
@click.option("--institution", metavar="NAME", help="Who sends the report  [default: the setting institution]")
@JSON_OPTION
@click.pass_obj
def command(
    settings: Settings,
    draft_id: str,
    formats: str | None,
    folder: Path,
    without_identity: bool,
    quote_restricted: bool,
    institution: str | None,
    as_json: bool,
) -> int:
    """Write DRAFT, as its review left it, in the forms that hospital systems read.

    Forms: text, pdf, sr, sr3d, dicompdf, fhir, hl7; see docs/export.md. Nothing is called final that no named
    reader has signed. Whose study it is is read from the image files; where they are gone, only
    --without-identity is left.
    """
    from radrag.export.files import write_form
    from radrag.workspace import Workspace

    workspace = Workspace(settings)
    names, named = _wanted(formats)
    outgoing = workspace.outgoing(
        draft_id, institution=institution, without_identity=without_identity, quote_restricted=quote_restricted
    )
    written: list[Written] = []
    failed: list[dict[str, str]] = []
    for name in names:
        try:
            written.append(write_form(outgoing, name, folder))
        except (ExportError, MissingDependency) as error:
            if named or error.code not in _NOT_FOR_THIS_STUDY:
                failed.append({"form": name, "code": error.code, "message": str(error)})
            say(f"{name}: {error}")
    if written:
        sums = {one.form: one.sha256 for one in written}
        workspace.record_export(outgoing, sums, quoted_restricted=quote_restricted)
    _show(outgoing, written, failed, as_json=as_json)
    return 1 if failed else 0


_NOT_FOR_THIS_STUDY = ("no_images", "no_regions")
"""Codes of forms that a study has nothing for: only said, unless the form was asked for by name."""


def _wanted(formats: str | None) -> tuple[list[str], bool]:
    """Return the forms, and whether they were named."""
    from radrag.export.files import FORMS

    if formats is None:
        return list(FORMS), False
    names = [name.strip() for name in formats.split(",") if name.strip()]
    unknown = [name for name in names if name not in FORMS]
    if unknown or not names:
        raise UsageError(f"--format: {', '.join(unknown) or 'nothing'} is no form.", hint=f"Forms: {', '.join(FORMS)}.")
    return list(dict.fromkeys(names)), True


def _show(outgoing: Outgoing, written: Sequence[Written], failed: Sequence[dict[str, str]], *, as_json: bool) -> None:
    if as_json:
        files = [{"form": one.form, "path": str(one.path), "bytes": one.size, "sha256": one.sha256} for one in written]
        emit(
            {
                "draft_id": outgoing.draft.draft_id,
                "state": outgoing.state.value,
                "signed": outgoing.signed,
                "version": outgoing.version,
                "identified": outgoing.identity.known,
                "withheld": outgoing.withheld,
                "files": files,
                "failed": list(failed),
            }
        )
        return
    if written:
        rows = [(one.form, f"{one.size:,}", one.path) for one in written]
        click.echo(table(("form", "bytes", "file"), rows, right=(1,)))
    if not outgoing.signed:
        say("Nobody has signed this report: the files say that they are preliminary and unverified.")
    if outgoing.withheld:
        say(f"{outgoing.withheld} evidence sentence(s) of restricted corpora are named, not quoted.")
