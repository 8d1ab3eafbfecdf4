"""``radrag draft``: images in, drafts out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.options import ENCODER, ENCODER_WEIGHTS
from radrag.cli.output import JSON_OPTION, progress, say, say_refused, silent
from radrag.cli.prior import read_prior
from radrag.errors import GenerationError, UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.domain import Draft, Status
    from radrag.workspace import Workspace


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@ENCODER
@ENCODER_WEIGHTS
@click.option(
    "--generator",
    type=click.Choice(["compose", "mini", "vlm", "endpoint"]),
    help="Who writes: compose (rules, no model), mini (sees), vlm (local), endpoint (server)  [default: compose]",
)
@click.option(
    "--model",
    metavar="NAME",
    help="Model of the generator: hf:FOLDER, its name on the server, or the run that trained mini.",
)
@click.option("--url", metavar="URL", help="Address of an OpenAI-compatible server on your own network.")
@click.option("--indication", default="", metavar="TEXT", help="Why the study was asked for.")
@click.option(
    "--prior",
    "priors",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The patient's earlier study: a report (text file), images, or both. Only then may a draft compare.",
)
@click.option("--revise", "draft_id", metavar="DRAFT", help="Carry out --note on a saved draft; PATHS are not needed.")
@click.option("--note", "notes", multiple=True, metavar="TEXT", help='What to change, e.g. "2: left, not right".')
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
    model: str | None,
    url: str | None,
    indication: str,
    priors: tuple[Path, ...],
    draft_id: str | None,
    notes: tuple[str, ...],
    hits: int | None,
    links: int,
    neighbourhood: bool,
    save: bool,
    as_json: bool,
) -> int:
    """Draft a report for each study in PATHS: DICOM files, folders of them, PNG or JPEG images.

    Prints one draft a study. An input that is no chest radiograph is refused with a code, the others are drafted;
    the exit code is then 1.

    With --revise, notes are carried out on a saved draft instead, and the new draft is saved beside it.
    """
    from radrag.workspace import Workspace

    given = {
        "encoder": encoder,
        "encoder_weights": encoder_weights,
        "generator": generator,
        "generator_model": model,
        "generator_url": url,
        "hits": hits,
    }
    workspace = Workspace(settings.with_changes(**given), on_token=_count_tokens())

    def shown(draft: Draft) -> None:
        show(draft, as_json=as_json, links=links, neighbourhood=neighbourhood)

    if draft_id is not None:
        if paths or priors or not notes:
            raise UsageError("--revise takes a saved draft and at least one --note, no PATHS and no --prior.")
        shown(_revised(workspace, draft_id, notes))
        return 0
    if notes or not paths:
        raise UsageError(
            "--note belongs to --revise." if notes else "PATHS are missing: give DICOM, PNG or JPEG files or folders."
        )
    return _draft_all(workspace, paths, priors, indication, shown, save=save)


def _count_tokens() -> Callable[[int], None] | None:
    """Return what shows how far a local model is, on one line of the terminal; None where nobody watches."""
    if not sys.stderr.isatty():
        return None

    def show_count(tokens: int) -> None:
        if tokens % 5 == 0:
            click.echo(f"\rWriting: {tokens:,} tokens ", err=True, nl=False)

    return show_count


def _revised(workspace: Workspace, draft_id: str, notes: tuple[str, ...]) -> Draft:
    """Carry notes out one after another; save and return the last draft."""
    draft = workspace.store.draft(draft_id)
    for note in notes:
        draft = workspace.drafter.revise(draft, note)
    workspace.store.save_draft(draft)
    return draft


def _draft_all(
    workspace: Workspace,
    paths: tuple[Path, ...],
    priors: tuple[Path, ...],
    indication: str,
    shown: Callable[[Draft], None],
    *,
    save: bool,
) -> int:
    from radrag.dicom.read import find_studies, load_study

    studies, refusals = find_studies(paths, salt=workspace.settings.salt(), indication=indication)
    say_refused(refusals)
    failed, undrafted = len(refusals), 0
    if not studies:
        return 1
    if priors and len(studies) > 1:
        raise UsageError(f"--prior belongs to one patient's study, and PATHS hold {len(studies)}.")
    drafter = workspace.drafter
    prior = read_prior(workspace, priors, studies[0].study.patient_key) if priors else None
    with progress("Drafting", len(studies)) if len(studies) > 1 else silent() as advance:
        for files in studies:
            study = load_study(files)
            say_refused(study.refusals)
            failed += len(study.refusals)
            if study.images:
                try:
                    draft = drafter.draft(study, prior=prior)
                except GenerationError as error:  # one study's: the next may go well
                    say(f"{files.study.images[0].path}: {error}")
                    undrafted += 1
                else:
                    if save:
                        workspace.store.save_draft(draft)
                    shown(draft)
            advance(1)
    if failed:
        say(f"{failed} input file(s) were refused.")
    if undrafted:
        say(f"{undrafted} of {len(studies)} studies were not drafted.")
    return 1 if failed or undrafted else 0


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
