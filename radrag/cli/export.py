"""``radrag export``: a draft or report of the workspace to files that others read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.output import JSON_OPTION, emit, say, table
from radrag.errors import ExportError, MissingDependency, RestrictedData, UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.domain import Report
    from radrag.export.files import Written
    from radrag.export.outgoing import Outgoing
    from radrag.store.repository import Store
    from radrag.workspace import Workspace


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
    report = _report(workspace.store, draft_id)
    outgoing = _outgoing(
        workspace, report, institution, without_identity=without_identity, quote_restricted=quote_restricted
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
    _record(workspace.store, outgoing, written, quote_restricted=quote_restricted)
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


def _report(store: Store, draft_id: str) -> Report:
    from radrag.review.decisions import replay
    from radrag.review.report import report_of

    draft = store.draft(draft_id)
    return report_of(draft, replay(draft, store.review_events(draft_id)))


def _outgoing(
    workspace: Workspace, report: Report, institution: str | None, *, without_identity: bool, quote_restricted: bool
) -> Outgoing:
    from radrag.export.identity import read_identity
    from radrag.export.identity import without_identity as nobody
    from radrag.export.outgoing import Outgoing, Sender
    from radrag.release import Destination, require_release

    store, study = workspace.store, report.draft.study
    cited = {link.case_id for sentence in report.sentences for link in sentence.links}
    restricted = frozenset[str]() if quote_restricted else store.restricted_cases(cited)
    if not quote_restricted:
        # A signed report is its reader's own text; a draft is made from what it cites.
        of_text = () if report.state.signed else restricted
        try:
            require_release(store, Destination.EXPORT, case_ids=of_text, images=study.images)
        except RestrictedData as error:
            error.hint = (
                "Sign it first, or, where the files stay with those who may read the corpus: --quote-restricted"
            )
            raise
    identity = nobody(study) if without_identity else read_identity(study, salt=workspace.settings.salt())
    settings = workspace.settings
    sender = Sender(
        institution=settings.institution if institution is None else institution,
        department=settings.department,
        paper=settings.paper,
        patient_system=settings.patient_system,
        wado_url=settings.wado_url,
    )
    return Outgoing.of(report, identity, sender, restricted=restricted)


def _record(store: Store, outgoing: Outgoing, written: Sequence[Written], *, quote_restricted: bool) -> None:
    """Put on record what left, and with whose name in it or not."""
    import getpass
    import socket

    from radrag.store.values import AuditEvent

    if not written:
        return
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        who = "unknown"
    payload = {
        "draft_id": outgoing.draft.draft_id,
        "version": outgoing.version,
        "state": outgoing.state.value,
        "identified": outgoing.identity.known,
        "quoted_restricted": quote_restricted,
        "files": {one.form: one.sha256 for one in written},
    }
    store.record(AuditEvent("draft.exported", who, socket.gethostname(), outgoing.draft.study.patient_key, payload))


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
