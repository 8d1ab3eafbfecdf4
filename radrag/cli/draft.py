"""``radrag draft``: images in, drafts out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.output import JSON_OPTION, progress, say, say_refused, silent
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.domain import Draft, Status


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--encoder", metavar="NAME", help="Image encoder  [default: starter]")
@click.option("--encoder-weights", type=click.Path(path_type=Path), help="Local weights of the image encoder.")
@click.option("--generator", metavar="NAME", help="Generator  [default: compose]")
@click.option("--indication", default="", metavar="TEXT", help="Why the study was asked for.")
@click.option("--hits", type=click.IntRange(1, 100), help="Cases that ground the draft  [default: 20]")
@click.option("--links", default=1, show_default=True, help="Evidence sentences shown under each sentence.")
@click.option("--neighbourhood", is_flag=True, help="Show what the retrieved cases say of each finding.")
@click.option("--save", is_flag=True, help="Keep the drafts in the workspace for review.")
@JSON_OPTION
@click.pass_obj
def command(
    settings: Settings,
    paths: tuple[Path, ...],
    encoder: str | None,
    encoder_weights: Path | None,
    generator: str | None,
    indication: str,
    hits: int | None,
    links: int,
    neighbourhood: bool,
    save: bool,
    as_json: bool,
) -> int:
    """Draft a report for each study in PATHS: DICOM files, folders of them, PNG or JPEG images.

    Prints one draft a study. An input that is no chest radiograph is refused with a code, the others are drafted;
    the exit code is then 1.
    """
    from radrag.dicom.read import find_studies, load_study
    from radrag.workspace import Workspace

    given = {"encoder": encoder, "encoder_weights": encoder_weights, "generator": generator, "hits": hits}
    workspace = Workspace(settings.with_changes(**given))
    studies, refusals = find_studies(paths, salt=settings.salt(), indication=indication)
    say_refused(refusals)
    failed = len(refusals)
    if not studies:
        return 1
    drafter = workspace.drafter
    with progress("Drafting", len(studies)) if len(studies) > 1 else silent() as advance:
        for files in studies:
            study = load_study(files)
            say_refused(study.refusals)
            failed += len(study.refusals)
            if study.images:
                draft = drafter.draft(study)
                if save:
                    workspace.store.save_draft(draft)
                show(draft, as_json=as_json, links=links, neighbourhood=neighbourhood)
            advance(1)
    if failed:
        say(f"{failed} input file(s) were refused.")
    return 1 if failed else 0


def show(draft: Draft, *, as_json: bool, links: int, neighbourhood: bool = False) -> None:
    """Print one draft as a line of JSON or as text for the terminal."""
    from radrag.export.draft_json import draft_to_json
    from radrag.export.text import draft_to_text

    if as_json:
        click.echo(draft_to_json(draft))
    else:
        width = max(60, min(shutil.get_terminal_size().columns, 110))
        text = draft_to_text(draft, width=width, links=links, neighbourhood=neighbourhood, style=_style)
        click.echo(text + "\n")


def _style(words: str, status: Status | None) -> str:
    if status is None:
        return click.style(words, bold=True)
    colour = {"supported": "green", "partial": "yellow", "unsupported": "magenta", "contradicted": "red"}
    return click.style(words, fg=colour[status.value])
