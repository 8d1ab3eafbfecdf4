"""``radrag corpus fetch``: collections from their publishers, when the user asks for them and accepts the terms."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.output import progress, say

if TYPE_CHECKING:
    from radrag.fetching.http import Credentials

PASSWORD = "RADRAG_PHYSIONET_PASSWORD"
OUT = click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to fetch into.")
ACCEPT = click.option("--yes", "--accept-licence", "accepted", is_flag=True, help="Accept the terms unasked.")


@click.group()
def fetch() -> None:
    """Fetch a public collection to a folder; nothing is fetched without this command.

    A download that was broken off goes on where it stopped when the same command is run again.
    """


@fetch.command("iu-xray")
@OUT
@click.option("--images", type=click.Choice(["png", "dicom", "none"]), default="png", show_default=True,
              help="png: 1.4 GB; dicom: 81 GB; none: the reports only, 1.1 MB.")  # fmt: skip
@click.option("--keep-archives", is_flag=True, help="Keep the archives once they are unpacked.")
@ACCEPT
@click.option("--url", envvar="RADRAG_OPENI_URL", hidden=True)
def iu_xray(out: Path | None, images: str, keep_archives: bool, accepted: bool, url: str | None) -> None:
    """Fetch the Indiana University collection (Open-i): 3,955 reports, 7,470 images."""
    from data_prep import sources
    from data_prep.download import fetch_openi
    from radrag.fetching.http import HttpTransport

    _require_consent(sources.OPENI_TERMS, accepted=accepted)
    folder = out or Path("iu-xray")
    archives = [sources.REPORTS, *([sources.IMAGES[images]] if images != "none" else [])]
    base = (url or sources.OPENI).rstrip("/")
    with closing(HttpTransport()) as transport:
        fetch_openi(folder, archives, base=base, transport=transport, bar=byte_progress, note=say, keep=keep_archives)
    say(f"Done. Add it with: radrag corpus add iu-xray {folder}")


@fetch.command("mimic-cxr")
@OUT
@click.option("--jpg", is_flag=True, help="MIMIC-CXR-JPG's images (558 GB) instead of DICOM (4.7 TB).")
@click.option("--reports-only", is_flag=True, help="Reports, lists and labels, no images: about 0.2 GB to fetch.")
@click.option("--limit", type=click.IntRange(min=1), help="Only this many studies, for a trial.")
@click.option("--user", help="PhysioNet user name; asked for when not given.")
@click.option("--check", is_flag=True, help="Compare images that are there already with their published checksums.")
@ACCEPT
@click.option("--url", envvar="RADRAG_PHYSIONET_URL", hidden=True)
def mimic_cxr(
    out: Path | None,
    jpg: bool,
    reports_only: bool,
    limit: int | None,
    user: str | None,
    check: bool,
    accepted: bool,
    url: str | None,
) -> int:
    """Fetch MIMIC-CXR 2.1.0 with your own PhysioNet credentials.

    The password is asked for, or taken from RADRAG_PHYSIONET_PASSWORD; it is never stored or shown.
    """
    from data_prep import sources
    from data_prep.physionet import Plan, Site, fetch_mimic, open_physionet

    _require_consent(sources.PHYSIONET_TERMS, accepted=accepted)
    kind = "mimic-cxr-jpg" if jpg else "mimic-cxr"
    folder = out or Path(kind)
    base = (url or sources.PHYSIONET).rstrip("/")
    plan = Plan(jpg=jpg, images=not reports_only, limit=limit or 0, check=check)
    with closing(open_physionet(base, _credentials(user))) as transport:
        failed = fetch_mimic(folder, plan, Site(base, transport, byte_progress, progress, say))
    for line in failed:
        say(f"{click.style('Failed', fg='yellow')} {line}")
    say(f"{'Done, but for the files above' if failed else 'Done'}. Add it with: radrag corpus add {kind} {folder}")
    return 1 if failed else 0


def _require_consent(terms: str, *, accepted: bool) -> None:
    say(terms)
    if not accepted:
        click.confirm("Do you accept these terms?", abort=True, err=True)


def _credentials(user: str | None) -> Credentials:
    from radrag.fetching.http import Credentials

    name = user or click.prompt("PhysioNet user name", err=True)
    # Taken out of the environment, so that no program that is started from here inherits it.
    given = os.environ.pop(PASSWORD, "")
    return Credentials(name, given or click.prompt("PhysioNet password", hide_input=True, err=True))


@contextmanager
def byte_progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show bytes, rate and time left on standard error; yields what advances it (back, too: by negative numbers).

    On something that is not a terminal, one line says what is done and one how many bytes it was.
    """
    if not sys.stderr.isatty():
        done = 0

        def count(size: int) -> None:
            nonlocal done
            done += size

        say(f"{label} ...")
        yield count
        say(f"{label}: {done:,} bytes")
        return

    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        yield lambda size: bar.advance(task, size)
