"""``radrag pull``: studies, and the patients' earlier ones, from a DICOMweb server into the queue."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.output import JSON_OPTION, emit, progress, say
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.exchange.pulling import PulledStudy, Puller
    from radrag.exchange.submitting import Submitter
    from radrag.exchange.values import Told
    from radrag.workspace import Workspace

PEM = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("pull")
@click.argument("url", metavar="URL")
@click.option("--study", default="", metavar="UID", help="Study Instance UID.")
@click.option("--accession", default="", metavar="NUMBER", help="Accession number, exactly.")
@click.option("--patient", default="", metavar="ID", help="Patient id, exactly.")
@click.option(
    "--date",
    "dates",
    default="",
    metavar="DAY[..DAY]",
    help="Day of the study, or first and last day: 2026-11-22, 2026-11-01..2026-11-22, today, yesterday.",
)
@click.option("--modality", "modalities", multiple=True, help="Only studies with this modality; repeat for several.")
@click.option("--priors", default=0, show_default=True, type=click.IntRange(0, 20), help="Earlier studies a study.")
@click.option("--insecure", is_flag=True, help="Allow plain HTTP to another machine.")
@click.option("--authorities", type=PEM, help="PEM authorities to trust for https  [default: the system's]")
@JSON_OPTION
@click.pass_obj
def command(settings: Settings, /, **given: Any) -> int:
    """Fetch chest radiographs from a DICOMweb server and put them into the queue.

    URL is the base address of the service, such as https://pacs.example.org/dicom-web. Credentials are taken from
    RADRAG_DICOMWEB_TOKEN, or from RADRAG_DICOMWEB_USER and RADRAG_DICOMWEB_PASSWORD. What is here already is not
    fetched again: a run that broke off is resumed by the same command. With --priors, earlier chest radiographs of
    the same patients come too. See docs/pull.md.
    """
    from radrag.exchange.pull_values import Access, Wanted
    from radrag.workspace import Workspace

    wanted = Wanted(
        given["study"].strip(),
        given["accession"].strip(),
        given["patient"].strip(),
        read_dates(given["dates"], date.today()),
        tuple(one.strip().upper() for one in given["modalities"]),
    )
    access = Access.from_environment(
        os.environ, given["url"], insecure=given["insecure"], authorities=given["authorities"]
    )
    workspace = Workspace(settings)
    pulled: list[PulledStudy] = []
    with _pulling(workspace, access) as (puller, submitter):
        studies = puller.find(wanted)
        if not studies:
            say("The server has no such study.")
        with progress("Pulling studies", len(studies)) as advance:
            for study in studies:
                try:
                    one = puller.pull(study, priors=given["priors"])
                finally:
                    submitter.submit()  # what came before a failure is drafted too
                pulled.append(one)
                _record(workspace, access.checked_url(), one)
                _show(one, as_json=given["as_json"])
                advance(1)
    return 0 if pulled and not any(one.failed for one in pulled) else 1


@contextmanager
def _pulling(workspace: Workspace, access: Any) -> Iterator[tuple[Puller, Submitter]]:
    from radrag.exchange.arrivals import Arrivals
    from radrag.exchange.dicomweb import DicomWeb
    from radrag.exchange.pulling import Puller
    from radrag.exchange.submitting import Submitter

    salt = workspace.settings.salt()
    with (
        closing(DicomWeb(access)) as server,
        closing(Arrivals(workspace.settings.workspace, salt=salt)) as arrivals,
    ):
        submitter = Submitter(workspace, arrivals, quiet=0, tell=_say)
        yield Puller(server, arrivals, salt=salt, tell=_say), submitter


def read_dates(text: str, today: date) -> str:
    """Return a day or range of days as DICOM matches it; empty for none.

    Raises:
        UsageError: it is neither.
    """
    if not text.strip():
        return ""
    named = {"today": today, "yesterday": today - timedelta(days=1)}
    first, parted, last = text.strip().lower().partition("..")
    try:
        days = [named.get(one) or date.fromisoformat(one) for one in (first, last if parted else first)]
    except ValueError:
        raise UsageError(f"--date {text}: write 2026-11-22 or 2026-11-01..2026-11-22.") from None
    if days[0] > days[1]:
        raise UsageError(f"--date {text}: the first day is after the last.")
    return "-".join(f"{one:%Y%m%d}" for one in (days if parted else days[:1]))


def _record(workspace: Workspace, url: str, one: PulledStudy) -> None:
    """Put on record whose images came from where."""
    from radrag.store.values import AuditEvent

    store = workspace.store
    payload = {"server": re.sub(r"^\w+://", "", url), "images": one.stored, "priors": len(one.priors)}
    store.record(AuditEvent("study.pulled", store.who, store.origin, one.patient_key, payload))


def _show(one: PulledStudy, *, as_json: bool) -> None:
    if as_json:
        emit(
            {
                "patient_key": one.patient_key,
                "files": [str(path) for path in one.files],
                "priors": [[str(path) for path in files] for files in one.priors],
                **{"stored": one.stored, "skipped": one.skipped, "refused": one.refused, "failed": one.failed},
            }
        )
        return
    for path in one.files:
        click.echo(str(path))
    for number, files in enumerate(one.priors, 1):
        for path in files:
            click.echo(f"prior {number}: {path}")


def _say(told: Told) -> None:
    if told.kind == "received":
        return
    words = {"submitted": f"{told.count} studies wait to be drafted.", "waiting": f"Not submitted yet: {told.message}"}
    say(words.get(told.kind, f"{told.kind}: {told.code} {told.message}".strip()))
