"""``radrag listen``: studies arrive from a PACS or a modality by themselves and are drafted by the queue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.output import say
from radrag.cli.signals import handled_by
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.exchange.values import Told
    from radrag.workspace import Workspace

PEM = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.option("--allow", multiple=True, metavar="AETITLE@ADDRESS", help="Who may send; repeat for several.")
@click.option("--title", default="RADRAG", show_default=True, help="Our AE title.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=11112, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@click.option("--quiet", default=30.0, show_default=True, type=click.FloatRange(0), help="Seconds that end a study.")
@click.option("--associations", default=100, show_default=True, type=click.IntRange(1), help="At the same time.")
@click.option("--tls-certificate", type=PEM, help="PEM certificate; then only TLS is spoken.")
@click.option("--tls-key", type=PEM, help="Its PEM key.")
@click.option("--tls-authorities", type=PEM, help="PEM authorities; then senders must show a certificate of theirs.")
@click.option(
    "--watch", type=click.Path(path_type=Path, file_okay=False), help="Folder whose DICOM files are taken too."
)
@click.option("--workers", default=0, show_default=True, type=click.IntRange(0), help="Processes that draft, too.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines, without identifiers.")
@click.pass_obj
def command(settings: Settings, /, **given: Any) -> int:
    """Receive chest radiographs by DICOM (C-STORE) and put them into the queue.

    Nobody may send until named: --allow PACS@10.0.0.7. Addresses may be networks (10.0.0.0/24), and a port
    (PACS@10.0.0.7:11112) says where the answers to storage commitment go. With --watch, DICOM files that others put
    into a folder are taken in the same way; the folder is only read. A study is submitted when no image of it came
    for --quiet seconds. What arrives is drafted by `radrag batch work --stay`, or here with --workers.
    """
    from radrag.exchange.listener import ListenOptions
    from radrag.exchange.peers import parse_peer, parse_title
    from radrag.exchange.service import Service
    from radrag.workspace import Workspace

    if not given["allow"] and given["watch"] is None:
        raise UsageError(
            "Nobody may send, and no folder is watched.", hint="Say who: radrag listen --allow AETITLE@ADDRESS"
        )
    options = ListenOptions(
        peers=tuple(map(parse_peer, given["allow"])),
        title=parse_title(given["title"]),
        host=given["host"],
        port=given["port"],
        certificate=given["tls_certificate"],
        key=given["tls_key"],
        authorities=given["tls_authorities"],
        associations=given["associations"],
    )
    workspace = Workspace(settings)
    tell = _json if given["as_json"] else _say
    service = Service(workspace, options, quiet=given["quiet"], watch=given["watch"], tell=tell)
    with handled_by(lambda _: service.stop()), _drafting(workspace, given["workers"]) as watch:
        service.run(also=watch)
    return 0


@contextmanager
def _drafting(workspace: Workspace, workers: int) -> Iterator[Callable[[], None]]:
    """Keep workers beside the listener, and end them with it; yields what is to be called now and then."""
    if not workers:
        yield lambda: None
        return
    from radrag.batch.crew import Crew
    from radrag.batch.values import WorkerOptions

    crew = Crew(workspace.settings, workspace.store, workers=workers, options=WorkerOptions(stay=True))
    crew.start()
    try:
        yield lambda: (crew.watch(0.01), None)[1]
    finally:
        crew.stop()
        while crew.watch(1.0):
            pass


def _json(told: Told) -> None:
    from radrag.store.canonical import utc_now

    click.echo(json.dumps({"at": utc_now()} | told.record(), ensure_ascii=False))


def _say(told: Told) -> None:
    record = told.record()
    named = " ".join(str(record[name]) for name in ("peer", "code", "count", "message") if name in record)
    say(f"{told.kind.replace('_', ' ')}: {named}" if named else told.kind.replace("_", " "))
